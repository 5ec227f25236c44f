"""Reads what turns stored values into grey values: rescale, windows, tables, padding, borders.

Nothing is applied here; ``cxr_edge.preprocess`` does that exactly once. PS3.3 C.11.1 (modality),
C.11.2 (VOI), C.7.5.1.1.2 (padding), C.7.6.11 (shutter), C.8.7.3 (collimator).
"""

import math
from dataclasses import dataclass

import numpy as np

from cxr_edge.dicom.elements import Elements
from cxr_edge.errors import StudyError
from cxr_edge.types import LookupTable, Window

_FUNCTIONS = ("LINEAR", "LINEAR_EXACT", "SIGMOID")
_LEAST_REGION = 0.25
"""A border that leaves less of the picture than this is not believed: some devices write the
collimator's edges in other coordinates than pixels."""


@dataclass(frozen=True)
class Grey:
    """The grey attributes of one image, as ``SourceImage`` has them."""

    slope: float
    intercept: float
    modality_lut: LookupTable | None
    window: Window | None
    voi_lut: LookupTable | None
    padding: tuple[int, int] | None
    region: tuple[int, int, int, int] | None
    warnings: tuple[str, ...]


def read_grey(elements: Elements, rows: int, columns: int) -> Grey:
    """Read the grey attributes of one image.

    Args:
        elements: The header.
        rows: Rows of the image.
        columns: Columns of the image.

    Raises:
        StudyError: The rescale slope is zero or not finite, or a lookup table is damaged.
    """
    notes: list[str] = []
    modality = _read_table(elements, "ModalityLUTSequence")
    slope = _number(elements, "RescaleSlope", 1.0)
    intercept = _number(elements, "RescaleIntercept", 0.0)
    if modality is None and (slope == 0 or not math.isfinite(slope * 65536 + intercept)):
        raise StudyError(
            "RescaleSlope is zero or not a finite number, which leaves no picture; "
            "export the image again"
        )
    return Grey(
        slope=slope,
        intercept=intercept,
        modality_lut=modality,
        window=_read_window(elements, notes),
        voi_lut=_read_table(elements, "VOILUTSequence"),
        padding=_read_padding(elements),
        region=_read_region(elements, rows, columns),
        warnings=tuple(notes),
    )


def _read_window(elements: Elements, notes: list[str]) -> Window | None:
    """Return the first window, or None where there is none or it cannot be used."""
    if _first(elements, "WindowCenter") is None or _first(elements, "WindowWidth") is None:
        return None
    center = _number(elements, "WindowCenter", math.nan)
    width = _number(elements, "WindowWidth", 0.0)
    function = str(_first(elements, "VOILUTFunction") or "LINEAR").strip().upper()
    least = 1.0 if function == "LINEAR" else 0.0
    bounded = math.isfinite(abs(center) + width)  # and so are the window's ends
    usable = bounded and width >= least and width > 0
    if function not in _FUNCTIONS or not usable:
        notes.append("The window in the header cannot be used; the full range is shown instead.")
        return None
    return Window(center, width, function)


def _read_table(elements: Elements, keyword: str) -> LookupTable | None:
    sequence = elements.get(keyword)
    if not sequence:
        return None
    try:
        item = sequence[0]
        count, first, bits = (int(value) for value in item.LUTDescriptor)
        raw = item.LUTData
        count = count % 65536 or 65536
        if isinstance(raw, bytes):
            packed = len(raw) in (count, count + count % 2) and bits <= 8
            whole = raw + b"\0" * (len(raw) % 2) if packed else raw
            words = np.frombuffer(whole, "<u2" if elements.little_endian else ">u2")
            if packed:  # two entries in a word, the first in its lower byte
                words = words.astype("<u2").view(np.uint8)
            values = words[:count].astype(np.uint16)
        else:
            values = np.asarray(raw, np.int64).ravel()[:count].astype(np.uint16)
    except (AttributeError, TypeError, ValueError, OverflowError):
        raise StudyError(
            f"the {keyword} of the header is damaged; export the image again"
        ) from None
    if len(values) != count or not 1 <= bits <= 16:
        raise StudyError(
            f"the {keyword} holds {len(values)} entries of {bits} bits where its descriptor "
            f"promises {count}; export the image again"
        )
    return LookupTable(first, values, bits)


def _read_padding(elements: Elements) -> tuple[int, int] | None:
    value = _first(elements, "PixelPaddingValue")
    if not isinstance(value, int):
        return None
    other = _first(elements, "PixelPaddingRangeLimit")
    limit = other if isinstance(other, int) else value
    return min(value, limit), max(value, limit)


def _read_region(elements: Elements, rows: int, columns: int) -> tuple[int, int, int, int] | None:
    """Intersect shutter and collimator; None where there is neither or they are not believable."""
    top, bottom, left, right = 0, rows, 0, columns
    for prefix in ("Shutter", "Collimator"):
        box = _border(elements, prefix)
        if box is not None:
            top, bottom = max(top, box[0]), min(bottom, box[1])
            left, right = max(left, box[2]), min(right, box[3])
    area = max(bottom - top, 0) * max(right - left, 0)
    whole = rows * columns
    if area == whole or area < _LEAST_REGION * whole:
        return None
    return top, bottom, left, right


def _border(elements: Elements, prefix: str) -> tuple[int, int, int, int] | None:
    """Return the half-open box of one border; DICOM counts rows and columns from 1."""
    shapes = str(elements.get(f"{prefix}Shape", "") or "").upper()
    try:
        if "RECTANGULAR" in shapes:
            edges = ("UpperHorizontal", "LowerHorizontal", "LeftVertical", "RightVertical")
            top, bottom, left, right = (int(elements[f"{prefix}{edge}Edge"]) for edge in edges)
            return top, bottom - 1, left, right - 1
        if "CIRCULAR" in shapes:
            row, column = (int(value) for value in elements[f"CenterOfCircular{prefix}"])
            radius = int(elements[f"RadiusOfCircular{prefix}"])
            return row - radius, row + radius, column - radius, column + radius
        if "POLYGONAL" in shapes:
            points = [int(value) for value in elements[f"VerticesOfThePolygonal{prefix}"]]
            down, across = points[0::2], points[1::2]
            return min(down), max(down) - 1, min(across), max(across) - 1
    except (KeyError, TypeError, ValueError):
        return None
    return None


def _first(elements: Elements, keyword: str) -> object:
    value = elements.get(keyword)
    if isinstance(value, str | bytes) or not hasattr(value, "__len__"):
        return value if value != "" else None
    return value[0] if len(value) else None


def _number(elements: Elements, keyword: str, default: float) -> float:
    value = _first(elements, keyword)
    if value is None:
        return default
    try:
        return float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError, OverflowError):
        return math.nan
