"""Small text files in a zip or a tar, one at a time, nothing unpacked to disk."""

import lzma
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path

from cxr_edge.errors import CorpusError

_ENDINGS = (".zip", ".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tar.xz")
# RuntimeError: a zip with a password.
_BROKEN = (
    OSError,
    EOFError,
    RuntimeError,
    zipfile.BadZipFile,
    tarfile.TarError,
    zlib.error,
    lzma.LZMAError,
)
_LARGEST = 16 << 20
"""No report is larger than this, in bytes; a file that claims to be would fill the memory."""


def is_archive(path: Path) -> bool:
    """Whether a path is a file with the name of a zip or a tar."""
    return path.name.lower().endswith(_ENDINGS) and path.is_file()


def members(path: Path, endings: tuple[str, ...]) -> Iterator[tuple[str, bytes]]:
    """Name and content of the files with one of these endings.

    By name in a zip; in a tar in its own order, because sorting would mean reading it twice.

    Raises:
        CorpusError: the archive cannot be read, or holds a file that is too large to be a report.
    """
    try:
        if path.suffix.lower() == ".zip":
            with zipfile.ZipFile(path) as archive:
                for name in sorted(archive.namelist()):
                    if _wanted(name, endings):
                        _check(path, name, archive.getinfo(name).file_size)
                        yield name, archive.read(name)
            return
        with tarfile.open(path, "r|*") as stream:
            for info in stream:
                if info.isfile() and _wanted(info.name, endings):
                    _check(path, info.name, info.size)
                    file = stream.extractfile(info)
                    yield info.name, b"" if file is None else file.read()
    except _BROKEN as problem:
        raise CorpusError(f"{path} cannot be read: {problem}") from None


def _wanted(name: str, endings: tuple[str, ...]) -> bool:
    # Files that macOS adds to its archives begin with "._".
    return name.lower().endswith(endings) and not Path(name).name.startswith(".")


def _check(path: Path, name: str, size: int) -> None:
    if size > _LARGEST:
        raise CorpusError(
            f"{path}: {name} has {size} bytes; a report has at most {_LARGEST}, so this is none"
        )
