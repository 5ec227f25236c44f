"""Whether two rows are alike: a threshold decided the same way by every machine and block shape.

A float32 product of two unit vectors depends, in its last bits, on how BLAS splits the sum. A pair
within ``band`` of the threshold is therefore decided again: products of two float32 are exact in
float64, and they are added from left to right.
"""

import numpy as np
from numpy.typing import NDArray

PAIRS = 4096
"""Pairs that are decided at a time: what is taken for them stays in the processor's cache."""
_ROUNDING = 2.0**-24
"""Largest relative error of one float32 operation."""
_SLACK = 8
"""Further errors of that size: both lengths are 1 only nearly, the threshold becomes a float32."""


def band(dimension: int) -> float:
    """Half the width of the strip around a threshold in which float32 does not decide.

    In whatever order D products are added, with or without fused multiply-add, the error of their
    sum is at most ``D u / (1 - D u)`` times the sum of their magnitudes, which is at most 1 for
    unit vectors (Higham, Accuracy and Stability of Numerical Algorithms, section 3.1). It is 4.6e-5
    at D = 768. The error of float64 is less than the slack.

    Args:
        dimension: D.
    """
    errors = (dimension + _SLACK) * _ROUNDING
    return errors / (1.0 - errors)


def normalised(vectors: NDArray[np.floating]) -> NDArray[np.float32]:
    """Rows of unit length, float32 (N, D); a row of zeros stays one.

    Raises:
        ValueError: a value is not finite.
    """
    if not np.all(np.isfinite(vectors)):
        raise ValueError("an embedding holds a value that is not finite")
    wide = vectors.astype(np.float64)
    length = np.sqrt(np.cumsum(wide * wide, axis=1)[:, -1:])
    return (wide / np.where(length > 0, length, 1.0)).astype(np.float32)


def exact_cosines(left: NDArray[np.float32], right: NDArray[np.float32]) -> NDArray[np.float64]:
    """Cosine of each pair of rows of two (P, D) arrays of unit rows, float64 (P,).

    A cumulative sum, not a sum: its order is part of its definition.
    """
    cosines = np.empty(len(left))
    for start in range(0, len(left), PAIRS):
        part = slice(start, start + PAIRS)
        products = left[part].astype(np.float64) * right[part].astype(np.float64)
        cosines[part] = np.cumsum(products, axis=1)[:, -1]
    return cosines
