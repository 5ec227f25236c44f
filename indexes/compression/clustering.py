"""The whole corpus, round after round, with progress that can be resumed from."""

from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from cxr_edge.indexes.compression.leaders import NONE, Leaders, Rows, Vectors, match, settle
from cxr_edge.indexes.engines import BuildEngine
from cxr_edge.indexes.engines.local import LocalEngine

_LARGEST, _SMALLEST = 4096, 256


def rows_that_fit(memory: int, dimension: int) -> int:
    """Rows of a block whose work stays within ``memory`` bytes; a power of two, 256 to 4096.

    Larger blocks than that gain nothing; smaller ones spend their time outside of BLAS.
    """
    rows = _LARGEST
    # The block and its copy, a chunk of products with masks, the block's products with itself.
    while rows > _SMALLEST and rows * (8 * dimension + 12 * 2048 + 12 * rows) > memory:
        rows //= 2
    return rows


def cluster(
    vectors: Vectors | Path,
    levels: tuple[float, ...],
    owners: NDArray[np.uint32],
    *,
    done: int = 0,
    block: int = _LARGEST,
    engine: BuildEngine | None = None,
) -> Iterator[int]:
    """Fill ``owners`` with the representative of every row at every level.

    Args:
        vectors: float32 (N, D), unit rows (``pairs.normalised``) in corpus order; or the .npy file
            that holds them, which an engine with processes of its own needs.
        levels: each above 0 and below 2; rows are merged above a cosine of ``1 - level``.
        owners: uint32 (levels, N); written in place, rows below ``done`` must be there already.
        done: rows that an earlier run settled.
        block: rows a task. It changes the speed, never the result.
        engine: runs the tasks.

    Yields:
        The number of rows settled so far, after each round of tasks.
    """
    engine = LocalEngine() if engine is None else engine
    thresholds = tuple(1.0 - level for level in levels)
    mapped = _mapped(vectors)
    rows = len(mapped)
    known = Leaders.of(owners, 0, done)
    for start in range(done, rows, block * engine.width):
        stop = min(start + block * engine.width, rows)
        starts = range(start, stop, block)
        shared = (vectors, known, thresholds)
        spans = ((first, min(first + block, stop)) for first in starts)
        for first, found in zip(starts, engine.map(_compare, shared, spans), strict=True):
            last = first + found.shape[1]
            # Representatives that this round's earlier blocks have added.
            own = np.arange(first, last)
            fresh = Leaders.of(owners, start, first)
            found = np.where(
                found == NONE, match(mapped, own, fresh, thresholds, found == NONE), found
            )
            open_ = found == NONE
            some = np.flatnonzero(open_.any(axis=0))
            inside = settle(mapped[own[some]], thresholds, open_[:, some])
            found[:, some] = np.where(open_[:, some], own[some][inside], found[:, some])
            owners[:, first:last] = found
        known = known.followed_by(Leaders.of(owners, start, stop))
        yield stop


def _compare(
    vectors: Vectors | Path, leaders: Leaders, thresholds: tuple[float, ...], first: int, last: int
) -> Rows:
    """One task: the representatives, among those known before the round, of a block of rows."""
    rows = np.arange(first, last)
    wanted = np.ones((len(thresholds), rows.size), np.bool_)
    return match(_mapped(vectors), rows, leaders, thresholds, wanted)


def _mapped(vectors: Vectors | Path) -> Vectors:
    if not isinstance(vectors, Path):
        return vectors
    state = vectors.stat()
    # A process of Ray may outlive the build whose file it has mapped.
    return _opened(vectors, state.st_ino, state.st_mtime_ns)


@lru_cache(maxsize=1)
def _opened(path: Path, _file: int, _changed: int) -> Vectors:
    opened: Vectors = np.load(path, mmap_mode="r")
    return opened
