"""Resizing of 8-bit pictures, bit for bit as Pillow does it.

Networks of the literature were trained on 8-bit files resized by Pillow, which rounds to a grey
level after each of its two passes (columns first) and holds its weights as multiples of 2**-22.
Products of such weights and grey levels are whole multiples of 2**-22 below 2**53, so float64 sums
them without error and in any order.
"""

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from cxr_edge.preprocess.resample import Kernel, pillow_weights

Float32 = NDArray[np.float32]
Float64 = NDArray[np.float64]

_UNIT = float(1 << 22)


def resize_eight_bit(picture: Float32, height: int, width: int, kernel: Kernel) -> Float32:
    """Resize a picture of 256 grey levels.

    Args:
        picture: float32 (H, W), multiples of 1/255 from 0 to 1.
        height: output rows.
        width: output columns.
        kernel: ``bilinear``, ``bicubic`` or ``lanczos`` with antialias.

    Returns:
        float32 (height, width), multiples of 1/255 from 0 to 1.
    """
    levels = np.rint(picture.astype(np.float64) * 255.0)
    if width != picture.shape[1]:
        levels = _pass(levels.T, width, kernel).T
    if height != picture.shape[0]:
        levels = _pass(levels, height, kernel)
    return (levels / 255.0).astype(np.float32)


def _pass(levels: Float64, target: int, kernel: Kernel) -> Float64:
    """Resize the first axis: float64 (H, W) to (target, W), whole numbers 0..255."""
    output = np.empty((target, levels.shape[1]))
    for row, (start, taps) in enumerate(_taps(levels.shape[0], target, kernel)):
        np.matmul(taps, levels[start : start + len(taps)], out=output[row])
    return np.clip(np.floor(output / _UNIT + 0.5), 0.0, 255.0)


@lru_cache(maxsize=32)
def _taps(source: int, target: int, kernel: Kernel) -> tuple[tuple[int, Float64], ...]:
    """Return, for every output pixel, its first input pixel and weights in units of 2**-22."""
    matrix = pillow_weights(source, target, kernel.name)
    matrix /= matrix.sum(axis=1, keepdims=True)
    scaled = matrix * _UNIT
    whole = np.trunc(scaled + np.copysign(0.5, scaled))
    used = whole != 0.0
    first = used.argmax(axis=1)
    last = source - used[:, ::-1].argmax(axis=1)
    return tuple(
        (int(a), whole[k, a:b].copy()) for k, (a, b) in enumerate(zip(first, last, strict=True))
    )
