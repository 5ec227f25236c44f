"""Whether two rows are alike: a threshold decided the same way by every machine and block shape.

A float32 product of two unit vectors depends, in its last bits, on how BLAS splits the sum. A pair
within ``BAND`` of the threshold is therefore decided again: products of two float32 are exact in
float64, and they are added from left to right.
"""

import numpy as np
from numpy.typing import NDArray

BAND = 1e-5
"""Half the width of the strip around a threshold in which float32 does not decide."""
_PAIRS = 4096


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
    for start in range(0, len(left), _PAIRS):
        part = slice(start, start + _PAIRS)
        products = left[part].astype(np.float64) * right[part].astype(np.float64)
        cosines[part] = np.cumsum(products, axis=1)[:, -1]
    return cosines
