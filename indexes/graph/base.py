"""The plain graph: hnswlib's, taken out of its own file."""

import struct
import tempfile
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cxr_edge.errors import SentenceIndexError
from cxr_edge.indexes.building.progress import Progress, silent
from cxr_edge.indexes.contents import NO_ROW

MISSING = "hnswlib is not installed; install cxr-edge[index], which needs a C++ compiler"
# hnswlib 0.8: offset of level 0, capacity, count, bytes of an element, offset of its label and of
# its vector, highest level, entry point, M above level 0, M at level 0, M, level factor, ef.
_HEADER = struct.Struct("<QQQQQQiIQQQdQ")
_BLOCK = 2**14


@dataclass(frozen=True)
class Base:
    """How the plain graph is built (Malkov and Yashunin, arXiv 1603.09320)."""

    connectivity: int = 16
    """M: at most 2 M links a row."""
    expansion_add: int = 200
    """efConstruction: rows looked at for the links of a new one."""
    seed: int = 0


def available() -> bool:
    """Whether hnswlib can be imported."""
    return find_spec("hnswlib") is not None


def bytes_needed(rows: int, dimension: int, connectivity: int) -> int:
    """What hnswlib holds in memory, and writes to a temporary file: it copies the vectors."""
    return rows * (4 * dimension + 8 * connectivity + 12 + 24)


def base_links(
    vectors: NDArray[np.float32],
    base: Base,
    *,
    threads: int = 1,
    folder: Path | None = None,
    progress: Progress = silent,
) -> NDArray[np.uint32]:
    """Links of the lowest level, which holds every row.

    The upper levels only lead to a good place to begin; ``shape.entries`` does that better for
    pictures.

    Args:
        vectors: float32 (N, D), N >= 1, in memory or mapped.
        base: what hnswlib is told.
        threads: with more than one, which rows are linked depends on chance.
        folder: where the temporary file goes; the system's folder by default.
        progress: told how many rows are in.

    Returns:
        uint32 (N, 2 M), padded with ``NO_ROW``.

    Raises:
        SentenceIndexError: hnswlib is missing, or its file is not what is known of it.
    """
    if not available():
        raise SentenceIndexError(MISSING)
    import hnswlib

    rows, dimension = vectors.shape
    graph = hnswlib.Index("ip", dimension)
    graph.init_index(
        rows, M=base.connectivity, ef_construction=base.expansion_add, random_seed=base.seed
    )
    progress("link", 0, rows)
    for start in range(0, rows, _BLOCK):
        block = np.ascontiguousarray(vectors[start : start + _BLOCK], np.float32)
        graph.add_items(block, np.arange(start, start + len(block)), num_threads=threads)
        progress("link", start + len(block), rows)
    with tempfile.TemporaryDirectory(dir=folder, prefix="cxr-edge-graph-") as place:
        path = Path(place) / "hnswlib.bin"
        graph.save_index(str(path))
        del graph
        return _lowest_level(path, rows, dimension, base.connectivity)


def _lowest_level(path: Path, rows: int, dimension: int, connectivity: int) -> NDArray[np.uint32]:
    """The links in an hnswlib file: after the header N elements of count, links, vector, label."""
    width, room = 2 * connectivity, 4 + 8 * connectivity
    with path.open("rb") as stream:
        header = _HEADER.unpack(stream.read(_HEADER.size))
    size = room + 4 * dimension + 8
    expected = (0, rows, rows, size, room + 4 * dimension, room)
    if header[:6] != expected or header[9] != width:
        raise SentenceIndexError(
            f"hnswlib {_version()} writes another file than 0.8 does; install hnswlib 0.8"
        )
    raw: NDArray[Any] = np.memmap(path, np.uint8, "r", _HEADER.size, (rows, size))
    links = np.empty((rows, width), np.uint32)
    order = np.empty(rows, np.int64)
    for start in range(0, rows, _BLOCK):
        part = slice(start, start + _BLOCK)
        order[part] = np.ascontiguousarray(raw[part, -8:]).view("<u8")[:, 0]
    for start in range(0, rows, _BLOCK):
        part = slice(start, start + _BLOCK)
        # The two bytes above the count are flags (a row marked as deleted).
        count = np.ascontiguousarray(raw[part, :2]).view("<u2")
        found = np.ascontiguousarray(raw[part, 4:room]).view("<u4")
        there = np.arange(width) < count
        if np.any(found[there] >= rows):
            raise SentenceIndexError("hnswlib has written a link that leads nowhere; build again")
        links[order[part]] = np.where(there, order[np.where(there, found, 0)], NO_ROW)
    return links


def _version() -> str:
    from importlib.metadata import version

    return version("hnswlib")
