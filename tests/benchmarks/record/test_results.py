"""Committed results are records of the one schema, and so is what the commands write."""

import json
from pathlib import Path

import click
import jsonschema
import pytest
from click.testing import CliRunner

from cxr_edge.benchmarks.cli import bench
from cxr_edge.benchmarks.parts.engines import engines
from cxr_edge.benchmarks.record import RecordError, read_record

ROOT = Path(__file__).resolve().parents[3]
PHANTOM = ROOT / "examples" / "phantom.dcm"
RESULTS = sorted((ROOT / "benchmarks" / "results").glob("*.json"))
SCHEMA = json.loads((ROOT / "docs" / "benchmark.schema.json").read_text())


def _check(record: object) -> None:
    jsonschema.Draft202012Validator(SCHEMA).validate(record)


@pytest.mark.parametrize("path", RESULTS, ids=lambda path: path.name)
def test_every_committed_result_is_a_record(path: Path) -> None:
    record = read_record(path)
    _check(record)
    named = record["command"].removeprefix("cxr-train ")
    assert path.stem.split("-")[0] == (named or "claims")


def test_json_is_a_file_in_every_command() -> None:
    options = [
        one for command in bench.commands.values() for one in command.params if "--json" in one.opts
    ]
    assert len(options) >= 13
    for option in options:
        assert isinstance(option.type, click.Path)


def test_a_table_of_another_command_is_refused() -> None:
    shown = CliRunner().invoke(
        engines, ["--table", str(ROOT / "benchmarks" / "results" / "exports.json")]
    )
    assert isinstance(shown.exception, RecordError)
    assert "is a record of 'exports', expected one of 'engines'" in str(shown.exception)


def test_a_table_needs_nothing_else_and_a_measurement_does() -> None:
    said = CliRunner().invoke(engines, [])
    assert said.exit_code == 2
    assert "--calibration" in said.output


@pytest.mark.parametrize(
    ("arguments", "series"),
    [
        (["blas", str(PHANTOM), "--runs", "5"], {"one thread / idle": "ms"}),
        (["opening", "--rows", "1000", "--runs", "5"], {"numpy / float16 / 1000 rows": "ms"}),
        (["graph", "--rows", "1000"], {"plain / image / ef 64": "ms"}),
    ],
    ids=lambda value: value[0] if isinstance(value, list) else "",
)
def test_commands_write_what_the_schema_says(
    arguments: list[str], series: dict[str, str], tmp_path: Path
) -> None:
    if arguments[0] == "graph":
        pytest.importorskip("hnswlib", reason="hnswlib is not installed: pip install .[bench]")
    out = tmp_path / "record.json"
    done = CliRunner().invoke(bench, [*arguments, "--json", str(out)], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    record = read_record(out)
    _check(record)
    assert record["command"] == arguments[0]
    assert record["results"]
    for name, unit in series.items():
        assert record["samples"][name]["unit"] == unit
        assert min(record["samples"][name]["values"]) > 0
