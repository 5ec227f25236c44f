"""The one record of a benchmark: made, written whole, read back and checked."""

import json
import os
import re
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from math import isfinite
from pathlib import Path
from typing import Any

from cxr_edge.atomic import write_atomically
from cxr_edge.benchmarks.record.machine import machine
from cxr_edge.benchmarks.record.samples import Samples
from cxr_edge.errors import CxrEdgeError, OutputError

SCHEMA = "cxr-edge/benchmark/1"
"""Name and version of the record; ``docs/benchmark.schema.json`` says what it holds."""

_PARTS: Mapping[str, type | tuple[type, ...]] = {
    "schema": str,
    "command": str,
    "arguments": (list, type(None)),
    "notes": list,
    "machine": dict,
    "subject": dict,
    "runs": dict,
    "samples": dict,
    "results": dict,
}
_NUMBERS = re.compile(r"\[\n([-+.\deE,\s]+)\]")
_MACHINE = ("date", "processor", "system", "python", "packages", "load_average")


class RecordError(CxrEdgeError):
    """A file is no record of a benchmark, or does not hold what was asked of it."""


def new_record(
    command: str,
    *,
    subject: Mapping[str, object],
    runs: Mapping[str, object],
    samples: Mapping[str, Samples],
    results: Mapping[str, object],
    notes: Sequence[str] = (),
) -> dict[str, Any]:
    """A record of what was measured in this process, with the machine as it is now.

    Args:
        command: the name after ``cxr-bench``; empty for ``cxr-bench`` itself.
        subject: what was measured: ``bundle``, ``bundle_sha256``, ``index``, ``index_sha256``,
            ``engine``, ``precision``, ``threads`` where there are such, and anything else.
        runs: how: ``warm_up`` and ``rounds`` (calls not timed, and timed), and anything else.
        samples: every single measurement, by the name of its series.
        results: what the command found, in a shape of its own.
        notes: whatever a reader must know to judge the figures, one sentence each.
    """
    return {
        "schema": SCHEMA,
        "command": command,
        "arguments": sys.argv[1:],
        "notes": list(notes),
        "machine": machine(),
        "subject": dict(subject),
        "runs": dict(runs),
        "samples": {
            name: {**asdict(one), "values": [float(value) for value in one.values]}
            for name, one in samples.items()
        },
        "results": dict(results),
    }


def samples_of(record: Mapping[str, Any]) -> dict[str, Samples]:
    """The series of a record, by name."""
    return {name: Samples(**one) for name, one in record["samples"].items()}


def require_writable(target: Path) -> None:
    """Say before anything is measured that a file could not be written afterwards.

    Raises:
        OutputError: it is a folder or a device, its folder is not there, or may not be written to.
    """
    if target.is_dir():
        raise OutputError(f"cannot write {target}: it is a folder; name a file")
    if target.exists() and not target.is_file():
        raise OutputError(f"cannot write {target}: it is there and is no plain file; name a file")
    folder = target.absolute().parent
    if not folder.is_dir():
        raise OutputError(f"cannot write {target}: there is no folder {folder}; make it first")
    if not os.access(folder, os.W_OK | os.X_OK):
        raise OutputError(f"cannot write {target}: no permission in {folder}; name another place")


def write_record(target: Path, record: Mapping[str, Any]) -> None:
    """Write a record whole or not at all.

    Raises:
        OutputError: the disk refuses.
        ValueError: it is no record, or holds a number that is not finite: a bug of the command.
    """
    if problem := _problem(record):
        raise ValueError(problem)
    write_json(target, record)


def read_record(path: Path) -> dict[str, Any]:
    """Read a record and check its shape.

    Raises:
        RecordError: it cannot be read, is no record, or is of another version.
    """
    try:
        record = json.loads(path.read_bytes())
    except OSError as error:
        raise RecordError(
            f"cannot read {path}: {error.strerror or error}; name a file that cxr-bench --json "
            "has written"
        ) from error
    except (ValueError, RecursionError) as error:
        raise RecordError(
            f"{path} is no JSON file; name a file that cxr-bench --json has written"
        ) from error
    if problem := _problem(record):
        raise RecordError(
            f"{path} is no record of a benchmark ({problem}); name a file that cxr-bench --json "
            "has written"
        )
    found: dict[str, Any] = record
    return found


def write_json(target: Path, data: Mapping[str, object]) -> None:
    """Write any JSON file whole or not at all.

    Raises:
        OutputError: the disk refuses.
        ValueError: it holds a number that is not finite.
    """
    text = json.dumps(data, indent=1, allow_nan=False)
    # A list of numbers on one line: a raw line break after the bracket is in no string.
    text = _NUMBERS.sub(lambda found: f"[{' '.join(found[1].split())}]", text)
    write_atomically(target, text.encode() + b"\n")


def _problem(record: object) -> str:
    """What keeps this from being a record, in a few words; empty where nothing does."""
    if not isinstance(record, dict):
        return "it is no JSON object"
    if record.get("schema") != SCHEMA:
        return f"its schema is {str(record.get('schema'))[:40]!r}, expected {SCHEMA!r}"
    for name, kind in _PARTS.items():
        if name not in record or not isinstance(record[name], kind):
            return f"{name!r} is missing or of another kind"
    if strangers := sorted(set(record) - set(_PARTS)):
        return f"{str(strangers[0])[:40]!r} is not part of one"
    for name in _MACHINE:
        if name not in record["machine"]:
            return f"its machine lacks {name!r}"
    for name, series in record["samples"].items():
        if not _is_series(series):
            return f"its series {name[:40]!r} is not made of unit, values and group"
    return ""


def _is_series(series: object) -> bool:
    return (
        isinstance(series, dict)
        and set(series) == {"unit", "values", "group"}
        and isinstance(series["unit"], str)
        and isinstance(series["group"], str)
        and isinstance(series["values"], list)
        and all(type(value) in (int, float) and isfinite(value) for value in series["values"])
    )
