"""An open checkpoint file of whatever kind, before anyone has decided what to take from it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

from cxr_edge.errors import CheckpointError


@dataclass(frozen=True)
class Container:
    """An open checkpoint file.

    Attributes:
        kind: ``safetensors``, ``torch zip``, ``torch legacy`` or ``torchscript``.
        tree: what its table of tensors describes: plain containers with ``StoredTensor`` in them.
        sizes: bytes of each storage.
        fetch: the bytes of one storage, by its name.
        metadata: free text by name; safetensors only.
    """

    kind: str
    tree: object
    sizes: Mapping[str, int]
    fetch: Callable[[str], bytes]
    metadata: Mapping[str, str] = field(default_factory=dict)


def size_of(stream: BinaryIO) -> int:
    """Bytes of an open file; it stands where it stood."""
    place = stream.tell()
    size = stream.seek(0, 2)
    stream.seek(place)
    return size


def damaged(path: Path, reason: str) -> CheckpointError:
    """The error for a file that is not whole."""
    return CheckpointError(f"{path} is damaged or cut short ({reason}); get it again")


def foreign_order(path: Path) -> CheckpointError:
    """The error for numbers whose bytes stand the other way round."""
    return CheckpointError(
        f"{path} was written by a big-endian machine, expected little-endian; "
        "save it again as .safetensors"
    )
