"""How most programs read a radiograph: pydicom or Pillow, and the tone at full size.

The result is that of the bundle's recipe, up to rounding; only the way there is the usual one: the
whole file is parsed and decoded, pydicom's modality and VOI transformations go over every pixel,
and the resize comes last.
"""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from cxr_edge.preprocess import Recipe
from cxr_edge.preprocess.run import apply_step
from cxr_edge.preprocess.tone import equalisation

Picture = NDArray[np.float32]


def read(path: Path) -> tuple[NDArray[np.generic], object]:
    """The stored values (H, W), and the pydicom data set they come from; None for PNG and JPEG."""
    if _is_dicom(path):
        from pydicom import dcmread

        dataset = dcmread(path)
        return dataset.pixel_array, dataset
    from PIL import Image

    with Image.open(path) as picture:
        return np.asarray(picture.convert("L") if picture.mode == "RGB" else picture), None


def _is_dicom(path: Path) -> bool:
    with path.open("rb") as stream:
        return stream.read(132)[128:] == b"DICM"


def prepare(recipe: Recipe, stored: NDArray[np.generic], dataset: object) -> NDArray[np.float32]:
    """Tone at full size, then the steps of the recipe: float32 (1, C, H, W)."""
    grey = (
        _voi(stored, dataset) if recipe.tone == "voi" else _released(recipe.tone, stored, dataset)
    )
    picture: NDArray[np.float32] = grey
    for step in recipe.steps:
        picture = apply_step(step, picture, None)
    channels = picture if picture.ndim == 3 else picture[None]
    return np.ascontiguousarray(channels[None], np.float32)


def _inverted(dataset: object) -> bool:
    return getattr(dataset, "PhotometricInterpretation", "") == "MONOCHROME1"


def _voi(stored: NDArray[np.generic], dataset: object) -> Picture:
    """Modality and VOI, 0..1 in the MONOCHROME2 sense; the full range where there is no VOI."""
    values: NDArray[np.generic] = stored
    ends: tuple[float, float] | None = None
    if dataset is not None:
        from pydicom.dataset import Dataset
        from pydicom.pixels.processing import apply_modality_lut, apply_voi_lut

        assert isinstance(dataset, Dataset)
        values = apply_voi_lut(apply_modality_lut(stored, dataset), dataset)
        if "WindowWidth" in dataset:  # pydicom's windows end in the range of the stored values
            top = float((1 << dataset.BitsStored) - 1)
            low, high = (-(top + 1) / 2, (top - 1) / 2) if dataset.PixelRepresentation else (0, top)
            slope = float(getattr(dataset, "RescaleSlope", 1) or 1)
            shift = float(getattr(dataset, "RescaleIntercept", 0) or 0)
            ends = low * slope + shift, high * slope + shift
    return _scaled(values, *(ends or _range(values)), inverted=_inverted(dataset))


def _range(values: NDArray[np.generic]) -> tuple[float, float]:
    return float(values.min()), float(values.max())


def _scaled(
    values: NDArray[np.generic], low: float, high: float, *, inverted: bool = False
) -> Picture:
    """From ``low`` .. ``high`` to 0..1, in single precision and in place."""
    grey: Picture = values.astype(np.float32)
    grey -= np.float32(low)
    grey *= np.float32(1 / (high - low))
    return np.subtract(np.float32(1), grey, out=grey) if inverted else grey


def _released(tone: str, stored: NDArray[np.generic], dataset: object) -> Picture:
    """As the 8-bit releases of MIMIC-CXR and CheXpert were made: papers' own starting point."""
    low, high = _range(stored)
    if tone == "minmax":
        return _scaled(stored, low, high, inverted=_inverted(dataset))
    values = stored.astype(np.float64)
    if tone == "max+equalise":
        levels = np.clip(np.rint(np.abs(values * (255.0 / high))), 0, 255)
    else:
        levels = np.floor((values - low) / (high - low) * 255.0)
    eight = levels.astype(np.uint8)
    if _inverted(dataset):
        np.subtract(255, eight, out=eight)
    table = equalisation(np.bincount(eight.ravel(), minlength=256))
    return (table / np.float32(255)).astype(np.float32)[eight]
