"""What readers need of files: their text in whatever encoding, an order, and a digest.

A file may be gzipped (``.gz``). Text is UTF-8, with or without a byte order mark; a file that is
not is read as Latin-1, which always succeeds, and the reader's notes say so.
"""

import codecs
import gzip
import hashlib
import json
from collections.abc import Iterable, Iterator
from dataclasses import asdict
from functools import lru_cache
from importlib.metadata import version
from itertools import islice
from pathlib import Path
from typing import IO, TextIO, cast

from cxr_edge.errors import CorpusError
from cxr_edge.indexes.corpora import CorpusOptions

_BLOCK = 1 << 20
_WIDE = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
_FALLBACK = " is not UTF-8; what is not is read as Latin-1"
_SMALL = 64 << 20
"""Up to this size, in bytes, a file's content is what counts, not its time."""


def open_binary(path: Path) -> IO[bytes]:
    """Open a file for reading, through gzip where its name ends in ``.gz``."""
    if path.suffix.lower() == ".gz":
        return cast(IO[bytes], gzip.open(path, "rb"))
    return path.open("rb")


def encoding_of(path: Path, notes: list[str]) -> str:
    """The encoding of a text file: ``utf-8-sig``, ``utf-16`` by its mark, else ``latin-1``.

    Reads the file to its end, in blocks, because a byte that is not UTF-8 may come last and rows
    that were handed out cannot be taken back. A file that did not change is read so once.

    Raises:
        CorpusError: it begins with the mark of UTF-16 and is something else.
    """
    state = path.stat()
    encoding = _encoding(path, state.st_size, state.st_mtime_ns)
    if encoding == "latin-1":
        _note_fallback(path, notes)
    return encoding


@lru_cache(maxsize=16)
def _encoding(path: Path, _size: int, _changed: int) -> str:
    decoder = codecs.getincrementaldecoder("utf-8")()
    with open_binary(path) as stream:
        block = stream.read(_BLOCK)
        wide = block.startswith(_WIDE)
        if wide:
            decoder = codecs.getincrementaldecoder("utf-16")()
        try:
            while block:
                decoder.decode(block)
                block = stream.read(_BLOCK)
            decoder.decode(b"", final=True)
        except UnicodeDecodeError:
            if wide:
                raise _not_wide(path) from None
            return "latin-1"
    return "utf-16" if wide else "utf-8-sig"


def _not_wide(name: str | Path) -> CorpusError:
    return CorpusError(f"{name} begins as UTF-16 and is not; save it as UTF-8")


def open_text(path: Path, notes: list[str]) -> TextIO:
    """Open a text file in its encoding, line ends as they are (the csv module wants them)."""
    encoding = encoding_of(path, notes)
    if path.suffix.lower() == ".gz":
        return cast(TextIO, gzip.open(path, "rt", encoding=encoding, newline=""))
    return path.open(encoding=encoding, newline="")


def decode(content: bytes, name: str, notes: list[str]) -> str:
    """The text of one small file that was read whole; Latin-1 where it is not UTF-8.

    Raises:
        CorpusError: it begins with the mark of UTF-16 and is something else.
    """
    if content.startswith(_WIDE):
        try:
            return content.decode("utf-16")
        except UnicodeDecodeError:
            raise _not_wide(name) from None
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        _note_fallback(name, notes)
        return content.decode("latin-1")


def _note_fallback(name: str | Path, notes: list[str]) -> None:
    """Say it once a corpus: a folder may hold a hundred thousand such files."""
    if not any(note.endswith(_FALLBACK) for note in notes):
        notes.append(f"{name}{_FALLBACK}")


def listing(folder: Path) -> list[Path]:
    """What is in a folder, by name.

    Raises:
        CorpusError: the folder cannot be read.
    """
    try:
        return sorted(folder.iterdir(), key=lambda path: path.name)
    except OSError as problem:
        raise CorpusError(f"{folder} cannot be read: {problem}") from None


def walk(folder: Path, suffixes: tuple[str, ...]) -> Iterator[Path]:
    """The files below a folder with one of these endings, sorted, one folder in memory at a time.

    Args:
        folder: where to look; folders that are links are not followed.
        suffixes: endings in lower case, ``.txt`` or ``.csv.gz``.
    """
    for entry in listing(folder):
        if entry.name.startswith("."):
            continue
        if entry.is_dir() and not entry.is_symlink():
            yield from walk(entry, suffixes)
        elif entry.name.lower().endswith(suffixes) and entry.is_file():
            yield entry


def require_file(path: Path, expected: str) -> Path:
    """The path, when it is a file.

    Raises:
        CorpusError: it is not; the message says what was expected.
    """
    if not path.is_file():
        raise CorpusError(f"{path} is not a file; expected {expected}")
    return path


def fingerprint(files: Iterable[Path], form: str, options: CorpusOptions) -> str:
    """SHA-256 (hex) of the files, the format, the options and this software's version.

    Of a file up to 64 MB that is the only one, the content counts; of others the name, the size and
    the time of the last change, so that hundreds of thousands of reports need not be read twice.

    Raises:
        CorpusError: a file cannot be read.
    """
    head = [version("cxr-edge"), form, asdict(options)]
    digest = hashlib.sha256(json.dumps(head, sort_keys=True).encode())
    files = iter(files)
    try:
        listed = list(islice(files, 2))
        if len(listed) == 1 and listed[0].stat().st_size <= _SMALL:
            with listed[0].open("rb") as stream:
                digest.update(hashlib.file_digest(stream, "sha256").digest())
            return digest.hexdigest()
        for path in (*listed, *files):
            state = path.stat()
            digest.update(f"{path}\0{state.st_size}\0{state.st_mtime_ns}\n".encode())
    except OSError as problem:
        raise CorpusError(f"the corpus cannot be read: {problem}") from None
    return digest.hexdigest()
