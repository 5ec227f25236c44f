"""Looks at an image before it is drafted from: header hints first, then a small picture."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset

from cxr_edge.dicom.identity import read_text
from cxr_edge.errors import StudyError
from cxr_edge.preprocess.display import render
from cxr_edge.types import SourceImage


@dataclass(frozen=True)
class Verdict:
    """What the picture looks like."""

    frontal: float
    """Likeness to a frontal chest, higher is more alike."""
    warnings: tuple[str, ...]


_CHEST_WORDS = ("CHEST", "THORAX", "LUNG", "TORAX", "RIB", "STERNUM")


def inspect_header(dataset: Dataset) -> tuple[str, ...]:
    """Return warnings drawn from the header alone."""
    notes: list[str] = []
    if read_text(dataset, "BurnedInAnnotation").strip().upper() == "YES":
        notes.append("The header says that text is burnt into the image.")
    part = read_text(dataset, "BodyPartExamined").strip().upper()
    if part and not any(word in part for word in _CHEST_WORDS):
        notes.append("The header names another body part than the chest.")
    return tuple(notes)


def inspect_picture(image: SourceImage) -> Verdict:
    """Render a small picture and judge it.

    Raises:
        StudyError: The picture is constant.
    """
    picture: NDArray[np.uint8] = render(image, 64)
    if int(picture.max()) - int(picture.min()) < 4:
        raise StudyError("the image is blank (one grey value); a chest radiograph was expected")
    return Verdict(0.0, ())
