"""Where results go: standard output, one file, or a folder with a file a study."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import click

from cxr_edge.errors import CxrEdgeError, OutputError
from cxr_edge.types import Report, StudyFailure
from cxr_edge.writers import get_writer
from cxr_edge.writers.atomic import write_atomically
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
            OutputError: the folder cannot be made, or its parent does not exist.
        """
        if out is None:
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

    def take_all(self, results: Iterable[Report | StudyFailure]) -> None:
        """Write every result."""
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

    def _write(self, report: Report) -> None:
        path = self.destination.file(self.drafted + 1, self._writer.suffix)
        if path is not None:
            write_atomically(path, self._writer.render(report))
            click.echo(f"{report.study.path} -> {path}", err=True)
        elif self.form == "json":
            click.echo(line(report))
        else:
            click.echo(self._writer.render(report).decode())

    def _fail(self, failure: StudyFailure) -> None:
        self.failed += 1
        if self.form == "json" and self.destination.path is None:
            click.echo(failure_line(failure))
        click.echo(f"cxr-run: {failure.error}", err=True)
