"""The main command end to end, on drawn and on real studies."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import jsonschema
import numpy as np
import pytest
from click.testing import CliRunner
from reduced_networks import reduced_spec

from cxr_edge.benchmarks.claims import baselines
from cxr_edge.benchmarks.claims.baselines.pictures import prepare, read
from cxr_edge.benchmarks.cli import bench
from cxr_edge.benchmarks.parts.radiograph_files import write_studies
from cxr_edge.benchmarks.record import read_record
from cxr_edge.bundle import Bundle
from cxr_edge.dicom import read_study
from cxr_edge.errors import OutputError
from cxr_edge.export.exporter import export_bundle
from cxr_edge.export.registry import spec_builder
from cxr_edge.pipeline import Pipeline, locate
from cxr_edge.preprocess import apply

ROOT = Path(__file__).resolve().parents[3]
STAGES = ["read", "preprocess", "encode", "search", "compose", "write", "total"]


def measure(*arguments: str) -> str:
    done = CliRunner().invoke(bench, arguments, catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.stdout


def test_a_first_visitor_gets_a_table_a_record_and_a_page(tmp_path: Path) -> None:
    text = measure(
        *("--compression", "0.15", "--count", "2", "--samples", "3", "--baseline", "none"),
        *("--fresh", "1"),
        *("--out", str(tmp_path / "out"), "--json", str(tmp_path / "claims.json")),
    )
    assert "not by CheXbert" in text
    assert "500 studies at 15 %" in text
    record = read_record(tmp_path / "claims.json")
    schema = json.loads((ROOT / "docs" / "benchmark.schema.json").read_text())
    jsonschema.validate(record, schema)
    rows = record["results"]["rows"]
    assert [(row["system"], row["level"]) for row in rows] == [("cxr-edge", 0), ("cxr-edge", 0.15)]
    for row in rows:
        assert list(row["stages_ms"]) == STAGES
        assert [len(values) for values in row["stages_ms"].values()] == [3] * 7
        parts = sum(np.array(row["stages_ms"][stage]) for stage in STAGES[:-1])
        assert np.all(parts <= row["stages_ms"]["total"])
        assert len(row["processor_ms"]) == 3
        assert row["first_report_ms"] > max(row["stages_ms"]["total"])
        assert row["peak_mb"] > 20
        assert row["scores"] == []
    assert rows[0]["ratio"] == 1
    assert rows[1]["ratio"] == rows[0]["rows"] / rows[1]["rows"] > 1
    assert {path.name for path in (tmp_path / "out").iterdir()} >= {"claims.json", "claims.txt"}
    assert (tmp_path / "out" / "claims.txt").read_text().strip() == text.strip()


def test_real_studies_have_quality_and_the_baseline_says_the_same(
    shared_data: Path, tmp_path: Path
) -> None:
    text = measure(
        *("--studies", str(shared_data / "openi"), "--split", "valid", "--count", "6"),
        *("--compression", "0", "--fresh", "1"),
        *("--samples", "2", "--baseline", "released-code", "--json", str(tmp_path / "c.json")),
    )
    rows = read_record(tmp_path / "c.json")["results"]["rows"]
    assert {row["system"] for row in rows} == {"cxr-edge", "released-code"}
    for row in rows:
        scores = {one["name"]: one for one in row["scores"]}
        assert 0 <= scores["BLEU-2"]["low"] <= scores["BLEU-2"]["value"] <= 1
        assert scores["label F1 (rules)"]["value"] is not None
        assert scores["F1"]["value"] is None
        assert len(row["stages_ms"]["total"]) == 6
        assert row["agreement"] == (None if row["system"] == "cxr-edge" else 1.0)
    assert "needs CheXbert" in text


def test_synthetic_sentences_are_marked(tmp_path: Path) -> None:
    text = measure(
        *("--corpus-size", "2000", "--baseline", "ort-hnswlib"),
        *("--fresh", "1", "--count", "1", "--samples", "2"),
        *("--json", str(tmp_path / "c.json"), "--keep", str(tmp_path / "kept")),
    )
    assert "cxr-edge @ 0.15 synthetic" in text
    record = read_record(tmp_path / "c.json")
    assert record["subject"]["synthetic"]
    assert all(row["synthetic"] and not row["scores"] for row in record["results"]["rows"])
    found = [row["agreement"] for row in record["results"]["rows"] if row["agreement"] is not None]
    assert min(found) >= 0.9
    assert (tmp_path / "kept" / "levels" / "0.15" / "index.json").is_file()


@pytest.mark.parametrize("name", ["drawn", "open-i"])
def test_the_usual_way_of_reading_gives_the_recipes_picture(
    name: str, tmp_path: Path, shared_data: Path
) -> None:
    recipe = Bundle.load(locate("bundle", None)).recipe
    if name == "drawn":
        (file,) = write_studies(tmp_path, 1)
    else:
        file = sorted((shared_data / "openi" / "images").iterdir())[0]
    got = prepare(recipe, *read(file))
    np.testing.assert_allclose(got, apply(recipe, read_study(file).image), atol=2e-3)


def test_what_is_not_installed_is_named_and_the_rest_is_measured(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    needs = {**baselines.NEEDS, "torch": {"no_such_package": "export"}}
    monkeypatch.setattr(baselines, "NEEDS", needs)
    text = measure("--count", "1", "--samples", "2", "--baseline", "torch", "--fresh", "1")
    assert "baseline torch is left out: no_such_package not installed" in text
    assert "cxr-edge @ 0.15" in text


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--compression", "2"], "expected 'all' or a number"),
        (["--compression", "nan"], "expected 'all' or a number"),
        (["--index", "a", "--corpus-size", "5000"], "exclude each other"),
        (["--architecture", "medclip-rn50"], "give --corpus-size"),
        (["--graph"], "is for --corpus-size"),
        (["--samples", "5", "stages"], "give those of stages after its name"),
        (["--method", "describe"], "is not one of 'select', 'top-k', 'guided'"),
        (["--generator", "made-up:gloria"], "expected made-up:dcrrg-decoder or liu2019"),
        (["--generator", "nothing-here"], "nothing-here is not there"),
        (["--recipe", "window"], "is for --architecture and --generator made-up:"),
    ],
)
def test_wrong_use(arguments: list[str], says: str) -> None:
    done = CliRunner().invoke(bench, arguments)
    assert done.exit_code == 2
    assert says in " ".join(done.output.split())


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--studies", "nothing-here"], "nothing-here is not there"),
        (["--bundle", "nothing-here"], "no bundle at nothing-here"),
        (["--precision", "int8"], "is fp32, asked was int8"),
        (["--json", "/dev/null/x.json"], "cannot write"),
        (["--json", "/dev/full"], "is there and is no plain file"),
        (["--generator", "/"], "no bundle at /"),
        (
            ["--chexbert", str(locate("bundle", None))],
            "is a bundle of dcclip, expected one",
        ),
        (["--engine", "steam", "--corpus-size", "331007"], "unknown engine 'steam'"),
    ],
)
def test_errors_are_one_line(arguments: list[str], says: str) -> None:
    command = [sys.executable, "-m", "cxr_edge.benchmarks", "--baseline", "none", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert says in done.stderr.splitlines()[-1]
    assert "Traceback" not in done.stderr


def test_levels_that_are_there_are_not_written_over(tmp_path: Path) -> None:
    (tmp_path / "levels").mkdir()
    with pytest.raises(OutputError, match="is there already; remove it or name another folder"):
        measure("--keep", str(tmp_path), "--corpus-size", "331007", "--graph")


def test_an_interrupt_leaves_nothing(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "cxr_edge.benchmarks", "--baseline", "none", "--samples"]
    command += ["100000", "--count", "1", "--json", str(tmp_path / "claims.json")]
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    with subprocess.Popen(
        command, env={**os.environ, "TMPDIR": str(scratch)}, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stderr is not None
        for line in process.stderr:
            if "rounds of" in line:
                break
        assert list(scratch.iterdir())
        time.sleep(0.2)
        process.send_signal(signal.SIGINT)
        rest = process.stderr.read()
    assert process.returncode == 130
    assert "interrupted" in rest
    assert list(scratch.iterdir()) == []
    assert not (tmp_path / "claims.json").exists()


def test_drafts_are_those_of_the_pipeline(tmp_path: Path) -> None:
    from cxr_edge.benchmarks.claims.system import Setup, open_system

    (file,) = write_studies(tmp_path, 1)
    index = str(locate("index", None))
    setup = Setup("cxr-edge", str(locate("bundle", None)), index, "select", "cpu", 1, 6, "")
    system = open_system(setup)
    answer = system.draft(file, tmp_path / "draft.txt", 0)
    system.close()
    with Pipeline.load(engine="cpu", method="select", threads=1) as pipeline:
        report = pipeline.run(file)
    assert answer.sentences == tuple(hit.text for hit in report.sentences)
    assert report.impression in " ".join((tmp_path / "draft.txt").read_text().split())


def test_a_bundle_that_writes_reports_is_measured_once(tmp_path: Path) -> None:
    reduced_spec("dcrrg-decoder", tmp_path)  # writes the checkpoint
    (tmp_path / "words.json").write_text(json.dumps({f"word{n}": n for n in range(1, 23)}))
    spec = spec_builder("dcrrg-decoder")(tmp_path / "made-up.pt", tmp_path / "words.json")
    bundle = export_bundle(spec, tmp_path / "generator", force=True)
    text = measure(
        *("--compression", "0.15", "--generator", str(bundle.directory)),
        *("--baseline", "generative", "--count", "1", "--samples", "2", "--fresh", "1"),
    )
    assert "generative @ 0 " in text
    assert "generative @ 0.15" not in text
    beside = next(line for line in text.splitlines() if "best generative" in line)
    assert "not measured" not in beside
