"""Reads one DICOM image in full: header, pixels, quality."""

from typing import IO

from pydicom.dataset import Dataset

from cxr_edge.dicom.attributes import SECONDARY_CAPTURE, check_sop_class, read_pixel_format
from cxr_edge.dicom.frontal import read_view
from cxr_edge.dicom.grey import read_grey
from cxr_edge.dicom.header import Header, quiet_pydicom, read_header
from cxr_edge.dicom.identity import derive_uid, read_identity, read_uid
from cxr_edge.dicom.limits import Limits
from cxr_edge.dicom.pictures import read_picture
from cxr_edge.dicom.pixels import read_stored
from cxr_edge.dicom.quality import Verdict, inspect_header, inspect_picture
from cxr_edge.dicom.scan import Candidate, damaged_header
from cxr_edge.dicom.worker import DecodeWorker
from cxr_edge.errors import StudyError
from cxr_edge.types import SourceImage, Study


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
                return _read_dicom(header, stream, source.size, source.name, limits, worker)
    except StudyError:
        raise
    except Exception as error:  # pydicom converts values late and raises many kinds
        raise StudyError(damaged_header(error)) from None


def _read_dicom(
    header: Header,
    stream: IO[bytes],
    size: int,
    name: str,
    limits: Limits,
    worker: DecodeWorker,
) -> tuple[Study, Verdict]:
    dataset = header.dataset
    sop_class = check_sop_class(dataset)
    layout = read_pixel_format(dataset, limits)
    grey = read_grey(dataset, layout.rows, layout.columns)
    stored = read_stored(header, layout, stream, size, worker)
    image = SourceImage(
        stored=stored,
        bits_stored=layout.bits_stored,
        inverted=layout.inverted,
        slope=grey.slope,
        intercept=grey.intercept,
        modality_lut=grey.modality_lut,
        window=grey.window,
        voi_lut=grey.voi_lut,
        padding=grey.padding,
        region=grey.region,
    )
    verdict = inspect_picture(image)
    notes = [*grey.warnings, *inspect_header(dataset)]
    if sop_class == SECONDARY_CAPTURE:
        notes.append(
            "The image is a Secondary Capture, not an original of the device; its grey values "
            "may have been changed."
        )
    uids = _read_uids(dataset, image, notes)
    study = Study(
        image=image,
        path=name,
        study_instance_uid=uids[0],
        series_instance_uid=uids[1],
        sop_instance_uid=uids[2],
        sop_class_uid=sop_class,
        view=read_view(dataset),
        transfer_syntax_uid=header.transfer_syntax_uid,
        header=read_identity(dataset),
        warnings=tuple(notes),
    )
    return study, verdict


def _read_uids(dataset: Dataset, image: SourceImage, notes: list[str]) -> list[str]:
    """Return the study, series and instance UIDs, deriving what is missing from the pixels."""
    uids: list[str] = []
    for keyword in ("StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID"):
        uid = read_uid(dataset, keyword)
        if uid is None:
            uid = derive_uid(keyword, image.stored.tobytes())
            notes.append(f"The header has no valid {keyword}; one was derived from the pixels.")
        uids.append(uid)
    return uids
