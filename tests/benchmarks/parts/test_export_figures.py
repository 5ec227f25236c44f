"""What ``cxr-bench exports`` measures and prints, and that the documentation prints the same."""

from pathlib import Path

import pytest
from click.testing import CliRunner

from cxr_edge.benchmarks.parts.exports import exports, measure, parameters, shapes_of
from cxr_edge.benchmarks.parts.exports_table import table
from cxr_edge.benchmarks.record import read_record
from cxr_edge.export.fingerprints import FINGERPRINTS
from cxr_edge.export.registry import ARCHITECTURES

ROOT = Path(__file__).resolve().parents[3]
RECORD = ROOT / "benchmarks" / "results" / "exports.json"
PUBLISHED = sorted(name for name in FINGERPRINTS if ARCHITECTURES[name].parameters is not None)


@pytest.mark.parametrize("name", PUBLISHED)
def test_made_up_checkpoints_have_the_published_number_of_parameters(name: str) -> None:
    assert parameters(shapes_of(name)) == ARCHITECTURES[name].parameters


def test_the_table_is_that_of_the_documentation() -> None:
    printed = CliRunner().invoke(exports, ["--table", str(RECORD)], catch_exceptions=False).output
    assert printed.count("\n") == 2 + 3 * len(ARCHITECTURES)
    assert printed in (ROOT / "docs" / "export.md").read_text()


def test_every_architecture_was_exported_at_its_full_size() -> None:
    rows = read_record(RECORD)["results"]["rows"]
    for name in FINGERPRINTS:
        row = rows[name]["fp32"]
        assert row["parameters"] >= (ARCHITECTURES[name].parameters or 0), name
        assert {gate["status"] for gate in row["graphs"].values()} <= {"passed", "uninformative"}


def test_what_was_not_run_and_what_was_refused_is_said() -> None:
    cost = {"parameters": 1234, "seconds": 2.4, "cpu_seconds": 3.6, "peak_mib": 2048}
    gate = {
        "status": "passed",
        "max_abs_error": {"embedding": 1e-6, "tokens": 3e-6},
        "decisions": {
            "embedding": {"check": "score regret", "value": 0.00125, "status": "uninformative"}
        },
    }
    rows = {
        "a": {
            "fp32": {**cost, "bytes": {"image": 3 * 2**20}, "graphs": {"image": gate}},
            "int8": {**cost, "refused": "no image network"},
        }
    }
    lines = table(rows, ["a", "b"]).splitlines()[2:]
    assert [line.split(" | ")[0:2] for line in lines[:3]] == [
        ["| `a`", "fp32"],
        ["| `a`", "fp16"],
        ["| `a`", "int8"],
    ]
    assert "1,234 | 3.0 | 2 | 4 | 2,048 | passed | 3e-06" in lines[0]
    assert "score regret 0.00125 (uninformative)" in lines[0]
    assert "refused: no image network" in lines[2]
    assert all("not run" in line for line in (lines[1], *lines[3:]))
    assert {line.count("|") for line in lines} == {11}


def test_one_export_is_measured_for_real(tmp_path: Path) -> None:
    row = measure("dcclip", [], tmp_path)
    assert row["graphs"]["image"]["status"] == "passed"
    assert row["bytes"]["image"] > 4 * 1_000_000
    assert row["peak_mib"] > 100
    assert row["cpu_seconds"] > 0


def test_what_the_exporter_refuses_becomes_a_row(tmp_path: Path) -> None:
    row = measure("dcclip", ["--precision", "int8"], tmp_path)
    assert "--calibration" in row["refused"]
    assert "graphs" not in row
