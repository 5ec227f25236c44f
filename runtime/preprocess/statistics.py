"""Counts and extremes of stored values, by the extension where there is one."""

import numpy as np
from numpy.typing import NDArray

from cxr_edge.preprocess.native import kernels, threads_for

Region = tuple[int, int, int, int]
"""Rows top..bottom, columns left..right (half open)."""
WHOLE_NUMBERS = frozenset(np.dtype(kind) for kind in ("u1", "i1", "u2", "i2"))
"""What a stored value may be, in the byte order of this machine."""


def count_codes(stored: NDArray[np.generic], region: Region | None) -> NDArray[np.int64]:
    """Count stored values by their unsigned code.

    Args:
        stored: (H, W), 8 or 16 bits.
        region: Where to count; None for everywhere.

    Returns:
        int64 (256,) or (65536,).
    """
    counts = np.zeros(1 << 8 * stored.itemsize, np.int64)
    top, bottom, left, right = region or (0, stored.shape[0], 0, stored.shape[1])
    native = kernels()
    if native is not None and stored.dtype in WHOLE_NUMBERS:
        box = (top, bottom, left, right)
        pixels = (bottom - top) * (right - left)
        native.histogram(np.ascontiguousarray(stored), box, counts, threads_for(pixels))
        return counts
    inside = stored[top:bottom, left:right]
    for start in range(0, len(inside), 256):
        block = np.ascontiguousarray(inside[start : start + 256]).view(f"u{stored.itemsize}")
        counts += np.bincount(block.ravel(), minlength=len(counts))
    return counts


def value_range(stored: NDArray[np.generic], region: Region | None) -> tuple[float, float]:
    """Return the least and the largest stored value of a region that is not empty."""
    top, bottom, left, right = region or (0, stored.shape[0], 0, stored.shape[1])
    native = kernels()
    if native is not None and stored.dtype in WHOLE_NUMBERS:
        box = (top, bottom, left, right)
        pixels = (bottom - top) * (right - left)
        low, high = native.extent(np.ascontiguousarray(stored), box, threads_for(pixels))
        return float(low), float(high)
    inside = stored[top:bottom, left:right]
    return float(inside.min()), float(inside.max())
