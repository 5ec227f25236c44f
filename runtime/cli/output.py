"""Where results go: standard output, one file, or a folder with a file a study."""

import os
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import click

from cxr_edge.atomic import write_atomically
from cxr_edge.errors import CxrEdgeError, OutputError
from cxr_edge.types import Report, StudyFailure
from cxr_edge.writers import get_writer
from cxr_edge.writers.evidence import printable
from cxr_edge.writers.json_report import failure_line, line


@dataclass(frozen=True)
class Destination:
    """Standard output (``path`` None), a file, or a folder."""

    path: Path | None
    folder: bool

    @classmethod
    def of(cls, out: Path | None, several: bool) -> "Destination":
        """Decide before any work is done, and refuse what cannot be written.

        Raises:
            OutputError: the folder cannot be made, its parent does not exist, or standard output is
                closed.
        """
        if out is None or str(out) == "-":
            # Known now, not after the first draft.
            if sys.stdout is None or sys.stdout.closed:
                raise OutputError("standard output is closed; name a file with --out")
            return cls(None, False)
        folder = several or out.is_dir()
        try:
            if folder:
                out.mkdir(parents=True, exist_ok=True)
        except OSError as problem:
            raise OutputError(f"cannot write to {out}: {problem.strerror}") from None
        if not folder and not out.absolute().parent.is_dir():
            raise OutputError(
                f"cannot write {out}: the folder {out.absolute().parent} does not exist"
            )
        return cls(out, folder)

    def file(self, number: int, suffix: str) -> Path | None:
        """The file of the ``number``-th report. Never built from a UID or another header value."""
        if self.path is None or not self.folder:
            return self.path
        return self.path / f"report-{number:04d}{suffix}"


class Sink:
    """Writes each result as it comes and counts them; one failure does not stop the rest."""

    def __init__(self, form: str, destination: Destination) -> None:
        """Take the name of a writer and a place."""
        self.form, self.destination = form, destination
        self.drafted = self.failed = 0
        self._writer = get_writer(form)
        self._held: tuple[Path, bytes, str] | None = None

    def take_all(self, results: Iterable[Report | StudyFailure]) -> None:
        """Write every result.

        Raises:
            OutputError: a result cannot be written, or several studies came for one file.
        """
        for result in results:
            if isinstance(result, StudyFailure):
                self._fail(result)
                continue
            try:
                self._write(result)
                self.drafted += 1
            except OutputError:
                raise
            except CxrEdgeError as problem:
                self._fail(StudyFailure(result.study.path, str(problem)))
        if self._held is not None:
            _save(*self._held)

    def _write(self, report: Report) -> None:
        path = self.destination.file(self.drafted + 1, self._writer.suffix)
        study = report.study.path
        if path is None:
            # Bytes, so that a page that says it is UTF-8 is so under every locale.
            whole = self.form != "json"
            data = self._writer.render(report) if whole else line(report).encode() + b"\n"
            click.echo(data, nl=False)
            return
        if path.exists() and os.path.exists(study) and os.path.samefile(path, study):
            raise OutputError(f"{path} is the study itself; name another file with --out")
        data = self._writer.render(report)
        if self.destination.folder:
            _save(path, data, study)
        elif self._held is None:
            # That standard input or a zip without the suffix holds several is known only later.
            self._held = path, data, study
        else:
            raise OutputError(f"there are several studies for one {path}; name a folder with --out")

    def _fail(self, failure: StudyFailure) -> None:
        self.failed += 1
        if self.form == "json" and self.destination.path is None:
            click.echo(failure_line(failure).encode() + b"\n", nl=False)
        click.echo(f"cxr-run: {failure.error}", err=True)


def _save(path: Path, data: bytes, study: str) -> None:
    write_atomically(path, data)
    click.echo(f"{printable(study)} -> {printable(str(path))}", err=True)
