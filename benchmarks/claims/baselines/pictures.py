"""How most programs read a radiograph: pydicom or Pillow, and the tone at full size.

The result is that of the bundle's recipe, up to rounding; only the way there is the usual one: the
whole file is parsed and decoded, modality and VOI transformations go over every pixel in double
precision, and the resize comes last.
"""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from cxr_edge.preprocess import Recipe
from cxr_edge.preprocess.run import apply_step
from cxr_edge.preprocess.tone import equalisation

Picture = NDArray[np.float64]


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
    picture: NDArray[np.float32] = grey.astype(np.float32)
    for step in recipe.steps:
        picture = apply_step(step, picture, None)
    channels = picture if picture.ndim == 3 else picture[None]
    return np.ascontiguousarray(channels[None], np.float32)


def _inverted(dataset: object) -> bool:
    return getattr(dataset, "PhotometricInterpretation", "") == "MONOCHROME1"


def _voi(stored: NDArray[np.generic], dataset: object) -> Picture:
    """Modality and VOI, 0..1 in the MONOCHROME2 sense; the full range where there is no VOI."""
    if dataset is None:
        values: Picture = stored.astype(np.float64)
        windowed = False
    else:
        from pydicom.dataset import Dataset
        from pydicom.pixels.processing import apply_modality_lut, apply_voi_lut

        assert isinstance(dataset, Dataset)
        values = apply_voi_lut(apply_modality_lut(stored, dataset), dataset).astype(np.float64)
        windowed = "WindowWidth" in dataset
        if windowed:  # pydicom's windows end in the range of the stored values
            top = float((1 << dataset.BitsStored) - 1)
            low, high = (-(top + 1) / 2, (top - 1) / 2) if dataset.PixelRepresentation else (0, top)
            slope = float(getattr(dataset, "RescaleSlope", 1) or 1)
            shift = float(getattr(dataset, "RescaleIntercept", 0) or 0)
            low, high = low * slope + shift, high * slope + shift
    if not windowed:
        low, high = float(values.min()), float(values.max())
    grey: Picture = (values - low) / (high - low)
    return 1.0 - grey if _inverted(dataset) else grey


def _released(tone: str, stored: NDArray[np.generic], dataset: object) -> Picture:
    """As the 8-bit releases of MIMIC-CXR and CheXpert were made: papers' own starting point."""
    values: Picture = stored.astype(np.float64)
    low, high = float(values.min()), float(values.max())
    if tone == "max+equalise":
        levels = np.clip(np.rint(np.abs(values * (255.0 / high))), 0, 255)
    elif tone == "minmax+equalise":
        levels = np.floor((values - low) / (high - low) * 255.0)
    else:
        grey: Picture = (values - low) / (high - low)
        return 1.0 - grey if _inverted(dataset) else grey
    eight = levels.astype(np.uint8)
    if _inverted(dataset):
        eight = np.asarray(255 - eight, np.uint8)
    table = equalisation(np.bincount(eight.ravel(), minlength=256))
    return np.asarray(table[eight] / 255.0, np.float64)
