"""Separable resizing as products with small weight matrices.

Kernels with antialiasing follow Pillow's (support grows with the reduction); without it they
follow ``torch.nn.functional.interpolate``, bicubic coefficient -0.75 included. ``area`` weighs
every input pixel by the fraction of it that an output pixel covers.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

Float32 = NDArray[np.float32]


@dataclass(frozen=True)
class Kernel:
    """How pixels are weighed: a name of ``KERNELS`` and its two switches."""

    name: str = "area"
    antialias: bool = True
    align_corners: bool = False


def _triangle(x: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.maximum(1.0 - np.abs(x), 0.0)


def _cubic(x: NDArray[np.float64], a: float) -> NDArray[np.float64]:
    x = np.abs(x)
    near = ((a + 2.0) * x - (a + 3.0)) * x * x + 1.0
    far = a * (((x - 5.0) * x + 8.0) * x - 4.0)
    return np.where(x < 1.0, near, np.where(x < 2.0, far, 0.0))


def _lanczos(x: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.where(np.abs(x) < 3.0, np.sinc(x) * np.sinc(x / 3.0), 0.0)


_SMOOTH: dict[str, tuple[float, Callable[[NDArray[np.float64]], NDArray[np.float64]]]] = {
    "bilinear": (1.0, _triangle),
    "bicubic": (2.0, lambda x: _cubic(x, -0.5)),
    "lanczos": (3.0, _lanczos),
}
KERNELS = frozenset({"area", "nearest", *_SMOOTH})


@lru_cache(maxsize=32)
def weights(source: int, target: int, kernel: Kernel) -> Float32:
    """Return the matrix that resizes one axis.

    Args:
        source: Input length.
        target: Output length.
        kernel: How to weigh.

    Returns:
        float32 (target, source), rows summing to 1, not writable.
    """
    scale = source / target
    if kernel.name == "area":
        matrix = area_weights(source, target)
    elif kernel.name == "nearest":
        chosen = np.minimum(((np.arange(target) + 0.5) * scale).astype(int), source - 1)
        matrix = np.zeros((target, source))
        matrix[np.arange(target), chosen] = 1.0
    elif kernel.antialias:
        matrix = pillow_weights(source, target, kernel.name)
    else:
        matrix = _interpolated(source, target, kernel)
    normalised: Float32 = (matrix / matrix.sum(axis=1, keepdims=True)).astype(np.float32)
    normalised.flags.writeable = False
    return normalised


def area_weights(source: int, target: int) -> NDArray[np.float64]:
    """Return how much of each input pixel an output pixel covers, float64 (target, source)."""
    edges = np.arange(target + 1) * (source / target)
    pixels = np.arange(source)
    covered = np.minimum(edges[1:, None], pixels + 1) - np.maximum(edges[:-1, None], pixels)
    return np.asarray(np.maximum(covered, 0.0))


def pillow_weights(source: int, target: int, name: str) -> NDArray[np.float64]:
    """Return Pillow's weights before normalisation, float64 (target, source)."""
    support, function = _SMOOTH[name]
    scale = source / target
    stretch = max(scale, 1.0)
    centers = (np.arange(target) + 0.5) * scale
    pixels = np.arange(source)
    first = np.maximum((centers - support * stretch + 0.5).astype(int), 0)
    last = np.minimum((centers + support * stretch + 0.5).astype(int), source)
    inside = (pixels >= first[:, None]) & (pixels < last[:, None])
    weighed = function((pixels + 0.5 - centers[:, None]) / stretch)
    return np.asarray(np.where(inside, weighed, 0.0))


def _interpolated(source: int, target: int, kernel: Kernel) -> NDArray[np.float64]:
    if kernel.align_corners:
        places = np.arange(target) * ((source - 1) / max(target - 1, 1))
    else:
        places = (np.arange(target) + 0.5) * (source / target) - 0.5
        if kernel.name == "bilinear":
            places = np.maximum(places, 0.0)
    base = np.floor(places).astype(int)
    matrix = np.zeros((target, source))
    rows = np.arange(target)
    taps = (0, 1) if kernel.name == "bilinear" else (-1, 0, 1, 2)
    for tap in taps:
        distance = places - (base + tap)
        weight = _triangle(distance) if len(taps) == 2 else _cubic(distance, -0.75)
        np.add.at(matrix, (rows, np.clip(base + tap, 0, source - 1)), weight)
    return matrix


def resize_rows(
    read: Callable[[int, int], Float32], height: int, width: int, target: int, kernel: Kernel
) -> Float32:
    """Resize the vertical axis of a picture that is made a few rows at a time.

    Args:
        read: Returns rows first..last (half open) as float32 (last - first, width); the array may
            be overwritten by the next call.
        height: Rows that ``read`` can give.
        width: Columns.
        target: Output rows.
        kernel: How to weigh.

    Returns:
        float32 (target, width).
    """
    matrix = weights(height, target, kernel)
    used = matrix != 0.0
    first = used.argmax(axis=1)
    last = height - used[:, ::-1].argmax(axis=1)
    output = np.empty((target, width), np.float32)
    # One output row at a time: its input rows stay in the cache, and a matrix-vector product
    # needs none of the packing that a product with a few rows would spend most of its time on.
    for row, (start, stop) in enumerate(zip(first, last, strict=True)):
        np.matmul(matrix[row, start:stop], read(start, stop), out=output[row])
    return output


def resize_columns(picture: Float32, target: int, kernel: Kernel) -> Float32:
    """Resize the horizontal axis: float32 (H, W) to float32 (H, target)."""
    matrix = weights(picture.shape[1], target, kernel)
    return np.asarray(picture @ matrix.T, np.float32)


def resize(picture: Float32, height: int, width: int, kernel: Kernel) -> Float32:
    """Resize float32 (H, W) to float32 (height, width)."""
    rows, columns = picture.shape
    tall = resize_rows(lambda first, last: picture[first:last], rows, columns, height, kernel)
    return resize_columns(tall, width, kernel)
