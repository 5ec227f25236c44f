"""P@K of CheXpert 5x200: is a retrieved report of the query's category."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray


def precision_at_k(queries: Sequence[str], retrieved: Sequence[Sequence[str]], k: int) -> float:
    """Mean over queries of the share of the first ``k`` that are of the query's category: 0..1.

    Args:
        queries: category of each query image.
        retrieved: categories of the reports each query found, best first.
        k: how many count. A query that found fewer is held against ``k`` all the same.

    Raises:
        ValueError: k is below 1, there is no query, or the two differ in length.
    """
    if k < 1 or not queries or len(queries) != len(retrieved):
        raise ValueError(f"P@{k} of {len(queries)} queries and {len(retrieved)} rankings")
    return float(precisions_at_k(queries, retrieved, k).mean())


def precisions_at_k(
    queries: Sequence[str], retrieved: Sequence[Sequence[str]], k: int
) -> NDArray[np.float64]:
    """As ``precision_at_k``, for each query: float64 (N,)."""
    pairs = zip(queries, retrieved, strict=True)
    return np.array([sum(name == query for name in found[:k]) / k for query, found in pairs])
