"""MIMIC-CXR: a text file for each study, ``files/p10/p10000032/s50414267.txt``.

Read from the folder or from the zip or tar they are released in. Beside the reports, or in a folder
up to two above them, may lie ``mimic-cxr-2.0.0-split.csv`` and ``mimic-cxr-2.0.0-metadata.csv``
(also gzipped, from MIMIC-CXR-JPG), which give the splits and the views. A study's images lie in a
folder of its name beside its report.
"""

import re
from array import array
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property
from pathlib import Path

from cxr_edge.errors import CorpusError
from cxr_edge.indexes.corpora import CorpusOptions
from cxr_edge.indexes.corpora.archives import is_archive, members
from cxr_edge.indexes.corpora.files import decode, listing
from cxr_edge.indexes.corpora.reports import ImageName, RawReport
from cxr_edge.indexes.corpora.tables import csv_rows, view_of
from cxr_edge.indexes.corpora.text.judging import ENGLISH, Language

_GROUP = re.compile(r"p\d{2}")
_PATIENT = re.compile(r"p\d+")
_REPORT = re.compile(r"s\d+\.txt")
_SPLIT_FILES = ("mimic-cxr-2.0.0-split.csv", "mimic-cxr-2.0.0-split.csv.gz")
_METADATA_FILES = ("mimic-cxr-2.0.0-metadata.csv", "mimic-cxr-2.0.0-metadata.csv.gz")
_PLACES = (".", "files", "mimic-cxr-reports/files", "reports/files", "mimic-cxr-reports")


class StudySplits:
    """The split of each study, in a few bytes a study."""

    def __init__(self, path: Path, rows: Iterable[tuple[int, str]]) -> None:
        """Keep the rows of a file: number of the study and its split."""
        self.path = path
        ordered = dict(rows)
        self._names = sorted(set(ordered.values()))
        self._studies = array("q", sorted(ordered))
        self._codes = array("B", (self._names.index(ordered[s]) for s in self._studies))

    def of(self, source: str) -> str | None:
        """The split of ``s50414267``; None where it has none."""
        number = source.lstrip("s")
        if not number.isdigit():
            return None
        place = bisect_left(self._studies, int(number))
        if place == len(self._studies) or self._studies[place] != int(number):
            return None
        return self._names[self._codes[place]]


def study_splits(folders: Sequence[Path]) -> StudySplits:
    """Read the splits from the first of the folders that has them.

    Raises:
        CorpusError: none has, or the file cannot be read.
    """
    path = _beside(folders, _SPLIT_FILES)
    if path is None:
        raise CorpusError(
            f"--split needs {_SPLIT_FILES[0]} (or .gz), which comes with MIMIC-CXR-JPG; put it "
            f"into {folders[0]}"
        )
    notes: list[str] = []
    try:
        rows = ((int(row["study_id"]), row["split"]) for _, row in csv_rows(path, notes))
        return StudySplits(path, rows)
    except (KeyError, ValueError):
        raise CorpusError(f"{path}: expected the columns study_id and split") from None


def _beside(folders: Sequence[Path], names: Sequence[str]) -> Path | None:
    return next((f / name for f in folders for name in names if (f / name).is_file()), None)


def reports_folder(root: Path) -> Path | None:
    """The folder that holds ``p10`` to ``p19``; None where there is none below ``root``."""
    for place in _PLACES:
        folder = root / place
        if folder.is_dir() and any(
            _GROUP.fullmatch(e.name) and e.is_dir() for e in folder.iterdir()
        ):
            return folder
    return None


class MimicReader:
    """The reports of MIMIC-CXR, by the numbers of patient and study."""

    form = "mimic-cxr"
    language: Language = ENGLISH
    row_per_image = False

    def __init__(self, root: Path, options: CorpusOptions) -> None:
        """Find the reports.

        Raises:
            CorpusError: there are none, or a split is wanted and its file is not there.
        """
        self._root = root
        self.notes: list[str] = []
        self._folder = None if is_archive(root) else reports_folder(root)
        if self._folder is None and not is_archive(root):
            raise CorpusError(
                f"{root}: expected the reports of MIMIC-CXR, a folder with files/p10 to p19 or the "
                "zip or tar of it"
            )
        start = (self._folder or root.parent).resolve()
        self._near = [root if root.is_dir() else root.parent, start, *list(start.parents)[:2]]
        self._splits = study_splits(self._near) if options.split is not None else None

    def files(self) -> Iterator[Path]:
        """See ``Reader``: the reports, and what says their splits and the views of their images."""
        if self._splits is not None:
            yield self._splits.path
        if (metadata := _beside(self._near, _METADATA_FILES)) is not None:
            yield metadata
        yield from [self._root] if self._folder is None else self._reports(self._folder)

    def _reports(self, folder: Path) -> Iterator[Path]:
        for group in _sorted(folder, _GROUP):
            for patient in _sorted(group, _PATIENT):
                yield from _sorted(patient, _REPORT)

    def image_folders(self) -> Iterator[Path]:
        """See ``Reader``: images are named with their folder."""
        yield Path()

    def reports(self, dropped: Counter[str]) -> Iterator[RawReport]:
        """See ``Reader``."""
        if self._folder is None:
            for name, content in members(self._root, (".txt",)):
                if _REPORT.fullmatch(Path(name).name):
                    yield self._report(Path(name), content, name)
                else:
                    dropped["file that is no report"] += 1
            return
        for path in self._reports(self._folder):
            try:
                content = path.read_bytes()
            except OSError as problem:
                raise CorpusError(f"{path} cannot be read: {problem}") from None
            yield self._report(path, content, str(path))

    def _report(self, path: Path, content: bytes, name: str) -> RawReport:
        return RawReport(
            source=path.stem,
            parts=(("", decode(content, name, self.notes)),),
            split=None if self._splits is None else self._splits.of(path.stem),
            images=() if self._folder is None else (ImageName(str(path.with_suffix(""))),),
        )

    def view(self, image: Path) -> str:
        """See ``Reader``: from the metadata of MIMIC-CXR-JPG, where it is there."""
        return self._views.get(image.stem, "")

    @cached_property
    def _views(self) -> dict[str, str]:
        path = _beside(self._near, _METADATA_FILES)
        rows = () if path is None else csv_rows(path, self.notes)
        return {row["dicom_id"]: view_of(row.get("ViewPosition", "")) for _, row in rows}


def _sorted(folder: Path, names: re.Pattern[str]) -> list[Path]:
    """The entries of a folder that have such a name, by name."""
    return [entry for entry in listing(folder) if names.fullmatch(entry.name)]
