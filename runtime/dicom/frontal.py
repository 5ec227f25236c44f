"""Guesses from the header whether an image is frontal; the tags are hints, not facts.

In one public set a third of the lateral images are tagged PA, so the picture itself has the last
word (``quality``).
"""

import re
from enum import IntEnum

from cxr_edge.dicom.elements import Elements
from cxr_edge.dicom.identity import read_text


class Hint(IntEnum):
    """What a header says of the projection; higher is preferred."""

    LATERAL = 0
    UNKNOWN = 1
    FRONTAL = 2


_FRONTAL_POSITIONS = frozenset({"PA", "AP"})
_LATERAL_POSITIONS = frozenset({"LL", "RL", "LAT", "LATERAL", "LLAT", "RLAT", "LLO", "RLO"})
_DESCRIPTIONS = (
    "SeriesDescription",
    "AcquisitionDeviceProcessingDescription",
    "ProtocolName",
)
_LATERAL_WORDS = re.compile(r"\b(LAT|LATERAL|LL|RL|LLAT|RLAT|SEITLICH|PROFIL)\b")
_FRONTAL_WORDS = re.compile(r"\b(PA|P\.A|AP|A\.P|FRONTAL|PORTABLE)\b")


def read_view(elements: Elements) -> str:
    """Return ``PA``, ``AP`` or an empty string."""
    view = read_text(elements, "ViewPosition").strip().upper()
    if view in _FRONTAL_POSITIONS:
        return view
    words = _described(elements)
    return next((name for name in ("PA", "AP") if re.search(rf"\b{name}\b", words)), "")


def read_hint(elements: Elements) -> Hint:
    """Weigh ViewPosition, the view code, the descriptions and PatientOrientation, in that order of
    trust; a lateral word in a description outweighs a PA tag, which devices fill in by default.
    """
    words = _described(elements)
    position = read_text(elements, "ViewPosition").strip().upper()
    if position in _LATERAL_POSITIONS or _LATERAL_WORDS.search(words):
        return Hint.LATERAL
    orientation = read_text(elements, "PatientOrientation").upper().split("\\")
    if orientation[0][:1] in ("A", "P") and len(orientation) == 2 and orientation[0]:
        return Hint.LATERAL
    if position in _FRONTAL_POSITIONS or _FRONTAL_WORDS.search(words):
        return Hint.FRONTAL
    if orientation[0][:1] in ("L", "R") and len(orientation) == 2:
        return Hint.FRONTAL
    return Hint.UNKNOWN


def _described(elements: Elements) -> str:
    texts = [read_text(elements, keyword) for keyword in _DESCRIPTIONS]
    codes = elements.get("ViewCodeSequence") or ()
    texts += [read_text(Elements(code), "CodeMeaning").replace("-", " ") for code in codes]
    joined = " ".join(texts).upper().replace("_", " ")
    return joined.replace("POSTERO ANTERIOR", "PA").replace("ANTERO POSTERIOR", "AP")
