"""Torch's pickles, read without importing anything.

A pickle is a program that asks for Python names and calls them. Every name is answered by a
stand-in of ``standins``; a name that no checkpoint needs, such as ``os.system``, ends the reading
and is given in the message.
"""

import io
import pickle
import pickletools
from pathlib import Path
from typing import Any, BinaryIO

from cxr_edge.errors import CheckpointError
from cxr_edge.export.standins import RefusedNameError, stand_in
from cxr_edge.export.stored import ITEMSIZE, StorageReference

PICKLE_LIMIT = 64 * 2**20
"""Bytes of one pickle; a checkpoint's numbers lie outside of it, so real ones stay far below."""


class _Reader(pickle.Unpickler):
    def __init__(self, stream: BinaryIO) -> None:
        super().__init__(stream)
        self.widths: dict[str, int] = {}

    def find_class(self, module: str, name: str) -> object:
        return stand_in(module, name)

    def persistent_load(self, pid: tuple[Any, ...]) -> StorageReference:
        kind, dtype, key, _, _, *view = pid
        if kind != "storage" or dtype not in ITEMSIZE or not isinstance(key, str):
            raise ValueError("an unknown kind of reference")
        self.widths[key] = ITEMSIZE[dtype]
        base = view[0][1] if view and view[0] is not None else 0
        return StorageReference(key, dtype, base)


def shown(name: object) -> str:
    """A name from a file, safe to print on one line of a terminal."""
    text = str(name)[:120] if isinstance(name, str | int | float) else type(name).__name__
    return text if text.isprintable() else text.encode("unicode_escape").decode()


def read_pickle(stream: BinaryIO, path: Path, widths: dict[str, int] | None = None) -> object:
    """What one pickle describes; the stream then stands behind its last byte.

    Args:
        stream: seekable, standing at the pickle's first byte.
        path: for the message.
        widths: receives the bytes of one element of each storage that is mentioned.

    Returns:
        Plain containers and numbers with ``StoredTensor``, ``ScriptModule`` and ``Shell`` in them.

    Raises:
        CheckpointError: damaged, too large, or asking for a name that no checkpoint needs.
    """
    start = stream.tell()
    data = stream.read(PICKLE_LIMIT)
    try:
        data = data[: _checked_length(data)]
        stream.seek(start + len(data))
        reader = _Reader(io.BytesIO(data))
        tree = reader.load()
    except RefusedNameError as refused:
        raise CheckpointError(
            f"{path} asks Python to import {shown(refused.args[0])} and was not opened, expected a "
            "state dict of tensors and plain values; save that alone, best as .safetensors"
        ) from None
    except Exception as problem:  # whatever a damaged pickle makes the reader trip over
        raise CheckpointError(
            f"{path} is damaged ({type(problem).__name__} in its table of tensors); "
            "expected a checkpoint of torch.save, get it again"
        ) from None
    if widths is not None:
        widths.update(reader.widths)
    return tree


def _checked_length(data: bytes) -> int:
    """Length of the pickle at the head of ``data``, nothing of it having been carried out.

    The reader's memory of earlier objects is an array: one huge number would make it fill memory.
    """
    stream = io.BytesIO(data)
    for operation, argument, _ in pickletools.genops(stream):
        if operation.name in ("PUT", "BINPUT", "LONG_BINPUT") and not (
            isinstance(argument, int) and 0 <= argument <= len(data)
        ):
            raise ValueError("an impossible place in memory")
    return stream.tell()
