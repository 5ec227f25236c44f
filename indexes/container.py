"""The file format of an index: one header, aligned sections, nothing to parse.

``index.bin`` is a 4 KiB header followed by sections, each aligned to 4 KiB, so that any number of
processes can map the same pages. Which section stands where, its dtype and its shape are in
``index.json``, whose digest protects them; the header repeats the geometry, so that a file that was
swapped for another is noticed even before it is hashed.

Sections (N rows, D dimensions):

=============== ========= ========= ==============================================================
name            dtype     shape     content
=============== ========= ========= ==============================================================
vectors         float32   (N, D)    one embedding a row; unit length where the metric is cosine
text            uint8     (bytes,)  UTF-8 of all sentences, one after the other
text_offsets    uint64    (N+1,)    row i is text[offsets[i]:offsets[i+1]]
source          uint8     (bytes,)  UTF-8 of the source ids, as above
source_offsets  uint64    (N+1,)
labels          int8      (N, 14)   ``Mention`` per observation
attributes      uint8     (N,)      ``Attribute`` flags
section         uint8     (N,)      position in ``SECTION_NAMES``
cluster_size    uint32    (N,)      how many corpus sentences the row stands for
=============== ========= ========= ==============================================================
"""

import mmap
import struct
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cxr_edge.errors import SentenceIndexError
from cxr_edge.manifest import read_manifest, verified

MANIFEST = "index.json"
DATA = "index.bin"
SCHEMA = "cxr-edge/index/1"
ALIGNMENT = 4096
SECTION_NAMES = ("", "findings", "impression")
_MAGIC = b"CXREDGE\x01"
_HEADER = struct.Struct("<8sQQQ")  # magic, rows, dimensions, bytes of the whole file

Arrays = Mapping[str, NDArray[Any]]

_DTYPES = {
    "vectors": "float32",
    "text": "uint8",
    "text_offsets": "uint64",
    "source": "uint8",
    "source_offsets": "uint64",
    "labels": "int8",
    "attributes": "uint8",
    "section": "uint8",
    "cluster_size": "uint32",
}


def _shapes(rows: int, dimension: int, text: int, source: int) -> dict[str, tuple[int, ...]]:
    return {
        "vectors": (rows, dimension),
        "text": (text,),
        "text_offsets": (rows + 1,),
        "source": (source,),
        "source_offsets": (rows + 1,),
        "labels": (rows, 14),
        "attributes": (rows,),
        "section": (rows,),
        "cluster_size": (rows,),
    }


def _aligned(position: int) -> int:
    return -(-position // ALIGNMENT) * ALIGNMENT


def pack_strings(values: list[str]) -> tuple[NDArray[np.uint8], NDArray[np.uint64]]:
    """Strings as one UTF-8 block, uint8 (bytes,), and its offsets, uint64 (N+1,)."""
    encoded = [value.encode() for value in values]
    offsets = np.zeros(len(encoded) + 1, np.uint64)
    np.cumsum([len(value) for value in encoded], out=offsets[1:])
    return np.frombuffer(b"".join(encoded), np.uint8), offsets


def plan(arrays: Arrays) -> tuple[dict[str, dict[str, Any]], int]:
    """Where each section will stand, as ``index.json`` records it, and the size of the file."""
    rows, dimension = arrays["vectors"].shape
    shapes = _shapes(rows, dimension, arrays["text"].size, arrays["source"].size)
    sections, position = {}, ALIGNMENT
    for name, dtype in _DTYPES.items():
        if arrays[name].dtype != np.dtype(dtype) or arrays[name].shape != shapes[name]:
            raise ValueError(f"section {name} is not {dtype} {shapes[name]}")
        sections[name] = {"offset": position, "dtype": dtype, "shape": list(shapes[name])}
        position = _aligned(position + arrays[name].nbytes)
    return sections, position


def parts(arrays: Arrays) -> Iterator[bytes]:
    """The bytes of ``index.bin``, in order."""
    sections, size = plan(arrays)
    rows, dimension = arrays["vectors"].shape
    yield _HEADER.pack(_MAGIC, rows, dimension, size).ljust(ALIGNMENT, b"\0")
    for name in sections:
        data = np.ascontiguousarray(arrays[name]).tobytes()
        yield data
        yield b"\0" * (_aligned(len(data)) - len(data))


def open_container(directory: Path) -> tuple[dict[str, Any], Arrays]:
    """Map an index and check it whole: manifest, digest, geometry, offsets.

    Returns:
        The manifest, and the sections as read-only arrays over the map.

    Raises:
        SentenceIndexError: anything missing, damaged, foreign or inconsistent.
    """
    manifest = read_manifest(directory, MANIFEST, SCHEMA, SentenceIndexError)
    path = directory / DATA
    damaged = SentenceIndexError(f"{path} is damaged: its geometry is inconsistent; build it again")
    try:
        with path.open("rb") as stream:
            mapped = mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ)
    except (OSError, ValueError) as problem:
        raise SentenceIndexError(f"{path} cannot be mapped: {problem}; restore it") from None
    # Hashed through the very map that is then searched.
    view = memoryview(mapped)
    try:
        verified(view, manifest["files"][DATA], path, SentenceIndexError)
        arrays = _sections(manifest, view)
    except (KeyError, TypeError, ValueError, AttributeError, struct.error):
        raise damaged from None
    return manifest, arrays


def _sections(manifest: Mapping[str, Any], view: memoryview) -> dict[str, NDArray[Any]]:
    rows, dimension = int(manifest["count"]), int(manifest["dimension"])
    if _HEADER.unpack_from(view) != (_MAGIC, rows, dimension, len(view)):
        raise ValueError("header")
    sections = manifest["sections"]
    text, source = sections["text"]["shape"][0], sections["source"]["shape"][0]
    arrays = {}
    for name, shape in _shapes(rows, dimension, text, source).items():
        entry = sections[name]
        dtype, offset = np.dtype(_DTYPES[name]), int(entry["offset"])
        size = int(np.prod(shape)) * dtype.itemsize
        outside = offset < ALIGNMENT or offset % ALIGNMENT or offset + size > len(view)
        if outside or entry["dtype"] != dtype.name or tuple(entry["shape"]) != shape:
            raise ValueError(name)
        arrays[name] = np.frombuffer(view[offset : offset + size], dtype).reshape(shape)
    for name in ("text", "source"):
        offsets = arrays[f"{name}_offsets"]
        if (
            offsets[0] != 0
            or offsets[-1] != arrays[name].size
            or np.any(offsets[1:] < offsets[:-1])
        ):
            raise ValueError(name)
    if rows and (
        not np.all(np.isfinite(arrays["vectors"]))
        or arrays["labels"].min() < 0
        or arrays["labels"].max() > 3
        or arrays["section"].max() >= len(SECTION_NAMES)
    ):
        raise ValueError("values")
    return arrays
