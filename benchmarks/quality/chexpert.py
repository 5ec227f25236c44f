"""CheXpert as it is released: a table with the path of each image, and folders of images.

The reports of the test set were never released. Where a table of reports lies beside it
(``reports.csv``, or CheXpert Plus's), they are joined by ``patient…/study…``.
"""

import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from cxr_edge.benchmarks.quality.cases import Case, same_split
from cxr_edge.benchmarks.quality.matrices import FIVE
from cxr_edge.benchmarks.quality.texts import split_report
from cxr_edge.errors import CorpusError
from cxr_edge.indexes.corpora import CorpusOptions, open_reader
from cxr_edge.indexes.corpora.images import image_files
from cxr_edge.indexes.corpora.tables import cell, csv_rows, table_header

_TABLES = (
    ("test", ("test_labels.csv", "groundtruth.csv", "test.csv")),
    ("valid", ("valid.csv",)),
    ("train", ("train.csv",)),
)
_PATH = "Path"
_IMPRESSION = ("Report Impression", "report", "impression")
_STUDY = re.compile(r"patient\d+/study\d+")


def label_table(folder: Path, split: str | None) -> Path | None:
    """The table of CheXpert's images of a split; without one, of the test set if it is there."""
    for name, files in _TABLES:
        if split is not None and not same_split(name, split):
            continue
        for file in files:
            if (folder / file).is_file() and _PATH in table_header(folder / file):
                return folder / file
    return None


def is_five_by_two_hundred(table: Path) -> bool:
    """Whether a table is GLoRIA's selection: paths, reports, the five findings, its name."""
    header = table_header(table) if "5x200" in table.name else []
    return _PATH in header and set(FIVE) <= set(header)


def labelled_studies(table: Path, root: Path) -> Iterator[Case]:
    """The studies of a table of images, frontal images first, with reports where there are any.

    Raises:
        CorpusError: a path names no patient and study.
    """
    images: dict[str, list[Path]] = {}
    for line, row in csv_rows(table, []):
        path = cell(row, _PATH)
        study = _STUDY.search(path)
        if study is None:
            raise CorpusError(f"{table}, line {line}: expected a path with patient and study")
        images.setdefault(study.group(), []).extend(_images(root, path))
    reports = _reports(root)
    for study_id, paths in images.items():
        findings, impression = reports.get(study_id, ("", ""))
        ordered = sorted(paths, key=lambda path: "lateral" in path.name.lower())
        yield Case(study_id, tuple(ordered), findings, impression)


def five_by_two_hundred(table: Path) -> Iterator[Case]:
    """The images of CheXpert 5x200 with report and category; the id is the image's path.

    Raises:
        CorpusError: a row is not of exactly one of the five.
    """
    column = next((name for name in _IMPRESSION if name in table_header(table)), None)
    for line, row in csv_rows(table, []):
        named = [name for name in FIVE if cell(row, name) in ("1", "1.0")]
        if len(named) != 1:
            raise CorpusError(
                f"{table}, line {line}: {len(named)} of the five findings are 1; expected one"
            )
        path, text = cell(row, _PATH), " ".join(cell(row, column).split())
        yield Case(path, tuple(_images(table.parent, path)), "", text, named[0])


def _images(root: Path, path: str) -> list[Path]:
    """Paths begin in the folder, above it, or with the release's own folder."""
    inside = "/".join(Path(path).parts[1:])
    return image_files([root, root.parent], path) or image_files([root], inside)


def _reports(root: Path) -> dict[str, tuple[str, str]]:
    tables = [root / "reports.csv", *sorted(root.glob("df_chexpert_plus_*.csv"))]
    table = next((path for path in tables if path.is_file()), None)
    if table is None:
        return {}
    found = {}
    for report in open_reader(table, CorpusOptions()).reports(Counter()):
        study = _STUDY.search(report.source)
        if study is not None:
            parts = dict(report.parts)
            findings, judged = split_report(parts.get("", ""))
            found[study.group()] = (
                " ".join(parts.get("findings", findings).split()),
                " ".join(parts.get("impression", judged).split()),
            )
    return found
