"""How wide a beam has to be, and whether the graph is good enough to be used at all."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cxr_edge.indexes.contents import Graph
from cxr_edge.indexes.scan import walk

K = 10
"""Recall is taken of the best ten: a draft asks for fewer."""
WIDTHS = tuple(
    int(most * step / 8) for most in (32, 64, 128, 256, 512, 1024, 2048) for step in (5, 6, 7, 8)
)
"""Widths of the beam that are tried, ascending from 20: four to a doubling."""


@dataclass(frozen=True)
class Measured:
    """What a graph finds with one width of the beam."""

    width: int
    recall: float
    """Mean over the queries of the share of their best ``K`` rows that was found, 0..1."""
    error: float
    """Standard error of that mean."""
    computed: float
    """Inner products a query, mean."""


def measure(
    vectors: NDArray[Any],
    graph: Graph,
    queries: NDArray[np.float32],
    truth: NDArray[np.uint32],
    width: int,
    *,
    threads: int = 1,
) -> Measured:
    """Compare what the graph finds with what exact search finds.

    Args:
        vectors: float32 or float16 (N, D).
        graph: over them.
        queries: float32 (Q, D).
        truth: uint32 (Q, K), the best rows of each, in any order.
        width: of the beam.
        threads: processors.
    """
    found = walk(vectors, graph, queries, truth.shape[1], ef=width, threads=threads)
    shares = (found.rows[:, :, None] == truth[:, None, :]).any(axis=2).mean(axis=1)
    error = float(shares.std(ddof=1)) / len(queries) ** 0.5 if len(queries) > 1 else 1.0
    return Measured(width, float(shares.mean()), error, float(found.computed.mean()))


def narrowest(
    vectors: NDArray[Any],
    graph: Graph,
    queries: NDArray[np.float32],
    truth: NDArray[np.uint32],
    wanted: float,
    *,
    threads: int = 1,
) -> tuple[Measured, bool]:
    """The narrowest beam whose recall is as wanted, beyond doubt by one standard error.

    Without the margin the width would be chosen where this very sample happens to do well.

    Args:
        vectors: float32 or float16 (N, D).
        graph: over them.
        queries: float32 (Q, D), which had no part in building the graph.
        truth: uint32 (Q, K).
        wanted: recall, 0..1.
        threads: processors.

    Returns:
        The measurement, and whether it is as wanted; if none is, that of the widest beam tried.
    """
    measured = Measured(0, 0.0, 1.0, 0.0)
    for width in WIDTHS:
        if width > len(vectors):
            break
        measured = measure(vectors, graph, queries, truth, width, threads=threads)
        if measured.recall - measured.error >= wanted:
            return measured, True
    return measured, False
