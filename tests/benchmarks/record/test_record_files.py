"""The record of a benchmark: complete, checked against its schema, written whole."""

import json
import os
import platform
from importlib.metadata import version
from pathlib import Path

import jsonschema
import numpy as np
import pytest

from cxr_edge.benchmarks.record import (
    SCHEMA,
    RecordError,
    Samples,
    machine,
    new_record,
    read_record,
    samples_of,
    write_record,
)
from cxr_edge.benchmarks.record.machine import _driver_files
from cxr_edge.errors import OutputError

ROOT = Path(__file__).resolve().parents[3]
CHECK = jsonschema.Draft202012Validator(
    json.loads((ROOT / "docs" / "benchmark.schema.json").read_text())
)


def _record() -> dict:
    return new_record(
        "blas",
        subject={"bundle_sha256": "0" * 64, "index_sha256": None, "threads": 2},
        runs={"warm_up": 3, "rounds": 2},
        samples={"a": Samples("ms", [np.float64(1.5), 2], "turns"), "b": Samples("ms", [])},
        results={"figure": 1, "text": "[\n 1,\n 2\n]", "nested": [[1, -2.5e-7], [], ["a", 3]]},
        notes=["Made up."],
    )


def test_a_record_survives_the_disk_and_keeps_to_its_schema(tmp_path: Path) -> None:
    record = _record()
    CHECK.validate(record)
    write_record(tmp_path / "record.json", record)
    assert read_record(tmp_path / "record.json") == record
    assert samples_of(record) == {
        "a": Samples("ms", [1.5, 2.0], "turns"),
        "b": Samples("ms", [], ""),
    }
    assert [path.name for path in tmp_path.iterdir()] == ["record.json"]


def test_the_machine_is_this_one() -> None:
    found = machine()
    assert found["python"] == platform.python_version()
    assert found["cores"] == os.cpu_count()
    packages = found["packages"]
    assert isinstance(packages, dict)
    assert packages["numpy"] == version("numpy")
    assert "not installed" not in packages.values()
    if not Path("/proc/meminfo").exists():
        pytest.skip("no /proc/meminfo to compare memory and flags with")
    total = next(
        int(line.split()[1]) // 1024
        for line in Path("/proc/meminfo").read_text().splitlines()
        if line.startswith("MemTotal")
    )
    assert found["memory_mib"] == total
    told = Path("/proc/cpuinfo").read_text().split()
    assert isinstance(found["flags"], list)
    assert set(found["flags"]) <= set(told)
    assert ("avx2" in found["flags"]) == ("avx2" in told)


def test_nvidia_smi_is_asked_where_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if os.name == "nt":
        pytest.skip("the stand-in for nvidia-smi is a shell script")
    tool = tmp_path / "nvidia-smi"
    tool.write_text(
        "#!/bin/sh\necho 'NVIDIA A2, 570.86.15, 15356'\necho 'NVIDIA GB10, 580.1, [N/A]'\n"
    )
    tool.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    assert machine()["gpus"] == [
        {"name": "NVIDIA A2", "driver": "570.86.15", "memory_mib": 15356},
        {"name": "NVIDIA GB10", "driver": "580.1", "memory_mib": None},
    ]


def test_without_nvidia_smi_the_driver_is_read(tmp_path: Path) -> None:
    (tmp_path / "version").write_text(
        "NVRM version: NVIDIA UNIX x86_64 Kernel Module  570.86.15  Thu Jan 1 00:00:00 UTC 2026\n"
        "GCC version:  gcc version 12.2.0\n"
    )
    card = tmp_path / "gpus" / "0000:01:00.0"
    card.mkdir(parents=True)
    (card / "information").write_text("Model: \t\t NVIDIA A2\nIRQ:   \t\t 5\n")
    assert _driver_files(tmp_path) == [
        {"name": "NVIDIA A2", "driver": "570.86.15", "memory_mib": None}
    ]
    assert _driver_files(tmp_path / "absent") == []


def _without(record: dict, *path: str) -> dict:
    inner = record
    for name in path[:-1]:
        inner = inner[name]
    del inner[path[-1]]
    return record


@pytest.mark.parametrize(
    "spoil",
    [
        lambda r: [r],
        lambda r: {**r, "schema": "cxr-edge/benchmark/2"},
        lambda r: {**r, "samples": []},
        lambda r: {**r, "more": 1},
        lambda r: {**r, "samples": {"a": {"unit": "ms", "values": [1.0]}}},
        lambda r: {**r, "samples": {"a": {"unit": "ms", "values": ["1"], "group": ""}}},
        lambda r: {**r, "samples": {"a": {"unit": "ms", "values": [True], "group": ""}}},
        lambda r: _without(r, "results"),
        lambda r: _without(r, "machine", "processor"),
    ],
)
def test_what_is_no_record_is_refused_in_one_line_and_by_the_schema(spoil, tmp_path: Path) -> None:
    spoiled = spoil(_record())
    assert not CHECK.is_valid(spoiled)
    path = tmp_path / "spoiled.json"
    path.write_text(json.dumps(spoiled))
    with pytest.raises(RecordError, match="no record of a benchmark") as caught:
        read_record(path)
    assert "\n" not in str(caught.value)
    with pytest.raises(ValueError, match=r"object|expected|missing|part|lacks|series"):
        write_record(tmp_path / "never.json", spoiled)
    assert not (tmp_path / "never.json").exists()


def test_files_that_are_none_are_refused_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "text").write_text("no JSON")
    (tmp_path / "bytes").write_bytes(b"\xff\xfe\x00")
    (tmp_path / "deep").write_text("[" * 100_000)
    for name in ("text", "bytes", "deep", "absent", "."):
        with pytest.raises(RecordError, match="cxr-bench --json") as caught:
            read_record(tmp_path / name)
        assert "\n" not in str(caught.value)


def test_numbers_that_are_not_finite_are_not_written(tmp_path: Path) -> None:
    record = _record()
    record["results"]["figure"] = float("nan")
    with pytest.raises(ValueError, match="JSON compliant"):
        write_record(tmp_path / "record.json", record)
    with pytest.raises(OutputError):
        write_record(tmp_path / "no folder" / "record.json", _record())
    assert list(tmp_path.iterdir()) == []


def test_the_schema_has_the_version_of_the_program() -> None:
    assert CHECK.schema["properties"]["schema"]["const"] == SCHEMA
