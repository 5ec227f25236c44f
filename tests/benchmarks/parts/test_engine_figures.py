"""The figures of docs/engines.md are those of the records, and those keep what was promised."""

from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from cxr_edge.benchmarks.parts.engine_memory import peak_mib
from cxr_edge.benchmarks.parts.engines import _parity, _time, engines
from cxr_edge.benchmarks.parts.engines_table import PROCESSOR, WALL, table, times
from cxr_edge.benchmarks.parts.int8 import int8
from cxr_edge.benchmarks.record import read_record, samples_of
from cxr_edge.engines import load_engine

ROOT = Path(__file__).resolve().parents[3]
RESULTS = ROOT / "benchmarks" / "results"
TINY = ROOT / "tests" / "data" / "tiny.onnx"


@pytest.mark.parametrize(("command", "record"), [(engines, "engines.json"), (int8, "int8.json")])
def test_the_tables_are_those_of_the_documentation(command, record: str) -> None:
    printed = CliRunner().invoke(
        command, ["--table", str(RESULTS / record)], catch_exceptions=False
    )
    assert printed.output.count("\n") > 5
    assert printed.output in (ROOT / "docs" / "engines.md").read_text()


def test_int8_is_as_much_faster_as_was_asked() -> None:
    record = read_record(RESULTS / "engines.json")
    assert times(record, "ResNet-50", "int8", "cpu") >= 2.5
    assert times(record, "ViT-B/32", "int8", "cpu") >= 1.8
    samples = samples_of(record)
    for network, row in record["results"]["rows"].items():
        for precision, runs in row["runs"].items():
            for engine, run in runs.items():
                for clock in (WALL, PROCESSOR):
                    assert (
                        len(samples[f"{network} / {precision} / {engine} / {clock}"].values) >= 30
                    )
                assert run["min_cosine"] > 0.99


def test_int8_of_the_embedded_default_keeps_its_limits() -> None:
    record = read_record(RESULTS / "int8.json")["results"]
    assert {row["precision"] for row in record["rows"]} == {"fp32", "int8"}
    for row in record["rows"]:
        for name in ("score_regret", "auroc_loss"):
            assert row[name] <= record["limits"][name]
        assert row["same"] >= record["limits"]["same"]


def test_samples_are_paired_and_parity_is_that_of_numpy() -> None:
    loaded = {("fp32", name): load_engine("cpu", TINY.read_bytes(), 1) for name in ("a", "b")}
    timed = _time(loaded, {"pixels": np.ones((1, 1, 16, 16), np.float32)}, 4)
    assert {len(values) for one in timed.values() for values in one.values()} == {4}
    wanted, got = np.eye(3, dtype=np.float32), np.eye(3, dtype=np.float32)
    got[0] = (3.0, 4.0, 0.0)
    found = _parity(wanted, got)
    assert found["max_abs_error"] == 4.0
    assert found["min_cosine"] == pytest.approx(0.6)


def test_memory_is_that_of_another_process(tmp_path: Path) -> None:
    np.save(tmp_path / "pixels.npy", np.ones((1, 1, 16, 16), np.float32))
    # Python with numpy and ONNX Runtime; this process, which holds torch's tests, is larger.
    assert 30 < peak_mib("cpu", TINY, tmp_path / "pixels.npy", "pixels", 1) < 200


def test_what_was_not_run_and_what_was_refused_is_said() -> None:
    run = {"version": "onnxruntime 1", "peak_mib": 5, "max_abs_error": 0.0, "min_cosine": 1.0}
    taken = {
        "net / fp32 / cpu / wall": [4.0, 4.0, 8.0],
        "net / fp32 / cpu / processor": [2.0, 2.0, 2.0],
        "net / int8 / cpu / wall": [2.0, 2.0, 2.0],
        "net / int8 / cpu / processor": [1.0, 0.5, 1.0],
    }
    row = {
        "threads": 2,
        "date": "2026-11-22",
        "bytes": {"fp32": 2**20, "int8": 2**18},
        "runs": {
            "fp32": {"cpu": run, "openvino": {"refused": "no such operation"}},
            "int8": {"cpu": run},
        },
    }
    away = {"cuda": {"available": False, "detail": "no driver"}, "cpu": {"available": True}}
    record = {
        "results": {"rows": {"net": row}, "engines": away},
        "samples": {name: {"values": values} for name, values in taken.items()},
    }
    lines = table(record).splitlines()[2:]
    assert lines[0].startswith(
        "| net | `cpu` | fp32 | 0.0e+00 | 1.00000 | 4.0 / 7.6 | 2.0 | 1.00 |"
    )
    assert lines[1].endswith("| refused: no such operation |")
    assert "| 2.00 | 5 | 0.2 | onnxruntime 1, 2 threads, 2026-11-22 |" in lines[2]
    assert lines[3].endswith("| not run: no driver |")
    assert len({line.count("|") for line in lines}) == 1
