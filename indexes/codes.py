"""Vectors to one byte a number: what a walk along a graph reads instead of them.

Following links touches thousands of rows in no order, and its time is the memory it reads. Codes
take half of what float16 vectors take. They only decide which rows stay in the beam; what is in it
at the end is scored by the vectors themselves.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from cxr_edge.indexes.layout import blocks

LARGEST = 127


def encode(vectors: NDArray[Any]) -> tuple[NDArray[np.int8], NDArray[np.float32]]:
    """Round every dimension to 255 levels between its least and its greatest number.

    The middle of each dimension is left out of the codes: it adds the same to the score of every
    row, so it does not change their order.

    Args:
        vectors: float32 or float16 (N, D), finite, in memory or mapped.

    Returns:
        Codes, int8 (N, D), -127..127, and the step of each dimension, float32 (D,), above 0: a
        vector is about middle + code * step, in each dimension within half a step.
    """
    if not len(vectors):
        return np.empty(vectors.shape, np.int8), np.ones(vectors.shape[1], np.float32)
    low = np.full(vectors.shape[1], np.inf, np.float32)
    high = -low
    for block in blocks(vectors):
        np.minimum(low, block.min(axis=0), out=low)
        np.maximum(high, block.max(axis=0), out=high)
    middle = (low.astype(np.float64) + high) / 2
    steps = ((high.astype(np.float64) - low) / (2 * LARGEST)).astype(np.float32)
    steps[~(steps > 0)] = 1  # a dimension that never changes
    codes = np.empty(vectors.shape, np.int8)
    start = 0
    for block in blocks(vectors):
        levels = np.rint((block - middle) / steps)
        codes[start : start + len(block)] = np.clip(levels, -LARGEST, LARGEST)
        start += len(block)
    return codes, steps
