"""Several of our methods in one run, and networks that write reports with made-up weights."""

from pathlib import Path

import pytest
from click.testing import CliRunner
from reduced_networks import STATES, reduced_spec

from cxr_edge.benchmarks.claims.made_up import WRITERS, made_up_writer
from cxr_edge.benchmarks.cli import bench
from cxr_edge.benchmarks.parts import exports
from cxr_edge.benchmarks.pictures.gallery import draw
from cxr_edge.benchmarks.pictures.readme_table import table
from cxr_edge.benchmarks.record import read_record
from cxr_edge.errors import MethodError
from cxr_edge.export.exporter import export_bundle
from cxr_edge.pipeline import Pipeline


def measure(*arguments: str) -> str:
    done = CliRunner().invoke(bench, arguments, catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.stdout


def test_one_record_holds_every_method_and_figure_4_a_point_for_each(
    shared_data: Path, tmp_path: Path
) -> None:
    pytest.importorskip("matplotlib", reason="matplotlib is not installed: pip install .[bench]")
    target = tmp_path / "c.json"
    text = measure(
        *("--method", "guided", "--method", "select", "--method", "top-k", "--fresh", "1"),
        *("--studies", str(shared_data / "openi"), "--split", "valid", "--count", "4"),
        *("--baseline", "ort-hnswlib", "--samples", "2", "--json", str(target)),
    )
    record = read_record(target)
    names = [(row["system"], row["level"], row["method"]) for row in record["results"]["rows"]]
    methods = ("guided", "select", "top-k")
    assert names == [
        *(("cxr-edge", level, method) for method in methods for level in (0, 0.15)),
        *(("ort-hnswlib", level, "select") for level in (0, 0.15)),
    ]
    assert record["subject"]["method"] == "guided, select, top-k"
    assert "cxr-edge, guided @ 0.15 / total" in record["samples"]
    assert "ort-hnswlib @ 0.15 / total" in record["samples"]
    (line,) = [line for line in text.splitlines() if line.startswith("ort-hnswlib @ 0.15 / ")]
    assert line.startswith("ort-hnswlib @ 0.15 / cxr-edge, select @ 0.15 ")
    (figure,) = [one for one in draw(record, "c").pictures if one.name == "c-figure-4"]
    for name in (*(f"cxr-edge, {method}" for method in methods), "ort-hnswlib"):
        assert f">{name}</text>" in figure.svg.decode()
    assert "| cxr-edge, top-k, 15 % |" in table([(target, record)])


def test_a_method_that_the_bundle_cannot_do_ends_it_in_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:

    bundle = export_bundle(reduced_spec("medclip-rn50", tmp_path), tmp_path / "bundle", force=True)
    given = ["--bundle", str(bundle.directory), "--corpus-size", "1000", "--count", "1"]
    given += ["--baseline", "none", "--method", "select", "--method", "guided"]
    with pytest.raises(MethodError, match="guided needs observation probabilities"):
        CliRunner().invoke(bench, given, catch_exceptions=False)


@pytest.mark.parametrize("name", WRITERS)
def test_a_made_up_writer_writes_as_much_as_it_may(
    name: str, phantom: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The network of the exporter's own tests stands for the full size, which takes minutes."""
    state = STATES[name]()
    shapes = {key: tuple(tensor.shape) for key, tensor in state.items()}
    monkeypatch.setattr(exports, "shapes_of", lambda _: shapes)
    bundle = made_up_writer(name, tmp_path, recipe="window")
    decoding = bundle.decoding
    longest = decoding.get("limit") or decoding["sentences"] * decoding["words"]
    with Pipeline.load(bundle.directory, engine="cpu", method="generate", threads=1) as pipeline:
        report = pipeline.run(phantom)
        seen = pipeline.encode(pipeline.read(phantom)).extras
        written = pipeline._method._decoder.write({key: array[None] for key, array in seen.items()})
    assert sum(len(text.tokens) for text in written[0]) == longest
    assert not any(text.ended for text in written[0])
    assert "word" in report.findings
