"""``.safetensors``: eight bytes of length, a JSON header, then the tensors back to back."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, BinaryIO

from cxr_edge.export.container import Container, damaged, size_of
from cxr_edge.export.pickles import shown
from cxr_edge.export.stored import ITEMSIZE, StoredTensor

_HEADER_LIMIT = 100 * 10**6
"""Bytes of the header, as the format's own reader limits it."""
_DTYPES = {
    **{"BOOL": "bool", "U8": "uint8", "I8": "int8", "F8_E4M3": "float8_e4m3fn"},
    **{"F8_E5M2": "float8_e5m2", "I16": "int16", "U16": "uint16", "F16": "float16"},
    **{"BF16": "bfloat16", "I32": "int32", "U32": "uint32", "F32": "float32", "I64": "int64"},
    **{"U64": "uint64", "F64": "float64", "C64": "complex64"},
}


def open_safetensors(stream: BinaryIO, path: Path) -> Container:
    """Read the header and check it against the file.

    Raises:
        CheckpointError: cut short, or a header that contradicts itself.
    """
    size = size_of(stream)
    stream.seek(0)
    length = int.from_bytes(stream.read(8), "little")
    if not 2 <= length <= min(size - 8, _HEADER_LIMIT):
        raise damaged(path, "its header does not end inside the file")
    try:
        header = dict(json.loads(stream.read(length)))
        metadata = {str(k): str(v) for k, v in dict(header.pop("__metadata__", {})).items()}
        tree = {name: _tensor(name, entry) for name, entry in header.items()}
        spans = {name: tuple(entry["data_offsets"]) for name, entry in header.items()}
    except (ValueError, TypeError, KeyError, RecursionError):
        raise damaged(path, "its header is not that of safetensors") from None
    place = 0
    for name, (begin, end) in sorted(spans.items(), key=lambda item: item[1]):
        if begin != place or end - begin != tree[name].elements * ITEMSIZE[tree[name].dtype]:
            raise damaged(path, f"{shown(name)} does not lie where its header says")
        place = end
    if place != size - 8 - length:
        raise damaged(path, f"{place} bytes of tensors expected, {size - 8 - length} found")

    def fetch(name: str) -> bytes:
        begin, end = spans[name]
        stream.seek(8 + length + begin)
        return stream.read(end - begin)

    sizes = {name: end - begin for name, (begin, end) in spans.items()}
    return Container("safetensors", tree, sizes, fetch, metadata)


def _tensor(name: str, entry: Mapping[str, Any]) -> StoredTensor:
    shape, offsets = tuple(entry["shape"]), entry["data_offsets"]
    if any(type(n) is not int or n < 0 for n in (*shape, *offsets)) or len(offsets) != 2:
        raise ValueError("sizes are counts")
    stride = [1]
    for size in reversed(shape[1:]):
        stride.insert(0, stride[0] * size)
    return StoredTensor(name, _DTYPES[entry["dtype"]], 0, shape, tuple(stride[: len(shape)]))
