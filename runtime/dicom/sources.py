"""Where bytes come from: a file, the files of a folder, the members of a zip, standard input."""

import io
import os
import stat
import sys
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, BinaryIO

from cxr_edge.dicom.limits import Limits
from cxr_edge.errors import StudyError

STANDARD_INPUT = "-"
START = 8
"""Bytes that tell a zip, a PNG and a JPEG from anything else."""
_ZIP_MARKS = (b"PK\x03\x04", b"PK\x05\x06")


@dataclass(frozen=True)
class Source:
    """One file's worth of bytes, opened as often as needed."""

    name: str
    """For messages."""
    size: int
    """Bytes."""
    path: Path | None = None
    data: bytes | None = None
    start: bytes = b""
    """Its first bytes, where somebody has read them already."""
    member: tuple[zipfile.ZipFile, zipfile.ZipInfo] | None = None

    @contextmanager
    def open(self) -> Iterator[IO[bytes]]:
        """Yield a seekable stream at its beginning.

        Raises:
            StudyError: The file cannot be opened or the zip member is damaged or encrypted.
        """
        try:
            if self.data is not None:
                yield io.BytesIO(self.data)
            elif self.member is not None:
                archive, info = self.member
                with archive.open(info) as stream:
                    yield stream
            else:
                assert self.path is not None
                with self.path.open("rb") as file:
                    yield file
        except (zipfile.BadZipFile, zlib.error, NotImplementedError, RuntimeError, EOFError):
            if self.member is None:
                raise
            raise StudyError(
                "this member of the zip is damaged, encrypted or of an unknown compression; "
                "unpack the zip and give the folder"
            ) from None
        except OSError as error:
            raise StudyError(f"the file cannot be read ({error.strerror or error})") from None


@dataclass(frozen=True)
class Collection:
    """What a path stands for."""

    sources: tuple[Source, ...]
    many: bool
    """True for a folder or zip, where a stray file is passed over; False for a single file."""
    archive: zipfile.ZipFile | None = None

    def close(self) -> None:
        """Close the zip, where it is one."""
        if self.archive is not None:
            self.archive.close()


def collect(
    path: str | os.PathLike[str], limits: Limits, stdin: BinaryIO | None = None
) -> Collection:
    """List the sources of a path.

    Args:
        path: A file, folder or zip, or ``-`` for standard input.
        limits: Caps on file size and file count.
        stdin: Read in place of the process's standard input.

    Raises:
        StudyError: There is no such path, it is empty, or it is past a limit.
    """
    if str(path) == STANDARD_INPUT:
        if stdin is None and sys.stdin is None:
            raise StudyError("standard input is closed; give a file, a folder or a zip")
        stream = stdin or sys.stdin.buffer
        data = stream.read(limits.max_file_bytes + 1)
        _check_size(len(data), limits)
        if data.startswith(_ZIP_MARKS):
            return _collect_zip(io.BytesIO(data), STANDARD_INPUT, limits)
        return Collection((Source(STANDARD_INPUT, len(data), data=data),), many=False)
    if not str(path):
        # Path("") is the current folder, which nobody means by an empty name.
        raise StudyError("the name is empty; give a file, a folder or a zip")
    place = Path(path)
    try:
        status = place.stat()
    except (OSError, ValueError):
        raise StudyError("there is no such file or folder, or it may not be read") from None
    if stat.S_ISDIR(status.st_mode):
        return Collection(tuple(_walk(place, limits)), many=True)
    if not stat.S_ISREG(status.st_mode):
        raise StudyError("this is neither a file nor a folder; for a stream use '-'")
    name = str(place)
    with Source(name, status.st_size, path=place).open() as stream:
        start = stream.read(START)
    if start.startswith(_ZIP_MARKS):
        return _collect_zip(place, name, limits)
    _check_size(status.st_size, limits)
    return Collection((Source(name, status.st_size, path=place, start=start),), many=False)


def _check_size(size: int, limits: Limits) -> None:
    if size == 0:
        raise StudyError("the file is empty; a DICOM file was expected")
    if size > limits.max_file_bytes:
        raise StudyError(f"it is larger than {limits.max_file_bytes >> 20} MiB; refused")


def _walk(folder: Path, limits: Limits) -> Iterator[Source]:
    """Yield the regular files under a folder in a fixed order, following no link to a folder."""
    count = 0
    for place, folders, files in os.walk(folder):
        folders.sort()
        for file in sorted(files):
            path = Path(place) / file
            try:
                status = path.stat()
            except OSError:
                continue
            if not stat.S_ISREG(status.st_mode):
                continue
            count += 1
            if count > limits.max_files:
                raise StudyError(f"the folder holds more than {limits.max_files} files; split it")
            yield Source(str(path), status.st_size, path=path)


def _collect_zip(file: Path | IO[bytes], name: str, limits: Limits) -> Collection:
    try:
        archive = zipfile.ZipFile(file)
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError):
        raise StudyError("the zip is damaged or cut off; pack it again") from None
    members = sorted((i for i in archive.infolist() if not i.is_dir()), key=lambda i: i.filename)
    if len(members) > limits.max_files:
        archive.close()
        raise StudyError(f"the zip holds more than {limits.max_files} files; split it")
    sources = tuple(
        Source(f"{name}:{info.filename}", info.file_size, member=(archive, info))
        for info in members
    )
    return Collection(sources, many=True, archive=archive)
