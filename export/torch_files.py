"""Files of ``torch.save`` and of TorchScript, opened without torch.

Since torch 1.6 a checkpoint is a zip archive: ``data.pkl`` describes the tensors, ``data/0`` and so
on hold their numbers, uncompressed. A TorchScript file is the same archive with ``code/`` in it,
which is not looked at. Before 1.6 it was a run of pickles followed by the numbers.
"""

import io
import zipfile
from pathlib import Path
from typing import BinaryIO

from cxr_edge.errors import CheckpointError
from cxr_edge.export.container import Container, damaged, foreign_order, size_of
from cxr_edge.export.pickles import read_pickle, shown

LEGACY_START = b"\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19."
"""What ``torch.save`` wrote first before 1.6: a number, as a pickle without its first two bytes."""
_DIRECTORY_LIMIT = 8 * 2**20
"""Bytes of a zip's table of contents, some fifty thousand entries; a large model has a thousand."""
_ZIP64 = 0xFFFFFFFF
"""Says in a zip's last record that the number stands in a larger one before it."""


def open_zip(stream: BinaryIO, path: Path) -> Container:
    """Open the zip of ``torch.save`` or of TorchScript.

    Raises:
        CheckpointError: cut short, hostile, or another kind of zip.
    """
    _check_directory(stream, path)
    try:
        archive = zipfile.ZipFile(stream)
    except (zipfile.BadZipFile, ValueError, NotImplementedError) as problem:
        raise damaged(path, shown(str(problem))) from None
    root = _root(archive, path)
    prefix = f"{root}data/"
    stored = [e for e in archive.infolist() if e.filename.startswith((prefix, f"{root}data.pkl"))]
    if any(entry.compress_type != zipfile.ZIP_STORED for entry in stored):
        raise CheckpointError(
            f"{path} has compressed tensors, expected them plain as torch.save writes them; "
            "unpack it and save it again"
        )
    total, size = sum(entry.file_size for entry in stored), size_of(stream)
    if total > size:
        raise damaged(path, f"its entries are {total} bytes in a file of {size}")
    names = set(archive.namelist())
    order = f"{root}byteorder"
    if order in names and _read(archive, order, path) != b"little":
        raise foreign_order(path)
    tree = read_pickle(io.BytesIO(_read(archive, f"{root}data.pkl", path)), path)
    return Container(
        "torchscript" if any(n.startswith(f"{root}code/") for n in names) else "torch zip",
        tree,
        {e.filename.removeprefix(prefix): e.file_size for e in stored},
        lambda key: _read(archive, prefix + key, path),
    )


def _root(archive: zipfile.ZipFile, path: Path) -> str:
    """The one folder that holds everything, with its slash."""
    names = archive.namelist()
    for name in names:
        if name.startswith("/") or "\\" in name or ".." in name.split("/") or ":" in name:
            raise CheckpointError(
                f"{path} has an entry {shown(name)} that points out of the archive, expected what "
                "torch.save writes; do not trust this file"
            )
    roots = [n.removesuffix("data.pkl") for n in names if n.endswith("/data.pkl")]
    if len(roots) == 1 and roots[0].count("/") == 1 and len(set(names)) == len(names):
        return roots[0]
    old = any(name.endswith("/model.json") for name in names)
    kind = "TorchScript of torch before 1.4" if old else "a zip archive of another kind"
    raise CheckpointError(
        f"{path} is {kind}, expected one of torch.save or .safetensors; "
        "open it where it was made and save its state_dict()"
    )


def _read(archive: zipfile.ZipFile, name: str, path: Path) -> bytes:
    """One entry, its checksum verified."""
    try:
        return archive.read(name)
    except KeyError:
        raise damaged(path, f"{shown(name)} is missing") from None
    except (zipfile.BadZipFile, ValueError, EOFError, NotImplementedError) as problem:
        raise damaged(path, shown(str(problem))) from None


def _check_directory(stream: BinaryIO, path: Path) -> None:
    """Refuse a table of contents too large to be read; ``zipfile`` would read all of it."""
    start = max(0, size_of(stream) - 65557)  # the last record and the longest comment behind it
    stream.seek(start)
    tail = stream.read()
    place = tail.rfind(b"PK\x05\x06")
    if place < 0 or len(tail) - place < 22:
        raise damaged(path, "the end of the zip archive is missing")
    length = int.from_bytes(tail[place + 12 : place + 16], "little")
    if length == _ZIP64:
        stream.seek(int.from_bytes(tail[max(0, place - 12) : max(0, place - 4)], "little"))
        length = int.from_bytes(stream.read(56)[40:48], "little")
    if length > _DIRECTORY_LIMIT:
        raise CheckpointError(
            f"{path} has a zip table of contents of {length} bytes, expected at most "
            f"{_DIRECTORY_LIMIT}; no checkpoint has so many entries"
        )


def open_legacy(stream: BinaryIO, path: Path) -> Container:
    """Open a file of ``torch.save`` from before 1.6.

    Raises:
        CheckpointError: cut short or hostile.
    """
    stream.seek(0)
    for _ in ("magic number", "protocol"):
        read_pickle(stream, path)
    machine = read_pickle(stream, path)
    if not isinstance(machine, dict) or machine.get("little_endian") is False:
        raise foreign_order(path)
    widths: dict[str, int] = {}
    tree = read_pickle(stream, path, widths)
    keys = read_pickle(stream, path)
    if not isinstance(keys, list) or not all(type(k) is str and k in widths for k in keys):
        raise damaged(path, "its list of storages does not agree with its tensors")
    size = size_of(stream)
    spans: dict[str, tuple[int, int]] = {}
    for key in keys:
        count = int.from_bytes(stream.read(8), "little")
        begin, length = stream.tell(), count * widths[key]
        if begin + length > size:
            raise damaged(path, f"{begin + length} bytes expected, {size} found")
        spans[key] = (begin, length)
        stream.seek(begin + length)

    def fetch(key: str) -> bytes:
        begin, length = spans[key]
        stream.seek(begin)
        return stream.read(length)

    return Container("torch legacy", tree, {k: n for k, (_, n) in spans.items()}, fetch)
