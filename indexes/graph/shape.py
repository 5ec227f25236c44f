"""Further links between rows that the same queries look for.

What a picture looks for lies together in the space of pictures, not in that of sentences: the rows
a query finds best are often far apart, and no link of a plain graph leads from one to the other.
Sample queries know which rows belong together in this sense. Every row gets, beside its plain
links, some of the rows that stand beside it in the lists of the queries that rank it highest,
chosen so that they lie in different directions. The idea is the projection of the bipartite graph
of queries and rows in RoarGraph (Chen et al., arXiv 2408.08933, section 4); there the projection
replaces the plain graph, here it is added to it, and every row of a list takes part, not only the
one that the query finds best.
"""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cxr_edge.errors import SentenceIndexError
from cxr_edge.indexes.building.progress import Progress, silent
from cxr_edge.indexes.contents import NO_ROW
from cxr_edge.indexes.native import MISSING, reader

_BLOCK = 1024


def companions(
    vectors: NDArray[np.float32],
    lists: NDArray[np.uint32],
    degree: int,
    *,
    alpha: float = 1.2,
    per_row: int = 16,
    threads: int = 1,
    progress: Progress = silent,
) -> NDArray[np.uint32]:
    """Links to rows that queries find together.

    Args:
        vectors: float32 (N, D), in memory or mapped.
        lists: uint32 (Q, K): the best rows of each query, best first.
        degree: links of a row, at most.
        alpha: at least 1; the larger, the more links in similar directions are kept (DiskANN).
        per_row: lists looked at for a row: those in which it stands highest.
        threads: processors; the links do not depend on it.
        progress: told how many rows are done.

    Returns:
        uint32 (N, degree), padded with ``NO_ROW``; empty lines for rows in no list.

    Raises:
        SentenceIndexError: there is no compiled reader.
    """
    if reader is None:
        raise SentenceIndexError(f"no graph can be built: {MISSING}")
    native = reader
    links = np.full((len(vectors), degree), NO_ROW, np.uint32)
    queries, begin, count = _inverted(lists, len(vectors))
    found = np.flatnonzero(count).astype(np.uint32)
    progress("shape", 0, len(found))

    def work(start: int) -> int:
        rows = found[start : start + _BLOCK]
        taken = np.minimum(count[rows], per_row)[:, None]
        column = np.arange(per_row)
        which = queries[np.where(column < taken, begin[rows][:, None] + column, 0)]
        candidates = np.where((column < taken)[:, :, None], lists[which], NO_ROW)
        chosen = np.empty((len(rows), degree), np.uint32)
        flat = np.ascontiguousarray(candidates.reshape(len(rows), -1), np.uint32)
        native.prune(vectors, rows, flat, alpha, chosen)
        links[rows] = chosen
        return min(start + _BLOCK, len(found))

    with ThreadPoolExecutor(threads) as pool:
        for done in pool.map(work, range(0, len(found), _BLOCK)):
            progress("shape", done, len(found))
    return links


def _inverted(
    lists: NDArray[np.uint32], rows: int
) -> tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.intp]]:
    """For every row the queries whose lists hold it, those that rank it highest first.

    Returns:
        Queries, row after row; and per row where its queries begin and how many they are.
    """
    k = lists.shape[1]
    # By rank first; the stable sort by row then keeps that order within each row.
    by_rank = lists.T.reshape(-1)
    order = np.argsort(by_rank, kind="stable")
    count = np.bincount(by_rank, minlength=rows)
    return order % (lists.size // k), np.cumsum(count) - count, count


def join(first: NDArray[np.uint32], second: NDArray[np.uint32], degree: int) -> NDArray[np.uint32]:
    """All links of ``first`` and those of ``second`` that are not in it, at most ``degree``.

    Args:
        first: uint32 (N, A), padded with ``NO_ROW``.
        second: uint32 (N, B), likewise.
        degree: of the result.

    Returns:
        uint32 (N, degree), padded with ``NO_ROW``.
    """
    joined = np.full((len(first), degree), NO_ROW, np.uint32)
    for start in range(0, len(first), _BLOCK):
        part = slice(start, start + _BLOCK)
        both = np.concatenate([first[part], second[part]], axis=1)
        order = np.argsort(both, axis=1, kind="stable")
        ordered = np.take_along_axis(both, order, 1)
        repeated = np.zeros(both.shape, bool)
        np.put_along_axis(repeated[:, :], order[:, 1:], ordered[:, 1:] == ordered[:, :-1], 1)
        both[repeated] = NO_ROW
        tidy = np.take_along_axis(both, np.argsort(both == NO_ROW, axis=1, kind="stable"), 1)
        width = min(degree, tidy.shape[1])
        joined[part, :width] = tidy[:, :width]
    return joined


def entries(lists: NDArray[np.uint32], count: int) -> NDArray[np.uint32]:
    """Where searches begin: the rows that most queries find best; uint32 (at most ``count``,)."""
    rows, times = np.unique(lists[:, 0], return_counts=True)
    chosen: NDArray[Any] = rows[np.argsort(-times, kind="stable")[:count]]
    return np.sort(chosen).astype(np.uint32)
