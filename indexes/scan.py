"""Finding rows: exactly over all of them, or along the links of a graph."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from cxr_edge.errors import SentenceIndexError
from cxr_edge.indexes.contents import NO_ROW, Graph
from cxr_edge.indexes.layout import blocks
from cxr_edge.indexes.native import FAST, MISSING, reader
from cxr_edge.processors import worthwhile

T = TypeVar("T")

_SMALL = 32 * 2**20
"""Bytes of vectors for each thread: fewer lie in the cache and are scored while another starts."""


@dataclass(frozen=True)
class Found:
    """The best rows for each of Q queries, best first, of equal ones the lower row first."""

    rows: NDArray[np.uint32]
    """uint32 (Q, k); ``NO_ROW`` where fewer than k were reached."""
    scores: NDArray[np.float32]
    """float32 (Q, k)."""
    computed: NDArray[np.uint32]
    """uint32 (Q,): how many rows were scored for each query."""


def threads_for(vectors: NDArray[Any]) -> int:
    """Return how many threads an exact search of one query over these vectors is worth here."""
    return worthwhile(vectors.nbytes, _SMALL)


def scores_of(
    vectors: NDArray[Any], query: NDArray[np.float32], *, threads: int = 1
) -> NDArray[np.float32]:
    """Inner products of every row with one query, float32 (N,).

    Args:
        vectors: float32 or float16 (N, D).
        query: float32 (D,).
        threads: processors to share the rows among; the scores are the same for any number.
    """
    query, scores = np.ascontiguousarray(query, np.float32), np.empty(len(vectors), np.float32)
    if reader is not None and FAST:
        native = reader
        _share(
            lambda part: native.scores(vectors[part], query, scores[part]), len(vectors), threads
        )
        return scores
    if vectors.dtype == np.float32:
        return np.matmul(vectors, query, out=scores)
    # numpy has no fast product of halves, and all of them at once as float32 would be a copy of
    # the index in private memory.
    start = 0
    for block in blocks(vectors):
        end = start + len(block)
        np.matmul(widened(block), query, out=scores[start:end])
        start = end
    return scores


def widened(halves: NDArray[np.float16]) -> NDArray[np.float32]:
    """Finite float16 numbers as float32, exactly; several times faster than ``astype``.

    Sign, exponent and fraction are moved to their places, which leaves the exponent 112 too small;
    a product with 2**112 puts it right, for subnormal numbers too.
    """
    bits = np.left_shift(halves.view(np.int16), 13, dtype=np.int32, casting="unsafe")
    bits &= ~0x70000000  # copies of the sign
    numbers = bits.view(np.float32)
    numbers *= np.float32(2**112)
    return numbers


def best_of(scores: NDArray[np.float32], k: int) -> NDArray[np.intp]:
    """Positions of the ``k`` best scores, best first, of equal ones the lower position first."""
    k = min(k, scores.size)
    if k == 0:
        return np.empty(0, np.intp)
    # Everything that ties with the k-th score is kept until the final ordering.
    threshold = np.partition(scores, scores.size - k)[scores.size - k]
    chosen = np.flatnonzero(scores >= threshold)
    return chosen[np.argsort(-scores[chosen], kind="stable")][:k]


def scan(vectors: NDArray[Any], queries: NDArray[np.float32], k: int, *, threads: int = 1) -> Found:
    """The ``k`` best rows, exactly.

    Args:
        vectors: float32 or float16 (N, D), N >= 1.
        queries: float32 (Q, D).
        k: at most N are given.
        threads: processors to share the rows among; what is found is the same for any number.
    """
    k = min(k, len(vectors))
    queries = np.ascontiguousarray(queries, np.float32)
    computed = np.full(len(queries), len(vectors), np.uint32)
    if reader is not None and FAST:
        native = reader

        def best(part: slice) -> tuple[NDArray[np.uint32], NDArray[np.float32]]:
            one = _empty(len(queries), min(k, part.stop - part.start))
            native.scan(vectors[part], queries, one.rows, one.scores)
            return one.rows + np.uint32(part.start), one.scores

        parts = _share(best, len(vectors), threads)
        if len(parts) == 1:
            return Found(*parts[0], computed)
        rows, scores = (np.concatenate(arrays, axis=1) for arrays in zip(*parts, strict=True))
        order = np.lexsort((rows, -scores))[:, :k]
        best_rows, best_scores = (np.take_along_axis(one, order, axis=1) for one in (rows, scores))
        return Found(best_rows, best_scores, computed)
    found = replace(_empty(len(queries), k), computed=computed)
    for number, query in enumerate(queries):
        scores = scores_of(vectors, query)
        chosen = best_of(scores, k)
        found.rows[number], found.scores[number] = chosen, scores[chosen]
    return found


def walk(
    vectors: NDArray[Any],
    graph: Graph,
    queries: NDArray[np.float32],
    k: int,
    *,
    ef: int,
    threads: int = 1,
) -> Found:
    """The ``k`` best rows that a beam of ``ef`` rows finds along the links of a graph.

    Args:
        vectors: float32 or float16 (N, D).
        graph: over these rows.
        queries: float32 (Q, D).
        k: how many; ``ef`` is at least that.
        ef: width of the beam.
        threads: processors for many queries.

    Raises:
        SentenceIndexError: a link leads outside, or there is no compiled reader.
    """
    if reader is None:
        raise SentenceIndexError(f"the graph cannot be searched: {MISSING}")
    native, found = reader, _empty(len(queries), k)
    width = min(max(ef, k), len(vectors))  # a wider one finds no more
    queries = np.ascontiguousarray(queries, np.float32)

    def run(part: slice) -> None:
        native.beam(
            vectors,
            graph.links,
            graph.entry,
            graph.codes,
            graph.steps,
            width,
            queries[part],
            found.rows[part],
            found.scores[part],
            found.computed[part],
        )

    try:
        _share(run, len(queries), threads)
    except ValueError as problem:
        raise SentenceIndexError(
            f"the graph is damaged: {problem}; build the index again"
        ) from None
    return found


def _empty(count: int, k: int) -> Found:
    return Found(
        np.full((count, k), NO_ROW, np.uint32),
        np.full((count, k), -np.inf, np.float32),
        np.zeros(count, np.uint32),
    )


def _share(run: Callable[[slice], T], count: int, threads: int) -> list[T]:
    """Run a function over a slice for each thread; the reader lets the others run meanwhile.

    Returns:
        What it gave, in order.
    """
    step = max(1, -(-count // threads))
    parts = [slice(start, min(start + step, count)) for start in range(0, count, step)]
    if len(parts) <= 1:
        return [run(slice(0, count))]
    with ThreadPoolExecutor(len(parts) - 1) as pool:
        others = [pool.submit(run, part) for part in parts[1:]]
        return [run(parts[0]), *(other.result() for other in others)]
