"""From the options to what is printed and written."""

import sys
from pathlib import Path
from typing import Any

import click

from cxr_edge.atomic import write_atomically
from cxr_edge.benchmarks.claims.command import Outcome, run
from cxr_edge.benchmarks.claims.options import asked_for
from cxr_edge.benchmarks.record import write_record
from cxr_edge.benchmarks.record.files import require_writable
from cxr_edge.errors import CxrEdgeError, OutputError

RECORD, TABLE, PAGE = "claims.json", "claims.txt", "claims.html"
"""Names in ``--out``."""


def deliver(given: dict[str, Any]) -> None:
    """Measure what the options ask for, print the table, and write the files.

    Raises:
        CxrEdgeError: in one line, why nothing was measured or written.
    """
    asked = asked_for(given)
    records, pages = _targets(given["target"], RECORD, given["out"]), []
    if given["page"] is not None or given["out"] is not None:
        pages = _targets(given["page"], PAGE, given["out"])
    for place in (*records, *pages):
        _require_folder(place)
    outcome = run(asked, _said)
    click.echo(outcome.text)
    for place in records:
        write_record(place, outcome.record)
    if given["out"] is not None:
        write_atomically(given["out"] / TABLE, outcome.text.encode() + b"\n")
    for place in pages:
        _write_page(place, outcome)


def _targets(named: Path | None, name: str, folder: Path | None) -> list[Path]:
    return [place for place in (named, folder and folder / name) if place is not None]


def _require_folder(place: Path) -> None:
    """Known now, not after minutes of measuring."""
    try:
        place.absolute().parent.mkdir(parents=True, exist_ok=True)
    except OSError as problem:
        raise OutputError(f"cannot write {place}: {problem.strerror}; name another") from None
    require_writable(place)


def _write_page(place: Path, outcome: Outcome) -> None:
    """The page, where pictures can be drawn; the figures are there without it."""
    from cxr_edge.benchmarks.pictures.canvas import require_matplotlib
    from cxr_edge.benchmarks.pictures.page import render

    try:
        require_matplotlib()
    except CxrEdgeError as problem:
        _said(f"{place} is not written: {problem}")
        return
    write_atomically(place, render([(place.stem, outcome.record)]))


def _said(line: str) -> None:
    """Progress, on a terminal or not: it takes minutes."""
    click.echo(f"cxr-bench: {line}", err=True, file=sys.stderr)
