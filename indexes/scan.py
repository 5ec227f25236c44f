"""Scores of all rows for one query."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from cxr_edge.indexes.layout import blocks


def scores_of(vectors: NDArray[Any], query: NDArray[np.float32]) -> NDArray[np.float32]:
    """Inner products of every row with one query, float32 (N,).

    Args:
        vectors: float32 or float16 (N, D).
        query: float32 (D,).
    """
    if vectors.dtype == np.float32:
        scores: NDArray[np.float32] = vectors @ query
        return scores
    # numpy has no fast product of halves, and all of them at once as float32 would be a copy of
    # the index in private memory.
    parts = [block.astype(np.float32) @ query for block in blocks(vectors)]
    return np.concatenate(parts) if parts else np.empty(0, np.float32)
