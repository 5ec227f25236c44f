"""A plain folder of pictures: a study a file, or a study a folder in it."""

from collections.abc import Iterator
from pathlib import Path

from cxr_edge.benchmarks.quality.cases import Case
from cxr_edge.benchmarks.quality.texts import split_report
from cxr_edge.errors import CorpusError
from cxr_edge.indexes.corpora.files import decode, listing
from cxr_edge.indexes.corpora.images import IMAGE_ENDINGS

_PREAMBLE = 128


def plain_studies(folder: Path) -> Iterator[Case]:
    """The files and folders in a folder, by name; the report is the ``.txt`` of the same name.

    Raises:
        CorpusError: the folder or a report cannot be read.
    """
    for entry in listing(folder):
        if entry.name.startswith("."):
            continue
        images = [entry] if entry.is_file() else _below(entry)
        images = [path for path in images if is_picture(path)]
        if not images:
            continue
        stem = entry.stem if entry.is_file() and entry.suffix.lower() in IMAGE_ENDINGS else ""
        text = _report(folder / f"{stem or entry.name}.txt")
        yield Case(entry.name, tuple(images), *split_report(text))


def is_picture(path: Path) -> bool:
    """Whether a file is a picture by its ending, or DICOM by its mark."""
    if path.suffix.lower() in IMAGE_ENDINGS:
        return True
    try:
        with path.open("rb") as file:
            return file.read(_PREAMBLE + 4)[_PREAMBLE:] == b"DICM"
    except OSError:
        return False


def _below(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file())


def _report(path: Path) -> str:
    if not path.is_file():
        return ""
    try:
        return decode(path.read_bytes(), str(path), [])
    except OSError as problem:
        raise CorpusError(f"{path} cannot be read: {problem.strerror or problem}") from None
