"""Copies who and what the image is of: the attributes a report repeats, verbatim."""

import hashlib
import re
import uuid
from collections.abc import Mapping

from pydicom.multival import MultiValue

from cxr_edge.dicom.elements import Elements

KEYWORDS: tuple[str, ...] = (
    "SpecificCharacterSet",
    "PatientName",
    "PatientID",
    "IssuerOfPatientID",
    "PatientBirthDate",
    "PatientSex",
    "StudyDate",
    "StudyTime",
    "StudyID",
    "StudyDescription",
    "AccessionNumber",
    "ReferringPhysicianName",
    "Modality",
    "Manufacturer",
    "BodyPartExamined",
    "ViewPosition",
    "SeriesDescription",
    "PixelSpacing",
    "ImagerPixelSpacing",
)
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")
_UID = re.compile(r"(?=.{1,64}\Z)[0-9]+(?:\.[0-9]+)*")


def read_text(elements: Elements, keyword: str) -> str:
    """Return one attribute as text, values joined by a backslash, control characters removed."""
    value = elements.get(keyword)
    if value is None:
        return ""
    several = isinstance(value, MultiValue)
    joined = "\\".join(str(part) for part in value) if several else str(value)
    return _CONTROL.sub("", joined)


def read_identity(elements: Elements) -> Mapping[str, str]:
    """Return the attributes of ``KEYWORDS`` that are there and not empty.

    ``PatientName`` and ``ReferringPhysicianName`` keep their component groups.
    """
    texts = {keyword: read_text(elements, keyword) for keyword in KEYWORDS}
    return {keyword: text for keyword, text in texts.items() if text}


def read_uid(elements: Elements, keyword: str) -> str | None:
    """Return a UID, or None where it is missing or not numbers with dots between them."""
    text = read_text(elements, keyword).strip()
    return text if _UID.fullmatch(text) else None


def derive_uid(*parts: str | bytes) -> str:
    """Return a UID that the same parts always give, under the root for UUIDs (PS3.5 B.2)."""
    digest = hashlib.sha256()
    for part in parts:
        digest.update(part.encode() if isinstance(part, str) else part)
        digest.update(b"\0")
    return f"2.25.{uuid.UUID(bytes=digest.digest()[:16], version=5).int}"
