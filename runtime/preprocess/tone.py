"""The tone stage: stored values to grey values 0..1 in the MONOCHROME2 sense.

Every stage is a map of the stored value alone once its statistics are known, either linear between
two clipping points or a table. So it can be applied to a few rows at a time while they are being
resized, with the same result as toning the whole picture first.

``voi``: modality, then the VOI LUT or window (PS3.3 C.11.2), full range where there is none.
``minmax``: modality, then the range of the valid pixels. ``minmax+equalise`` and ``max+equalise``
repeat how the 8-bit releases of MIMIC-CXR and CheXpert were made.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cxr_edge.errors import StudyError
from cxr_edge.preprocess.statistics import WHOLE_NUMBERS, count_codes, value_range
from cxr_edge.types import LookupTable, SourceImage, Window

Float32 = NDArray[np.float32]
Float64 = NDArray[np.float64]
STAGES = ("voi", "minmax", "minmax+equalise", "max+equalise")


@dataclass(frozen=True)
class Tone:
    """A map from stored value to grey value."""

    low: float = 0.0
    high: float = 1.0
    """Stored values the result is clipped at; ``low`` gives 0 and ``high`` 1, or the reverse."""
    inverted: bool = False
    clips: bool = True
    """False where no stored value lies outside ``low`` .. ``high``."""
    table: Float32 | None = None
    """float32 (256,) or (65536,), by stored value read as unsigned; replaces the line."""

    def apply(self, stored: NDArray[np.generic]) -> Float32:
        """Return float32 of the same shape, 0..1."""
        return self.finish(self.clip(stored))

    def bounds(self, dtype: np.dtype[np.generic]) -> tuple[float, float] | None:
        """Return where stored values of a type are clipped, within what the type can hold.

        None where the type is not one of whole numbers in this machine's byte order, or where all
        of its values lie on one side of the line.
        """
        if dtype not in WHOLE_NUMBERS:
            return None
        limits = np.iinfo(dtype)  # type: ignore[type-var]
        if self.table is not None or not self.clips:
            return float(limits.min), float(limits.max)
        low, high = max(self.low, float(limits.min)), min(self.high, float(limits.max))
        return (low, high) if low <= high else None

    def clip(self, stored: NDArray[np.generic], buffer: Float32 | None = None) -> Float32:
        """Do the part of the map that is not linear, and so must come before a resize.

        Args:
            stored: Stored values (rows, columns).
            buffer: float32 with at least as many rows; overwritten and returned in part.
        """
        if self.table is not None:
            index = stored.view(f"u{stored.itemsize}")
            return np.asarray(self.table[index], np.float32)
        target = np.empty(stored.shape, np.float32) if buffer is None else buffer[: len(stored)]
        limits = np.iinfo(stored.dtype)  # type: ignore[type-var]
        low, high = max(self.low, limits.min), min(self.high, limits.max)
        if not self.clips:
            target[...] = stored
        elif float(low).is_integer() and float(high).is_integer() and low <= high:
            # Clipping whole numbers moves a quarter of the bytes that floats would.
            target[...] = np.clip(stored, stored.dtype.type(low), stored.dtype.type(high))
        else:
            np.clip(stored, self.low, self.high, out=target, dtype=np.float32)
        return target

    def quantised(self, rounding: str, dtype: np.dtype[np.generic]) -> "Tone":
        """Return the map to 256 grey levels, as a table.

        In single precision a value that falls exactly on a level may land just below it, and
        rounding down would then lose the level; here the line is followed in double precision.

        Args:
            rounding: ``nearest`` (ties to even) or ``floor``.
            dtype: of the stored values.
        """
        if self.table is not None:
            # More than float32 rounds off, no more than half of what separates values of 16 bits.
            scaled = self.table.astype(np.float64) * 255.0 + (
                7.61e-6 if rounding == "floor" else 0.0
            )
        else:
            unsigned = np.arange(1 << 8 * dtype.itemsize, dtype=f"u{dtype.itemsize}")
            values = np.clip(unsigned.view(dtype).astype(np.float64), self.low, self.high)
            distance = self.high - values if self.inverted else values - self.low
            scaled = distance / (self.high - self.low) * 255.0
        levels = np.rint(scaled) if rounding == "nearest" else np.floor(scaled)
        return Tone(table=(np.clip(levels, 0.0, 255.0) / 255.0).astype(np.float32))

    def finish(self, clipped: Float32) -> Float32:
        """Do the linear part, after which values are 0..1 (a resize kernel may overshoot)."""
        if self.table is not None:
            return clipped
        scale = 1.0 / (self.high - self.low)
        if self.inverted:
            return np.asarray((self.high - clipped) * np.float32(scale), np.float32)
        return np.asarray((clipped - self.low) * np.float32(scale), np.float32)


def make_tone(stage: str, image: SourceImage) -> Tone:
    """Return the map of one image.

    Args:
        stage: A name of ``STAGES``.
        image: The image, with its statistics taken over pixels that are neither padding nor
            outside shutter and collimator.

    Raises:
        StudyError: The image is constant, so that no map exists.
    """
    if stage.endswith("+equalise"):
        return Tone(table=_equalised(stage, image))
    tone = _linear(stage, image)
    if tone is None:
        return Tone(table=_black_padding(_voi_table(stage, image), image))
    if image.padding is not None and not _padding_is_black(tone, image.padding):
        codes = all_codes(image.stored.dtype)
        return Tone(table=_black_padding(tone.apply(codes[None])[0], image))
    return tone


def valid_histogram(image: SourceImage) -> tuple[Float64, NDArray[np.int64]]:
    """Count the stored values of the valid pixels.

    Returns:
        The stored value of each code, float64 (256,) or (65536,), and the counts by code.

    Raises:
        StudyError: No pixel is valid.
    """
    codes = all_codes(image.stored.dtype).astype(np.float64)
    counts = count_codes(image.stored, image.region)
    if image.padding is not None:
        counts[(codes >= image.padding[0]) & (codes <= image.padding[1])] = 0
    if not counts.any():
        raise StudyError("every pixel of the image is padding; a radiograph was expected")
    return codes, counts


def all_codes(dtype: np.dtype[np.generic]) -> NDArray[np.generic]:
    """Return every stored value there can be, in the order of its unsigned code."""
    unsigned = np.arange(1 << 8 * dtype.itemsize, dtype=f"u{dtype.itemsize}")
    return unsigned.view(dtype)


def _range(image: SourceImage) -> tuple[float, float]:
    """Return the least and the largest valid stored value."""
    if image.padding is None:
        low, high = value_range(image.stored, image.region)
    else:
        codes, counts = valid_histogram(image)
        present = codes[counts > 0]
        low, high = float(present.min()), float(present.max())
    if low == high:
        raise StudyError("every pixel of the image has the same value; a radiograph was expected")
    return low, high


def _linear(stage: str, image: SourceImage) -> Tone | None:
    """Return the tone as a line over stored values, or None where it is not one."""
    window = image.window if stage == "voi" else None
    if image.modality_lut is not None or (stage == "voi" and image.voi_lut is not None):
        return None
    flipped = image.inverted != (image.slope < 0)
    if window is None:
        whole = image.region is None and image.padding is None
        return Tone(*_range(image), inverted=flipped, clips=not whole)
    ends = _ends(window)
    if ends is None:
        return None
    low, high = sorted((end - image.intercept) / image.slope for end in ends)
    with np.errstate(over="ignore"):  # a slope near zero, or a boundless window
        apart = -np.inf < np.float32(low) < np.float32(high) < np.inf
    return Tone(low, high, inverted=flipped) if apart else None


def _ends(window: Window) -> tuple[float, float] | None:
    """Return where a linear window begins and ends, in modality values (PS3.3 C.11.2.1.2.1 and
    C.11.2.1.3.2), or None where it is a sigmoid or a step.
    """
    if window.function == "LINEAR" and window.width > 1:
        middle, half = window.center - 0.5, (window.width - 1) / 2
    elif window.function == "LINEAR_EXACT":
        middle, half = window.center, window.width / 2
    else:
        return None
    return middle - half, middle + half


def _padding_is_black(tone: Tone, padding: tuple[int, int]) -> bool:
    return padding[0] >= tone.high if tone.inverted else padding[1] <= tone.low


def _black_padding(table: Float32, image: SourceImage) -> Float32:
    if image.padding is not None:
        codes = all_codes(image.stored.dtype).astype(np.int64)
        table[(codes >= image.padding[0]) & (codes <= image.padding[1])] = 0.0
    return table


def _modality(image: SourceImage) -> Float64:
    """Return the output of the modality stage for every code."""
    codes = all_codes(image.stored.dtype).astype(np.float64)
    if image.modality_lut is not None:
        return _look_up(image.modality_lut, codes)
    return codes * image.slope + image.intercept


def _look_up(lut: LookupTable, values: Float64) -> Float64:
    places = np.clip(np.rint(values) - lut.first, 0, len(lut.values) - 1).astype(np.int64)
    return np.asarray(lut.values[places], np.float64)


def _voi_table(stage: str, image: SourceImage) -> Float32:
    values = _modality(image)
    if stage == "voi" and image.voi_lut is not None:
        grey = _look_up(image.voi_lut, values) / ((1 << image.voi_lut.bits) - 1)
    elif stage == "voi" and image.window is not None:
        grey = _windowed(image.window, values)
    else:
        _, counts = valid_histogram(image)
        present = values[counts > 0]
        low, high = present.min(), present.max()
        if low == high:
            raise StudyError("the Modality LUT leaves one grey value; a radiograph was expected")
        grey = (values - low) / (high - low)
    grey = np.clip(grey, 0.0, 1.0)
    return (1.0 - grey if image.inverted else grey).astype(np.float32)


def _windowed(window: Window, values: Float64) -> Float64:
    """Apply a window to modality values: a line, a sigmoid (PS3.3 C.11.2.1.3.1) or a step."""
    if window.function == "SIGMOID":
        exponent = np.clip(-4.0 * (values - window.center) / window.width, -700.0, 700.0)
        return np.asarray(1.0 / (1.0 + np.exp(exponent)))
    ends = _ends(window)
    if ends is None:
        return (values > window.center - 0.5).astype(np.float64)
    return np.asarray((values - ends[0]) / (ends[1] - ends[0]))


def _equalised(stage: str, image: SourceImage) -> Float32:
    """Return the table of an 8-bit release: 8 bits, inversion, histogram equalisation."""
    codes, counts = valid_histogram(image)
    # Those releases were made from stored values; a rescale with a positive slope changes nothing
    # for min-max, and for division by the maximum the intercept was never seen.
    plain = image.modality_lut is None and image.slope > 0
    values = codes if plain else _modality(image)
    present = values[counts > 0]
    top = present.max()
    if stage == "minmax+equalise":
        low = present.min()
        spread = top - low or 1.0
        levels = np.floor(255.0 * np.clip((values - low) / spread, 0.0, 1.0))
    else:
        levels = np.clip(np.rint(np.abs(values * (255.0 / top if top else 0.0))), 0.0, 255.0)
    grey = levels.astype(np.uint8)
    if image.inverted:
        grey = 255 - grey
    histogram = np.bincount(grey, weights=counts, minlength=256).astype(np.int64)
    table = (equalisation(histogram)[grey] / np.float32(255.0)).astype(np.float32)
    return _black_padding(table, image)


def equalisation(histogram: NDArray[np.int64]) -> NDArray[np.uint8]:
    """Return the map of histogram equalisation as OpenCV's ``equalizeHist`` defines it.

    Args:
        histogram: int64 (256,), not all zero.

    Returns:
        uint8 (256,). A constant picture is left as it is.
    """
    first = int(np.flatnonzero(histogram)[0])
    total = int(histogram.sum())
    rest = total - int(histogram[first])
    if rest == 0:
        return np.full(256, first, np.uint8)
    scale = np.float32(255.0) / np.float32(rest)
    sums = np.cumsum(histogram) - histogram[: first + 1].sum()
    sums[: first + 1] = 0
    return np.asarray(np.rint(sums.astype(np.float32) * scale).clip(0, 255), np.uint8)
