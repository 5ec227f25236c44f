"""Which pixels are neither padding nor outside the borders, at full size or resized at once."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from cxr_edge.preprocess.fused import weigh_table
from cxr_edge.preprocess.resample import Kernel, Taps, resize, taps
from cxr_edge.preprocess.tone import all_codes
from cxr_edge.types import SourceImage

Float32 = NDArray[np.float32]


def valid_mask(image: SourceImage) -> Float32 | None:
    """Return float32 (H, W), 1 where a pixel is valid and 0 elsewhere; None where all are."""
    if image.padding is None and image.region is None:
        return None
    mask = np.ones(image.stored.shape, np.float32)
    if image.padding is not None:
        low, high = image.padding
        stored: NDArray[Any] = image.stored
        mask[(stored >= low) & (stored <= high)] = 0.0
    if image.region is not None:
        top, bottom, left, right = image.region
        inside = np.zeros_like(mask)
        inside[top:bottom, left:right] = mask[top:bottom, left:right]
        mask = inside
    return mask


def resized_mask(image: SourceImage, height: int, width: int, kernel: Kernel) -> Float32 | None:
    """Return ``valid_mask`` resized to (height, width).

    A border has straight edges, so it is a matter of the weights alone: those of pixels outside it
    are left out. Padding is a table of stored values.
    """
    if image.padding is None and image.region is None:
        return None
    rows, columns = image.stored.shape
    top, bottom, left, right = image.region or (0, rows, 0, columns)
    down = _inside(taps(rows, height, kernel), top, bottom)
    across = _inside(taps(columns, width, kernel), left, right)
    if image.padding is None:
        return np.outer(down.weights.sum(axis=1), across.weights.sum(axis=1))
    codes = all_codes(image.stored.dtype).astype(np.int64)
    low, high = image.padding
    table = ((codes < low) | (codes > high)).astype(np.float32)
    weighed = weigh_table(image.stored, table, down, across)
    full = valid_mask(image) if weighed is None else None
    return weighed if full is None else resize(full, height, width, kernel)


def _inside(axis: Taps, begin: int, end: int) -> Taps:
    """Leave out the weights of pixels before ``begin`` and from ``end`` on."""
    pixels = axis.first[:, None] + np.arange(axis.weights.shape[1])
    kept = (pixels >= begin) & (pixels < end)
    return Taps(axis.first, axis.size, np.where(kept, axis.weights, np.float32(0)))
