"""Looks through the headers of a collection and groups its images into studies."""

from dataclasses import dataclass

from cxr_edge.dicom.attributes import SECONDARY_CAPTURE, check_sop_class
from cxr_edge.dicom.frontal import Hint, read_hint
from cxr_edge.dicom.header import Header, NotDicomError, quiet_pydicom, read_header
from cxr_edge.dicom.identity import read_uid
from cxr_edge.dicom.limits import Limits
from cxr_edge.dicom.pictures import is_picture
from cxr_edge.dicom.sources import START, Collection, Source
from cxr_edge.errors import StudyError


@dataclass(frozen=True)
class Candidate:
    """One image as its header shows it."""

    source: Source
    study_uid: str
    """Empty UIDs are replaced by the source's name, so that such a file is a study of its own."""
    picture: bool = False
    """A plain PNG or JPEG."""
    hint: Hint = Hint.UNKNOWN
    secondary: bool = False
    sop_uid: str = ""
    error: str = ""
    """Why it cannot be used; empty where it can."""
    header: Header | None = None
    """Kept for a single file only, so that a large folder does not fill memory."""


@dataclass(frozen=True)
class Scan:
    """The studies of a collection."""

    groups: tuple[tuple[Candidate, ...], ...]
    skipped: int
    """Files that are not images."""


def scan(collection: Collection, limits: Limits) -> Scan:
    """Read every header and group the images by StudyInstanceUID, in the order found.

    Raises:
        NotDicomError: The collection is one file, and it is not DICOM.
    """
    groups: dict[str, list[Candidate]] = {}
    pictures: list[Candidate] = []
    skipped = 0
    for source in collection.sources:
        try:
            candidate = _scan_source(source, limits, keep=not collection.many)
        except NotDicomError:
            if not collection.many:
                raise
            skipped += 1
            continue
        if candidate.picture:
            pictures.append(candidate)
        else:
            groups.setdefault(candidate.study_uid, []).append(candidate)
    if groups:
        # Beside DICOM files a PNG or JPEG is a thumbnail or a note, not a study.
        return Scan(tuple(tuple(group) for group in groups.values()), skipped + len(pictures))
    return Scan(tuple((picture,) for picture in pictures), skipped)


def _scan_source(source: Source, limits: Limits, keep: bool) -> Candidate:
    if source.size > limits.max_file_bytes:
        error = f"it is larger than {limits.max_file_bytes >> 20} MiB; refused"
        return Candidate(source, source.name, error=error)
    picture = Candidate(source, source.name, picture=True)
    if is_picture(source.start):
        return picture
    try:
        with source.open() as stream:
            if not source.start:
                if is_picture(stream.read(START)):
                    return picture
                stream.seek(0)
            header = read_header(stream, source.size, limits)
    except NotDicomError:
        raise
    except StudyError as error:
        return Candidate(source, source.name, error=str(error))
    return _describe(source, header, keep)


def _describe(source: Source, header: Header, keep: bool) -> Candidate:
    elements, study_uid = header.elements, source.name
    with quiet_pydicom():
        try:
            study_uid = read_uid(elements, "StudyInstanceUID") or source.name
            secondary = check_sop_class(elements) == SECONDARY_CAPTURE
            return Candidate(
                source,
                study_uid,
                hint=read_hint(elements),
                secondary=secondary,
                sop_uid=read_uid(elements, "SOPInstanceUID") or "",
                header=header if keep else None,
            )
        except StudyError as error:
            return Candidate(source, study_uid, error=str(error))
        except Exception as error:  # pydicom converts values late and raises many kinds
            return Candidate(source, study_uid, error=damaged_header(error))


def damaged_header(error: Exception) -> str:
    """Return the line for an exception of pydicom; its own text may quote the header."""
    return f"the DICOM header is damaged ({type(error).__name__}); export the image again"
