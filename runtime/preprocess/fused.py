"""The first steps of a recipe in one pass over the stored values: tone, padding, resize.

Done by the extension where there is one, by numpy otherwise. In floating point the two add in
another order: sums of n products differ by at most n * 2**-23 of the largest. Grey levels are whole
numbers, and there the two are equal.
"""

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from cxr_edge.preprocess.eight_bit import resize_eight_bit, round_mean, whole_taps
from cxr_edge.preprocess.native import kernels, threads_for
from cxr_edge.preprocess.resample import Kernel, Taps, resize_columns, resize_rows, taps
from cxr_edge.preprocess.tone import Tone, all_codes

Float32 = NDArray[np.float32]
_LEVEL = np.float32(255)


def tone_and_resize(
    stored: NDArray[np.generic], tone: Tone, height: int, width: int, kernel: Kernel
) -> Float32:
    """Tone and resize in one pass over the stored values, a few rows at a time.

    Clipping and tables come before the weights, so the result is that of toning the whole picture
    first; only the linear part waits until the picture is small.

    Returns:
        float32 (height, width), 0..1 (bicubic and lanczos may overshoot).
    """
    bounds = tone.bounds(stored.dtype)
    if kernels() is None or bounds is None:
        return _tone_and_resize(stored, tone, height, width, kernel)
    rows, columns = taps(stored.shape[0], height, kernel), taps(stored.shape[1], width, kernel)
    return tone.finish(_weigh(stored, bounds, tone.table, rows, columns))


def weigh_table(
    stored: NDArray[np.generic], table: Float32, rows: Taps, columns: Taps
) -> Float32 | None:
    """Look stored values up in a table of their codes and weigh rows and columns.

    Returns:
        float32, one row and column for each output of the taps; None where numpy is to do it.
    """
    bounds = Tone(table=table).bounds(stored.dtype)
    if kernels() is None or bounds is None:
        return None
    return _weigh(stored, bounds, table, rows, columns)


def _weigh(
    stored: NDArray[np.generic],
    bounds: tuple[float, float],
    table: Float32 | None,
    rows: Taps,
    columns: Taps,
) -> Float32:
    native = kernels()
    assert native is not None
    out = np.empty((len(rows.first), len(columns.first)), np.float32)
    native.resize(
        np.ascontiguousarray(stored),
        *bounds,
        table,
        (rows.first, rows.size, rows.weights),
        (columns.first, columns.size, columns.weights),
        out,
        threads_for(stored.size),
    )
    return out


def _tone_and_resize(
    stored: NDArray[np.generic], tone: Tone, height: int, width: int, kernel: Kernel
) -> Float32:
    rows, columns = stored.shape
    buffer: Float32 = np.empty((0, columns), np.float32)

    def read(first: int, last: int) -> Float32:
        nonlocal buffer
        if len(buffer) < last - first:
            buffer = np.empty((last - first, columns), np.float32)
        return tone.clip(stored[first:last], buffer)

    tall = resize_rows(read, rows, columns, height, kernel)
    return tone.finish(resize_columns(tall, width, kernel))


def pad_place(rows: int, columns: int) -> tuple[int, int, int]:
    """Return side, top and left of a picture put in the middle of a square."""
    side = max(rows, columns)
    return side, (side - rows) // 2, (side - columns) // 2


def pad(picture: Float32, fill: float) -> Float32:
    """Put float32 (..., H, W) in the middle of a square of ``fill``."""
    height, width = picture.shape[-2:]
    side, top, left = pad_place(height, width)
    padded = np.full((*picture.shape[:-2], side, side), fill, np.float32)
    padded[..., top : top + height, left : left + width] = picture
    return padded


def levels_and_resize(
    stored: NDArray[np.generic],
    tone: Tone,
    fill: float | None,
    height: int,
    width: int,
    kernel: Kernel,
) -> Float32:
    """Tone to 256 grey levels, pad to a square and resize them as Pillow or OpenCV does.

    Args:
        stored: Stored values (H, W).
        tone: Their map; its result is rounded to the nearest level.
        fill: Grey value around the picture; None leaves it as it is.
        height: output rows.
        width: output columns.
        kernel: As ``resize_eight_bit`` takes it.

    Returns:
        float32 (height, width), multiples of 1/255 from 0 to 1.
    """
    native = kernels()
    level = 0 if fill is None else int(np.rint(np.float32(fill) * _LEVEL))
    if native is None or not 0 <= level <= 255 or tone.bounds(stored.dtype) is None:
        picture = tone.apply(stored)
        return resize_eight_bit(
            picture if fill is None else pad(picture, fill), height, width, kernel
        )
    rows, columns = stored.shape
    top = left = 0
    if fill is not None:
        side, top, left = pad_place(rows, columns)
        rows = columns = side
    table = np.clip(np.rint(tone.apply(all_codes(stored.dtype)[None])[0] * _LEVEL), 0, 255)
    given = (
        np.ascontiguousarray(stored),
        table.astype(np.uint8),
        (top, left, rows, columns, level),
    )
    threads = threads_for(stored.size)
    if kernel.name == "area":
        sums = np.empty((height, width), np.int64)
        down, across = _split(rows, height, kernel), _split(columns, width, kernel)
        native.sum_levels(*given, down, across, sums, threads)
        return (round_mean(sums.astype(np.float64), rows, columns) / 255.0).astype(np.float32)
    levels = np.empty((height, width), np.uint8)
    native.resize_levels(
        *given,
        None if height == rows else _split(rows, height, kernel),
        None if width == columns else _split(columns, width, kernel),
        levels,
        threads,
    )
    return (levels / 255.0).astype(np.float32)


@lru_cache(maxsize=32)
def _split(
    source: int, target: int, kernel: Kernel
) -> tuple[NDArray[np.int32], NDArray[np.int32], NDArray[np.int16], NDArray[np.int16]]:
    """Return whole taps that begin with an even input, weights as high * 2048 + low."""
    first, size, whole = whole_taps(source, target, kernel)
    odd = first % 2 == 1
    pairs = np.pad(whole, ((0, 0), (0, 2)))
    pairs[odd] = np.roll(pairs[odd], 1, axis=1)
    high = (pairs + 1024) >> 11
    low = pairs - (high << 11)
    return first - odd, size + odd, high.astype(np.int16), low.astype(np.int16)
