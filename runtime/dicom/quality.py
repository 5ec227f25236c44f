"""Judges an image before it is drafted from: the header's words, then a very small picture.

The picture is compared with a drawing of a frontal chest made of a few smooth shapes: bright
middle, two dark lungs, bright below the diaphragm. The likeness is a correlation, so contrast and
brightness do not matter; an inverted picture gives its negative, and turned drawings find turned
pictures. Nothing here was fitted to images. The rates it gives on real ones are asserted in
``tests/dicom/test_quality.py``.
"""

import re
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from cxr_edge.dicom.elements import Elements
from cxr_edge.dicom.identity import read_text
from cxr_edge.errors import StudyError
from cxr_edge.preprocess.fused import tone_and_resize
from cxr_edge.preprocess.resample import Kernel
from cxr_edge.preprocess.tone import make_tone
from cxr_edge.types import SourceImage

_SIDE = 16
_SAMPLED_SIDE = 128
"""The picture is thinned to at least this many pixels a side before it is looked at."""
_LEAST_CONTRAST = 0.02
"""A sixteenth of a picture's side that spans less grey than this shows nothing."""
FRONTAL = 0.25
"""Likeness above which a picture is taken for a frontal chest."""
_INVERTED = -0.35
_TURNED_MARGIN = 0.2

_CHEST_WORDS = re.compile(r"CHEST|THORA|TORAX|LUNG|PULMO|POUMON|\bRIB|STERN|\bCXR\b")
_OTHER_WORDS = re.compile(
    r"TEETH|TOOTH|DENTAL|PANORAM|\bHAND\b|WRIST|ELBOW|SHOULDER|KNEE|ANKLE|\bFOOT\b|\bHIP\b|PELVIS|"
    r"ABDOM|SKULL|\bHEAD\b|FEMUR|\bLEG\b|MAMMO|BREAST|\bNECK\b|SINUS"
)
_ANIMAL_WORDS = re.compile(r"CANINE|FELINE|EQUINE|VETERIN|\bDOG\b|\bCAT\b")
_DESCRIPTIONS = (
    "BodyPartExamined",
    "StudyDescription",
    "SeriesDescription",
    "ProtocolName",
    "AcquisitionDeviceProcessingDescription",
)


@dataclass(frozen=True)
class Verdict:
    """What the picture looks like."""

    frontal: float
    """Likeness to a frontal chest, -1..1."""
    warnings: tuple[str, ...]


def inspect_header(elements: Elements) -> tuple[str, ...]:
    """Return warnings drawn from the header alone; they never repeat its values."""
    notes: list[str] = []
    if read_text(elements, "BurnedInAnnotation").strip().upper() == "YES":
        notes.append("The header says that text is burnt into the image; it may identify someone.")
    words = " ".join(read_text(elements, keyword) for keyword in _DESCRIPTIONS).upper()
    part = read_text(elements, "BodyPartExamined").strip().upper()
    named = bool(part) and not _CHEST_WORDS.search(part)
    if named or (_OTHER_WORDS.search(words) and not _CHEST_WORDS.search(words)):
        notes.append("The header names another body part than the chest.")
    species = read_text(elements, "PatientSpeciesDescription").upper()
    if _ANIMAL_WORDS.search(words) or (species and "HOMO" not in species):
        notes.append("The header speaks of an animal; the model knows people only.")
    return tuple(notes)


def inspect_picture(image: SourceImage) -> Verdict:
    """Judge the picture with the VOI tone.

    Raises:
        StudyError: It shows nothing: one grey value nearly everywhere.
    """
    thin = _thin(image)
    picture = tone_and_resize(
        thin.stored, make_tone("voi", thin), _SIDE, _SIDE, Kernel("area")
    ).astype(np.float64)
    if picture.max() - picture.min() < _LEAST_CONTRAST:
        raise StudyError(
            "the image is blank: one grey value nearly everywhere after its window; a chest "
            "radiograph was expected"
        )
    centred = picture - picture.mean()
    likeness = _drawings() @ (centred / np.sqrt((centred * centred).sum())).ravel()
    upright, turned = float(likeness[0]), float(likeness[1:].max())
    return Verdict(upright, _describe(upright, turned))


def _describe(upright: float, turned: float) -> tuple[str, ...]:
    if upright <= _INVERTED:
        return (
            "The picture looks inverted (lungs bright): its PhotometricInterpretation may be "
            "wrong and the draft with it.",
        )
    if turned >= FRONTAL and turned - upright >= _TURNED_MARGIN:
        return ("The picture looks rotated; the draft assumes an upright frontal view.",)
    if upright < FRONTAL:
        return (
            "The picture does not look like a frontal chest radiograph; it may be a lateral view "
            "or another body part, and the draft assumes a frontal chest.",
        )
    return ()


def _thin(image: SourceImage) -> SourceImage:
    """Keep every n-th row and column; the picture is averaged far more coarsely afterwards."""
    step = max(min(image.stored.shape) // _SAMPLED_SIDE, 1)
    stored = np.ascontiguousarray(image.stored[::step, ::step])
    if image.region is None:
        return replace(image, stored=stored)
    top, bottom, left, right = image.region
    region = (-(-top // step), -(-bottom // step), -(-left // step), -(-right // step))
    return replace(image, stored=stored, region=region)


@lru_cache(maxsize=1)
def _drawings() -> NDArray[np.float64]:
    """Return the drawing upright and in three turns, float64 (4, 256), centred, of length 1."""
    places = (np.arange(_SIDE) + 0.5) / _SIDE
    down, across = np.meshgrid(places, places, indexing="ij")

    def spot(x: float, y: float, wide: float, tall: float) -> NDArray[np.float64]:
        return np.asarray(np.exp(-(((across - x) / wide) ** 2) - ((down - y) / tall) ** 2))

    def edge(distance: NDArray[np.float64], width: float) -> NDArray[np.float64]:
        return np.asarray(1.0 / (1.0 + np.exp(-distance / width)))

    spine = 0.6 * np.exp(-(((across - 0.53) / 0.10) ** 2))
    heart = 0.35 * spot(0.56, 0.62, 0.16, 0.16)
    lungs = 0.9 * (spot(0.30, 0.42, 0.11, 0.34) + spot(0.71, 0.42, 0.11, 0.34))
    flanks = 0.25 * (spot(0.12, 0.35, 0.08, 0.25) + spot(0.93, 0.35, 0.08, 0.25))
    trunk = edge(across - 0.1, 0.05) * edge(0.9 - across, 0.05)
    belly = 0.8 * edge(down - 0.80, 0.06) * trunk
    air = 0.6 * edge(0.06 - down, 0.04) * (np.abs(across - 0.53) > 0.2)
    chest = spine + heart - lungs + flanks + belly - air
    turns = np.stack([np.rot90(chest, turn).ravel() for turn in range(4)])
    turns -= turns.mean(axis=1, keepdims=True)
    return np.asarray(turns / np.sqrt((turns * turns).sum(axis=1, keepdims=True)))
