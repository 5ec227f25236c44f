"""Reads what turns stored values into grey values: rescale, windows, tables, padding, borders.

Nothing is applied here; ``cxr_edge.preprocess`` does that exactly once. PS3.3 C.11.1 (modality),
C.11.2 (VOI), C.7.5.1.1.2 (padding), C.7.6.11 (shutter), C.8.7.3 (collimator).
"""

import math
from dataclasses import dataclass

import numpy as np
from pydicom.dataset import Dataset

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


def read_grey(dataset: Dataset, rows: int, columns: int) -> Grey:
    """Read the grey attributes of one image.

    Args:
        dataset: The header.
        rows: Rows of the image.
        columns: Columns of the image.

    Raises:
        StudyError: The rescale slope is zero or not finite, or a lookup table is damaged.
    """
    notes: list[str] = []
    modality = _read_table(dataset, "ModalityLUTSequence")
    slope = _number(dataset, "RescaleSlope", 1.0)
    intercept = _number(dataset, "RescaleIntercept", 0.0)
    if modality is None and (slope == 0 or not math.isfinite(slope * 65536 + intercept)):
        raise StudyError(
            "RescaleSlope is zero or not a finite number, which leaves no picture; "
            "export the image again"
        )
    return Grey(
        slope=slope,
        intercept=intercept,
        modality_lut=modality,
        window=_read_window(dataset, notes),
        voi_lut=_read_table(dataset, "VOILUTSequence"),
        padding=_read_padding(dataset),
        region=_read_region(dataset, rows, columns),
        warnings=tuple(notes),
    )


def _read_window(dataset: Dataset, notes: list[str]) -> Window | None:
    """Return the first window, or None where there is none or it cannot be used."""
    if _first(dataset, "WindowCenter") is None or _first(dataset, "WindowWidth") is None:
        return None
    center, width = _number(dataset, "WindowCenter", math.nan), _number(dataset, "WindowWidth", 0.0)
    function = str(_first(dataset, "VOILUTFunction") or "LINEAR").strip().upper()
    least = 1.0 if function == "LINEAR" else 0.0
    usable = math.isfinite(center) and math.isfinite(width) and width >= least and width > 0
    if function not in _FUNCTIONS or not usable:
        notes.append("The window in the header cannot be used; the full range is shown instead.")
        return None
    return Window(center, width, function)


def _read_table(dataset: Dataset, keyword: str) -> LookupTable | None:
    sequence = dataset.get(keyword)
    if not sequence:
        return None
    try:
        item = sequence[0]
        count, first, bits = (int(value) for value in item.LUTDescriptor)
        raw = item.LUTData
        count = count % 65536 or 65536
        if isinstance(raw, bytes):
            order = ">" if not dataset.original_encoding[1] else "<"
            kind = "u1" if len(raw) in (count, count + count % 2) and bits <= 8 else order + "u2"
            values = np.frombuffer(raw, kind)[:count].astype(np.uint16)
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


def _read_padding(dataset: Dataset) -> tuple[int, int] | None:
    value = _first(dataset, "PixelPaddingValue")
    if not isinstance(value, int):
        return None
    other = _first(dataset, "PixelPaddingRangeLimit")
    limit = other if isinstance(other, int) else value
    return min(value, limit), max(value, limit)


def _read_region(dataset: Dataset, rows: int, columns: int) -> tuple[int, int, int, int] | None:
    """Intersect shutter and collimator; None where there is neither or they are not believable."""
    top, bottom, left, right = 0, rows, 0, columns
    for prefix in ("Shutter", "Collimator"):
        box = _border(dataset, prefix)
        if box is not None:
            top, bottom = max(top, box[0]), min(bottom, box[1])
            left, right = max(left, box[2]), min(right, box[3])
    area = max(bottom - top, 0) * max(right - left, 0)
    whole = rows * columns
    if area == whole or area < _LEAST_REGION * whole:
        return None
    return top, bottom, left, right


def _border(dataset: Dataset, prefix: str) -> tuple[int, int, int, int] | None:
    """Return the half-open box of one border; DICOM counts rows and columns from 1."""
    shapes = str(dataset.get(f"{prefix}Shape", "") or "").upper()
    try:
        if "RECTANGULAR" in shapes:
            edges = ("UpperHorizontal", "LowerHorizontal", "LeftVertical", "RightVertical")
            top, bottom, left, right = (int(dataset[f"{prefix}{edge}Edge"].value) for edge in edges)
            return top, bottom - 1, left, right - 1
        if "CIRCULAR" in shapes:
            row, column = (int(value) for value in dataset[f"CenterOfCircular{prefix}"].value)
            radius = int(dataset[f"RadiusOfCircular{prefix}"].value)
            return row - radius, row + radius, column - radius, column + radius
        if "POLYGONAL" in shapes:
            points = [int(value) for value in dataset[f"VerticesOfThePolygonal{prefix}"].value]
            down, across = points[0::2], points[1::2]
            return min(down), max(down) - 1, min(across), max(across) - 1
    except (KeyError, TypeError, ValueError):
        return None
    return None


def _first(dataset: Dataset, keyword: str) -> object:
    value = dataset.get(keyword)
    if isinstance(value, str | bytes) or not hasattr(value, "__len__"):
        return value if value != "" else None
    return value[0] if len(value) else None


def _number(dataset: Dataset, keyword: str, default: float) -> float:
    value = _first(dataset, keyword)
    if value is None:
        return default
    try:
        return float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError, OverflowError):
        return math.nan
