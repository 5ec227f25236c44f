"""The whole corpus, block after block, with progress that can be resumed from."""

from collections.abc import Callable, Iterable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cxr_edge.indexes.compression.leaders import NONE, Leaders, Rows, Vectors, match, settle

BLOCK = 4096

Map = Callable[..., Iterable[Any]]


def cluster(
    vectors: Vectors,
    levels: tuple[float, ...],
    owners: NDArray[np.uint32],
    *,
    done: int = 0,
    block: int = BLOCK,
) -> Iterator[int]:
    """Fill ``owners`` with the representative of every row at every level.

    Args:
        vectors: float32 (N, D), unit rows (``pairs.normalised``) in corpus order; may be mapped.
        levels: each above 0 and below 2; rows are merged above a cosine of ``1 - level``.
        owners: uint32 (levels, N); written in place, rows below ``done`` must be there already.
        done: rows that an earlier run settled.
        block: rows a step. It changes the speed, never the result.

    Yields:
        The number of rows settled so far, after each block.
    """
    thresholds = tuple(1.0 - level for level in levels)
    known = [Leaders.of(owners, start, min(start + block, done)) for start in range(0, done, block)]
    for start in range(done, len(vectors), block):
        stop = min(start + block, len(vectors))
        rows = np.arange(start, stop)
        leaders = Leaders(
            np.concatenate([k.rows for k in known] or [np.empty(0, np.int64)]),
            np.concatenate([k.leads for k in known] or [np.empty((len(levels), 0), np.bool_)], axis=1),
        )
        found = match(vectors, rows, leaders, thresholds, np.ones((len(levels), rows.size), np.bool_))
        open_ = found == NONE
        some = np.flatnonzero(open_.any(axis=0))
        inside = settle(vectors[rows[some]], thresholds, open_[:, some])
        found[:, some] = np.where(open_[:, some], rows[some][inside], found[:, some])
        owners[:, start:stop] = found
        known.append(Leaders.of(owners, start, stop))
        yield stop
