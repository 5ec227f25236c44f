"""Resizing of 8-bit pictures, level for level as the usual libraries do it.

Networks of the literature were trained on 8-bit files. Pillow rounds to a grey level after each of
its two passes (columns first) and holds its weights as multiples of 2**-22; products of these and
grey levels are whole multiples of 2**-22 below 2**53, so float64 sums them without error and in any
order. OpenCV's area resize rounds once, at the end: a sum of whole pixels times a float32, with a
routine of its own for exactly half the size. Where pixels are cut, coverage is counted in whole
units too, so that a tie is a tie.
"""

from functools import lru_cache
from math import gcd

import numpy as np
from numpy.typing import NDArray

from cxr_edge.preprocess.resample import Kernel, area_weights, pillow_weights, trim

Float32 = NDArray[np.float32]
Float64 = NDArray[np.float64]

_UNIT = float(1 << 22)
_ROWS, _COLUMNS = 128, 16


def resize_eight_bit(picture: Float32, height: int, width: int, kernel: Kernel) -> Float32:
    """Resize a picture of 256 grey levels.

    Args:
        picture: float32 (H, W), multiples of 1/255 from 0 to 1.
        height: output rows.
        width: output columns.
        kernel: ``area`` as OpenCV; ``bilinear``, ``bicubic`` or ``lanczos`` as Pillow.

    Returns:
        float32 (height, width), multiples of 1/255 from 0 to 1.
    """
    if kernel.name == "area":
        levels = _averaged(picture, height, width, kernel)
    else:
        if width != picture.shape[1]:
            levels = _halves_up(_weigh_columns(picture, width, kernel))
        else:
            levels = _levels(picture)
        if height != picture.shape[0]:
            levels = _halves_up(_pass(levels, height, kernel))
    return (levels / 255.0).astype(np.float32)


def _levels(picture: Float32) -> Float64:
    levels: Float64 = np.rint(picture * np.float32(255)).astype(np.float64)
    return levels


def _averaged(picture: Float32, height: int, width: int, kernel: Kernel) -> Float64:
    rows, columns = picture.shape
    return round_mean(_pass(_weigh_columns(picture, width, kernel), height, kernel), rows, columns)


def round_mean(sums: Float64, rows: int, columns: int) -> Float64:
    """Divide exact sums of covered pixels, rounded as OpenCV rounds.

    Args:
        sums: (height, width), in the units of ``area_weights`` for both axes.
        rows: of the picture that was averaged.
        columns: of it.
    """
    height, width = sums.shape
    pixels = (rows // gcd(rows, height)) * (columns // gcd(columns, width))
    if (rows, columns) == (2 * height, 2 * width):
        return _halves_up(sums / pixels)
    if rows % height == 0 and columns % width == 0:
        means = sums.astype(np.float32) * np.float32(1.0 / pixels)
        return np.asarray(np.rint(means), np.float64)
    return np.asarray(np.rint(sums / pixels))


def _halves_up(levels: Float64) -> Float64:
    return np.clip(np.floor(levels + 0.5), 0.0, 255.0)


def _weigh_columns(picture: Float32, target: int, kernel: Kernel) -> Float64:
    """Weigh the grey levels along the second axis: float32 (H, W) to float64 (H, target).

    A few rows at a time, which stay in the cache, and a few output columns at a time, whose input
    columns largely are the same: then it is a product of small matrices.
    """
    output = np.empty((len(picture), target))
    for start in range(0, len(picture), _ROWS):
        levels = _levels(picture[start : start + _ROWS])
        made = output[start : start + _ROWS]
        for number, (first, matrix) in enumerate(_groups(picture.shape[1], target, kernel)):
            columns = slice(number * _COLUMNS, number * _COLUMNS + matrix.shape[1])
            np.matmul(levels[:, first : first + len(matrix)], matrix, out=made[:, columns])
    return output


@lru_cache(maxsize=32)
def _groups(source: int, target: int, kernel: Kernel) -> tuple[tuple[int, Float64], ...]:
    """Return, for every ``_COLUMNS`` output pixels, the first input pixel and a weight matrix."""
    taps = _taps(source, target, kernel)
    groups = []
    for start in range(0, target, _COLUMNS):
        part = taps[start : start + _COLUMNS]
        first = min(begin for begin, _ in part)
        last = max(begin + len(weights) for begin, weights in part)
        matrix = np.zeros((last - first, len(part)))
        for column, (begin, weights) in enumerate(part):
            matrix[begin - first : begin - first + len(weights), column] = weights
        groups.append((first, matrix))
    return tuple(groups)


def _pass(levels: Float64, target: int, kernel: Kernel) -> Float64:
    """Weigh along the first axis: float64 (H, W) to (target, W), not rounded."""
    output = np.empty((target, levels.shape[1]))
    for row, (start, taps) in enumerate(_taps(levels.shape[0], target, kernel)):
        np.matmul(taps, levels[start : start + len(taps)], out=output[row])
    return output


@lru_cache(maxsize=32)
def _taps(source: int, target: int, kernel: Kernel) -> tuple[tuple[int, Float64], ...]:
    """Return, for every output pixel, its first input pixel and the weights from there on."""
    first, size, whole = whole_taps(source, target, kernel)
    matrix = whole / (1.0 if kernel.name == "area" else _UNIT)
    bounds = enumerate(zip(first, size, strict=True))
    return tuple((int(start), matrix[row, :count]) for row, (start, count) in bounds)


@lru_cache(maxsize=32)
def whole_taps(
    source: int, target: int, kernel: Kernel
) -> tuple[NDArray[np.int32], NDArray[np.int32], NDArray[np.int64]]:
    """Return first input pixels, numbers of them and weights, whole multiples of 2**-22 (area: of
    the unit of ``area_weights``), int64 (target, width).
    """
    if kernel.name == "area":
        return trim(*area_weights(source, target), 2)
    first, matrix = pillow_weights(source, target, kernel.name)
    matrix /= matrix.sum(axis=1, keepdims=True)
    whole = np.trunc(matrix * _UNIT + np.copysign(0.5, matrix)).astype(np.int64)
    return trim(first, whole, 2)
