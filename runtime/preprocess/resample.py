"""Separable resizing as products with small weight matrices.

Kernels with antialiasing follow Pillow's (support grows with the reduction); without it they
follow ``torch.nn.functional.interpolate``, bicubic coefficient -0.75 included. ``area`` weighs
every input pixel by the fraction of it that an output pixel covers.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from math import gcd
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

Float32 = NDArray[np.float32]
_Number = TypeVar("_Number", bound=np.generic)


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


@dataclass(frozen=True)
class Taps:
    """Which input pixels each output pixel of one axis weighs, and how."""

    first: NDArray[np.int32]
    """(n,): first input pixel."""
    size: NDArray[np.int32]
    """(n,): how many from there on."""
    weights: Float32
    """(n, width), not writable: rows summing to 1, zeros after an output's own. The width is a
    multiple of ``LANES``."""


LANES = 8


@lru_cache(maxsize=64)
def taps(source: int, target: int, kernel: Kernel) -> Taps:
    """Return what resizes one axis of ``source`` pixels to ``target``."""
    if kernel.name == "area":
        first, covered = area_weights(source, target)
        matrix = covered.astype(np.float64)
    elif kernel.name == "nearest":
        scale = source / target
        first = np.minimum(((np.arange(target) + 0.5) * scale).astype(int), source - 1)
        matrix = np.ones((target, 1))
    elif kernel.antialias:
        first, matrix = pillow_weights(source, target, kernel.name)
    else:
        first, matrix = _interpolated(source, target, kernel)
    normalised = matrix / matrix.sum(axis=1, keepdims=True)
    return Taps(*trim(first, normalised.astype(np.float32), LANES))


def trim(
    first: NDArray[Any], matrix: NDArray[_Number], multiple: int
) -> tuple[NDArray[np.int32], NDArray[np.int32], NDArray[_Number]]:
    """Leave out what is zero for all outputs, and widen a matrix to a multiple with zeros.

    Returns:
        First input pixels, int32 (n,), numbers of them, int32 (n,), and the matrix, not writable.
    """
    used = matrix != 0
    size = matrix.shape[1] - used[:, ::-1].argmax(axis=1)
    width = -(-int(size.max()) // multiple) * multiple
    wide = np.zeros((len(matrix), width), matrix.dtype)
    common = min(width, matrix.shape[1])
    wide[:, :common] = matrix[:, :common]
    wide.flags.writeable = False
    return first.astype(np.int32), size.astype(np.int32), wide


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
    sparse = taps(source, target, kernel)
    matrix = np.zeros((target, source), np.float32)
    for row, (first, size) in enumerate(zip(sparse.first, sparse.size, strict=True)):
        matrix[row, first : first + size] = sparse.weights[row, :size]
    matrix.flags.writeable = False
    return matrix


def area_weights(source: int, target: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return how much of each input pixel an output pixel covers.

    Returns:
        The first pixel of each output, int64 (target,), and coverage in whole units of which
        ``target / gcd(source, target)`` make a pixel, int64 (target, width).
    """
    common = gcd(source, target)
    pixel, output = target // common, source // common
    edges = np.arange(target + 1, dtype=np.int64) * output
    first = edges[:-1] // pixel
    width = int((-(-edges[1:] // pixel) - first).max())
    begins = (first[:, None] + np.arange(width)) * pixel
    covered = np.minimum(edges[1:, None], begins + pixel) - np.maximum(edges[:-1, None], begins)
    return first, np.maximum(covered, 0)


def pillow_weights(
    source: int, target: int, name: str
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Return Pillow's weights before normalisation.

    Returns:
        The first pixel of each output, int64 (target,), and weights, float64 (target, width).
    """
    support, function = _SMOOTH[name]
    scale = source / target
    stretch = max(scale, 1.0)
    centers = (np.arange(target) + 0.5) * scale
    first = np.maximum((centers - support * stretch + 0.5).astype(np.int64), 0)
    last = np.minimum((centers + support * stretch + 0.5).astype(np.int64), source)
    pixels = first[:, None] + np.arange(int((last - first).max()))
    weighed = function((pixels + 0.5 - centers[:, None]) / stretch)
    return first, np.asarray(np.where(pixels < last[:, None], weighed, 0.0))


def _interpolated(
    source: int, target: int, kernel: Kernel
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    if kernel.align_corners:
        places = np.arange(target) * ((source - 1) / max(target - 1, 1))
    else:
        places = (np.arange(target) + 0.5) * (source / target) - 0.5
        if kernel.name == "bilinear":
            places = np.maximum(places, 0.0)
    base = np.floor(places).astype(np.int64)
    offsets = (0, 1) if kernel.name == "bilinear" else (-1, 0, 1, 2)
    first = np.clip(base + offsets[0], 0, max(source - len(offsets), 0))
    matrix = np.zeros((target, len(offsets)))
    for offset in offsets:
        distance = places - (base + offset)
        weight = _triangle(distance) if len(offsets) == 2 else _cubic(distance, -0.75)
        pixels = np.clip(base + offset, 0, source - 1)
        np.add.at(matrix, (np.arange(target), pixels - first), weight)
    return first, matrix


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
    sparse = taps(height, target, kernel)
    output = np.empty((target, width), np.float32)
    # One output row at a time: its input rows stay in the cache, and a matrix-vector product
    # needs none of the packing that a product with a few rows would spend most of its time on.
    for row, (start, size) in enumerate(zip(sparse.first, sparse.size, strict=True)):
        np.matmul(sparse.weights[row, :size], read(start, start + size), out=output[row])
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
