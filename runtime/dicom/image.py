"""Reads one DICOM image in full: header, pixels, quality."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cxr_edge.dicom.attributes import (
    SECONDARY_CAPTURE,
    PixelFormat,
    check_sop_class,
    read_pixel_format,
)
from cxr_edge.dicom.elements import Elements
from cxr_edge.dicom.frontal import read_view
from cxr_edge.dicom.grey import Grey, read_grey
from cxr_edge.dicom.header import quiet_pydicom, read_header
from cxr_edge.dicom.identity import derive_uid, read_identity, read_uid
from cxr_edge.dicom.limits import Limits
from cxr_edge.dicom.pictures import read_picture
from cxr_edge.dicom.pixels import read_stored
from cxr_edge.dicom.quality import Verdict, inspect_header, inspect_picture
from cxr_edge.dicom.scan import Candidate, damaged_header
from cxr_edge.dicom.worker import DecodeWorker
from cxr_edge.errors import StudyError
from cxr_edge.types import SourceImage, Study

_UID_KEYWORDS = ("StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID")


@dataclass(frozen=True)
class _Facts:
    """Everything the header says of one image, so that pydicom is done with before the pixels."""

    sop_class: str
    layout: PixelFormat
    grey: Grey
    view: str
    identity: Mapping[str, str]
    uids: Mapping[str, str | None]
    notes: tuple[str, ...]


def read_candidate(
    candidate: Candidate, limits: Limits, worker: DecodeWorker
) -> tuple[Study, Verdict]:
    """Read the pixels of one image and judge them.

    Returns:
        The study made of this image, and how it looks; the look's warnings are not in the study.

    Raises:
        StudyError: The image cannot be used.
        DecoderUnavailable: The decoder for its transfer syntax is not installed.
    """
    source = candidate.source
    try:
        with source.open() as stream:
            if candidate.picture:
                study = read_picture(stream, source.size, source.name, limits, worker)
                return study, inspect_picture(study.image)
            header = candidate.header or read_header(stream, source.size, limits)
            with quiet_pydicom():
                facts = _read_facts(header.elements, limits)
            stored = read_stored(header, facts.layout, stream, source.size, worker)
    except StudyError:
        raise
    except Exception as error:  # pydicom converts values late and raises many kinds
        raise StudyError(damaged_header(error)) from None
    return _assemble(facts, stored, source.name, header.transfer_syntax_uid)


def _read_facts(elements: Elements, limits: Limits) -> _Facts:
    sop_class = check_sop_class(elements)
    layout = read_pixel_format(elements, limits)
    grey = read_grey(elements, layout.rows, layout.columns)
    notes = [*grey.warnings, *inspect_header(elements)]
    if sop_class == SECONDARY_CAPTURE:
        notes.append(
            "The image is a Secondary Capture, not an original of the device; its grey values "
            "may have been changed."
        )
    return _Facts(
        sop_class=sop_class,
        layout=layout,
        grey=grey,
        view=read_view(elements),
        identity=read_identity(elements),
        uids={keyword: read_uid(elements, keyword) for keyword in _UID_KEYWORDS},
        notes=tuple(notes),
    )


def _assemble(
    facts: _Facts, stored: NDArray[np.generic], name: str, transfer_syntax_uid: str
) -> tuple[Study, Verdict]:
    grey = facts.grey
    image = SourceImage(
        stored=stored,
        bits_stored=facts.layout.bits_stored,
        inverted=facts.layout.inverted,
        slope=grey.slope,
        intercept=grey.intercept,
        modality_lut=grey.modality_lut,
        window=grey.window,
        voi_lut=grey.voi_lut,
        padding=grey.padding,
        region=grey.region,
    )
    verdict = inspect_picture(image)
    notes = list(facts.notes)
    uids: list[str] = []
    for keyword, uid in facts.uids.items():
        if uid is None:
            notes.append(f"The header has no valid {keyword}; one was derived from the pixels.")
        uids.append(uid or derive_uid(keyword, stored.tobytes()))
    study = Study(
        image=image,
        path=name,
        study_instance_uid=uids[0],
        series_instance_uid=uids[1],
        sop_instance_uid=uids[2],
        sop_class_uid=facts.sop_class,
        view=facts.view,
        transfer_syntax_uid=transfer_syntax_uid,
        header=facts.identity,
        warnings=tuple(notes),
    )
    return study, verdict
