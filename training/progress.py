"""What a run shows and what it keeps: a bar for a person, JSON lines for the record."""

import json
import sys
from collections.abc import Iterable, Mapping, Sized
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TypeVar

import click

Item = TypeVar("Item")


def bar(items: Iterable[Item], label: str) -> AbstractContextManager[Iterable[Item]]:
    """A progress bar on standard error; silent where that is not a terminal."""
    length = len(items) if isinstance(items, Sized) else None
    return click.progressbar(
        items, length=length, label=label, file=sys.stderr, hidden=not sys.stderr.isatty()
    )


class MetricsLog:
    """One JSON object a line, appended; a line that a killed run left unfinished is cut off."""

    def __init__(self, path: Path) -> None:
        """Open the log of a run, for appending."""
        self.path = path
        if path.is_file():
            whole, _, _ = path.read_bytes().rpartition(b"\n")
            path.write_bytes(whole + b"\n" if whole else b"")

    def write(self, record: Mapping[str, object]) -> None:
        """Append one record; on a terminal, also a short line on standard error."""
        line = json.dumps(record)
        with self.path.open("a", encoding="utf-8") as log:
            log.write(line + "\n")
        if sys.stderr.isatty():
            click.echo(line, err=True)
