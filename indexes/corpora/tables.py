"""Reports in a table: CSV, also with semicolons or tabs, also gzipped; Parquet by ``parquet.py``.

``TableReader`` is told which column is what by ``Columns``: taken from the options, recognised by
its usual name, or fixed by a data set (``released.py``).
"""

import csv
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from cxr_edge.errors import CorpusError
from cxr_edge.indexes.corpora import ROLES, CorpusOptions
from cxr_edge.indexes.corpora.files import open_text, require_file
from cxr_edge.indexes.corpora.reports import ImageName, RawReport
from cxr_edge.indexes.corpora.text.judging import ENGLISH, Language

Row = Mapping[str, str]
_USUAL: dict[str, tuple[str, ...]] = {
    "findings": ("findings", "finding", "section_findings", "findings_text"),
    "impression": ("impression", "impressions", "section_impression", "conclusion"),
    "report": (
        "report",
        "report_text",
        "radiology_report",
        "full_report",
        "text",
        "sentence",
        "caption",
    ),
    "source": ("study_id", "study", "studyinstanceuid", "uid", "report_id", "reportid", "id"),
    "split": ("split", "subset"),
    "image": ("path", "image_path", "path_to_image", "image", "filename", "file", "file_name"),
    "view": ("view", "projection", "frontal_lateral", "viewposition", "view_position"),
}
_MISSING = frozenset(("", "nan", "null", "none", "na", "n/a", "<na>"))
"""What tools write where a cell was empty, in lower case."""
_LATERAL = ("lat", "ll", "l", "lateral", "rl")
_FRONTAL = ("pa", "ap", "frontal", "ap_horizontal", "ap supine", "pa erect")


@dataclass(frozen=True)
class Columns:
    """Which column of a table holds what; None where there is none."""

    findings: str | None = None
    impression: str | None = None
    report: str | None = None
    """The whole report, used where findings and impression are both empty."""
    source: str | None = None
    split: str | None = None
    image: str | None = None
    view: str | None = None

    @property
    def texts(self) -> tuple[tuple[str, str], ...]:
        """Section and column of the sections given apart."""
        pairs = (("findings", self.findings), ("impression", self.impression))
        return tuple((section, column) for section, column in pairs if column is not None)


def recognise_columns(header: Sequence[str], options: CorpusOptions, path: Path) -> Columns:
    """Which column is what: as the options name them, the others by their usual names.

    Raises:
        CorpusError: a named column is not there, none holds text, or two could be the same.
    """
    plain: dict[str, list[str]] = {}
    for name in header:
        plain.setdefault(name.strip().lower().replace(" ", "_"), []).append(name)
    named = dict(options.columns)
    found: dict[str, str | None] = {}
    for role, usual in _USUAL.items():
        alike = next((plain[name] for name in usual if name in plain), [])
        if len(alike) > 1 and role not in named:
            raise CorpusError(
                f"{path} has {len(alike)} columns that may be the {role}: {', '.join(alike)}; "
                f"name the one to take with --column {role}=NAME, or rename the others"
            )
        found[role] = alike[0] if alike else None
    for role, name in named.items():
        if name not in header:
            raise CorpusError(
                f"{path} has no column {name!r} for the {role}; it has: {', '.join(header)}"
            )
        found[role] = name
    if "report" in named and not named.keys() & {"findings", "impression"}:
        found["findings"] = found["impression"] = None
    columns = Columns(**found)
    if not columns.texts and columns.report is None:
        raise CorpusError(
            f"{path} has no column with a usual name for findings, impression or report; name one "
            f"with --column report=NAME; it has: {', '.join(header)}"
        )
    return columns


class TableReader:
    """The reports of a table, in its order."""

    language: Language = ENGLISH

    def __init__(
        self,
        path: Path,
        options: CorpusOptions,
        *,
        form: str = "csv",
        columns: Columns | None = None,
        source_of: Callable[[Row], str] | None = None,
        image_of: Callable[[Row], str] | None = None,
        split_of: Callable[[str], str | None] | None = None,
        split_file: Path | None = None,
        row_per_image: bool = False,
    ) -> None:
        """Name the table.

        Args:
            path: the file.
            options: may name columns and want a split.
            form: name of the format.
            columns: fixed by the data set; None recognises them.
            source_of: id of a row's report; None takes the source's column, else the row number.
            image_of: path of a row's image; None takes the image's column.
            split_of: split of a source, where no column has it.
            split_file: what ``split_of`` was read from.
            row_per_image: a report comes again with each of its images.

        Raises:
            CorpusError: there is no such file, a column is missing or there twice, or no split is
                known though one is wanted.
        """
        self.form, self.row_per_image = form, row_per_image
        self._path = require_file(path, "a table of reports")
        self.notes: list[str] = []
        header = self._header()
        self._columns = columns or recognise_columns(header, options, path)
        gone = [c for c in self._used() if c not in header]
        if gone:
            raise CorpusError(
                f"{path} has no column {gone[0]!r}, which every {form} table has; "
                f"it has: {', '.join(header)}"
            )
        if twice := [c for c in self._used() if header.count(c) > 1]:
            raise CorpusError(
                f"{path} has {header.count(twice[0])} columns named {twice[0]!r}; rename all but "
                "the one to take"
            )
        if options.split is not None and self._columns.split is None and split_of is None:
            raise CorpusError(
                f"{path} has no column with the split; name one with --column split=NAME, or "
                "leave out --split"
            )
        self._source_of, self._image_of, self._split_of = source_of, image_of, split_of
        self._split_file = split_file

    def _used(self) -> list[str]:
        return [c for role in ROLES if (c := getattr(self._columns, role)) is not None]

    def files(self) -> Iterator[Path]:
        """See ``Reader``."""
        yield self._path
        if self._split_file is not None:
            yield self._split_file

    def image_folders(self) -> Iterator[Path]:
        """See ``Reader``: next to the table, or in a folder beside it."""
        yield from (self._path.parent, self._path.parent / "images", self._path.parent / "files")

    def view(self, _image: Path) -> str:
        """See ``Reader``."""
        return ""

    def reports(self, _dropped: Counter[str]) -> Iterator[RawReport]:
        """See ``Reader``."""
        for number, row in self._rows():
            yield self._report(number, row)

    def _header(self) -> list[str]:
        return table_header(self._path)

    def _rows(self) -> Iterator[tuple[int, Row]]:
        return csv_rows(self._path, self.notes)

    def _report(self, number: int, row: Row) -> RawReport:
        columns = self._columns
        parts = tuple(
            (section, text) for section, column in columns.texts if (text := cell(row, column))
        )
        if not parts and columns.report is not None:
            parts = (("", cell(row, columns.report)),)
        source = self._source_of(row) if self._source_of else cell(row, columns.source)
        source = source or f"row {number}"
        split = self._split_of(source) if self._split_of else cell(row, columns.split)
        image = self._image_of(row) if self._image_of else cell(row, columns.image)
        return RawReport(
            source=source,
            parts=parts,
            split=split or None,
            images=(ImageName(image, view_of(cell(row, columns.view))),) if image else (),
        )


def cell(row: Row, column: str | None) -> str:
    """A cell's text; empty where there is no such column, or what stands for an empty cell."""
    text = row.get(column, "") if column is not None else ""
    return "" if text.strip().lower() in _MISSING else text


def view_of(text: str) -> str:
    """``frontal``, ``lateral``, or empty, from how data sets name a view."""
    name = text.strip().lower()
    if name in _LATERAL or name.startswith("lateral"):
        return "lateral"
    return "frontal" if name in _FRONTAL or name.startswith("frontal") else ""


def table_header(path: Path) -> list[str]:
    """The names of a CSV file's columns.

    Raises:
        CorpusError: the file cannot be read, or has no header.
    """
    try:
        with open_text(path, []) as stream:
            line = stream.readline()
    except (OSError, EOFError) as problem:
        raise CorpusError(f"{path} cannot be read: {problem}") from None
    header = next(csv.reader([line], delimiter=_delimiter(line)), [])
    if not any(name.strip() for name in header):
        raise CorpusError(f"{path} is empty; expected a first line with the names of the columns")
    return header


def csv_rows(path: Path, notes: list[str]) -> Iterator[tuple[int, Row]]:
    """The rows of a CSV file with the number of their last line.

    Raises:
        CorpusError: the file cannot be read, or a row is broken.
    """
    header = table_header(path)
    try:
        with open_text(path, notes) as stream:
            delimiter = _delimiter(stream.readline())
            stream.seek(0)
            rows = csv.reader(stream, delimiter=delimiter, strict=True)
            next(rows)
            for row in rows:
                if not row:
                    continue
                if len(row) != len(header):
                    raise CorpusError(
                        f"{path}, line {rows.line_num}: {len(row)} cells where the header has "
                        f"{len(header)}; check the quotation marks of this row"
                    )
                yield rows.line_num, dict(zip(header, row, strict=True))
    except csv.Error as problem:
        raise CorpusError(
            f"{path}, line {rows.line_num}: {problem}; check the quotation marks of this row"
        ) from None
    except (OSError, EOFError) as problem:
        raise CorpusError(f"{path} cannot be read: {problem}") from None


def _delimiter(header: str) -> str:
    """The mark that is most frequent in a header."""
    return max(",;\t", key=header.count)
