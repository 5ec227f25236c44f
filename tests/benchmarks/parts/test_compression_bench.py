"""The benchmark of the compression: made-up rows with structure, figures that fit together."""

import json
from pathlib import Path

import numpy as np
from click.testing import CliRunner

from cxr_edge.benchmarks.cli import bench
from cxr_edge.benchmarks.parts.clustered import write_embeddings
from cxr_edge.benchmarks.parts.compression import table
from cxr_edge.benchmarks.record import read_record
from cxr_edge.indexes.compression import LEVELS

ROOT = Path(__file__).resolve().parents[3]


def test_made_up_embeddings_are_unit_rows_and_the_same_each_time(tmp_path: Path) -> None:
    for name in ("a.npy", "b.npy"):
        write_embeddings(tmp_path / name, 3000, 32)
    rows = np.load(tmp_path / "a.npy")
    assert rows.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(rows, axis=1), 1, atol=1e-6)
    assert (tmp_path / "a.npy").read_bytes() == (tmp_path / "b.npy").read_bytes()
    cosines = rows[:1000] @ rows[1000:2000].T
    # Most pairs are of different topics, some nearly the same.
    assert np.median(cosines) < 0.6
    assert cosines.max() > 0.99


def test_figures_agree_with_each_other(tmp_path: Path) -> None:
    reports = tmp_path / "reports.jsonl"
    texts = ("No effusion.", "no effusion.", "There is no effusion.", "Fractured left rib.")
    reports.write_text(
        "".join(json.dumps({"findings": text, "split": "train"}) + "\n" for text in texts)
    )
    command = ["compression", str(reports), "--rows", "3000", "--all-levels", "3000"]
    out = tmp_path / "figures.json"
    done = CliRunner().invoke(
        bench, [*command, "--dimension", "32", "--threads", "1", "--json", str(out)]
    )
    assert done.exit_code == 0, done.output
    record = read_record(out)["results"]
    runs = sorted(record["times"]["runs"], key=lambda run: len(run["representatives"]))
    one, every = (run["representatives"] for run in runs)
    assert one["0.15"] == every["0.15"] < 3000
    counts = list(every.values())
    assert counts == sorted(counts, reverse=True)
    levels = record["sizes"]["levels"]
    assert list(levels) == [f"{level:g}" for level in LEVELS]
    assert levels["0"]["rows"] == record["sizes"]["corpus"]["kept"] == 3
    assert done.stdout.count("\n| 3,000 |") == 2
    assert sorted(path.name for path in tmp_path.iterdir()) == ["figures.json", "reports.jsonl"]

    reports.write_text('{"findings": "No edema.", "split": "train"}\n')
    again = [*command[:2], "--only", "sizes", "--json", str(out)]
    assert CliRunner().invoke(bench, again).exit_code == 0
    later = read_record(out)["results"]
    assert later["times"] == record["times"]
    assert later["sizes"]["corpus"]["kept"] == 1


def test_the_documentation_has_the_recorded_figures() -> None:
    record = read_record(ROOT / "benchmarks" / "results" / "compression.json")
    assert table(record["results"]) in (ROOT / "docs" / "index-build.md").read_text()
