"""Plain PNG and JPEG pictures, for researchers: read like a study and marked as not being one."""

import hashlib
import struct
from typing import IO

from cxr_edge.dicom.codestream import read_size
from cxr_edge.dicom.identity import derive_uid
from cxr_edge.dicom.limits import Limits
from cxr_edge.dicom.worker import DecodeWorker
from cxr_edge.errors import StudyError
from cxr_edge.types import SourceImage, Study

PNG_MARK = b"\x89PNG\r\n\x1a\n"
JPEG_MARK = b"\xff\xd8\xff"
SECONDARY_CAPTURE = "1.2.840.10008.5.1.4.1.1.7"


def is_picture(start: bytes) -> bool:
    """Say whether a file begins like a PNG or a JPEG."""
    return start.startswith((PNG_MARK, JPEG_MARK))


def read_picture(
    stream: IO[bytes], size: int, name: str, limits: Limits, worker: DecodeWorker
) -> Study:
    """Read a grey PNG (8 or 16 bit) or JPEG (8 bit) as a study of its own.

    Args:
        stream: At its beginning.
        size: Its length in bytes.
        name: For ``Study.path``.
        limits: Caps on its matrix.
        worker: Decodes it.

    Returns:
        A study whose UIDs are derived from the file's SHA-256 and whose warnings say that it is
        not DICOM.

    Raises:
        StudyError: It is damaged, in colour, or past a limit.
    """
    data = stream.read(size)
    kind = "png" if data.startswith(PNG_MARK) else "jpeg"
    rows, columns = _png_size(data) if kind == "png" else _jpeg_size(data)
    if min(rows, columns) < limits.min_side:
        raise StudyError(
            f"the picture has {rows} rows and {columns} columns; at least {limits.min_side} of "
            "each are needed for a chest radiograph"
        )
    if max(rows, columns) > limits.max_side or rows * columns > limits.max_pixels:
        raise StudyError(
            f"the picture states {rows} rows and {columns} columns; at most {limits.max_side} a "
            "side are read"
        )
    codec = "png" if kind == "png" else "jpeg-file"
    stored = worker.decode(codec, data, rows, columns, picture=True)
    digest = hashlib.sha256(data).digest()
    return Study(
        image=SourceImage(stored=stored, bits_stored=stored.itemsize * 8, kind=kind),
        path=name,
        study_instance_uid=derive_uid("study", digest),
        series_instance_uid=derive_uid("series", digest),
        sop_instance_uid=derive_uid("instance", digest),
        sop_class_uid=SECONDARY_CAPTURE,
        view="",
        transfer_syntax_uid="",
        warnings=(
            f"Not a DICOM file but a {kind.upper()} picture: no patient, no window, no view; "
            "for research only.",
        ),
    )


def _png_size(data: bytes) -> tuple[int, int]:
    """Return rows and columns of the IHDR chunk (ISO/IEC 15948, 11.2.2)."""
    if len(data) < 33 or data[12:16] != b"IHDR":
        raise StudyError("the PNG is damaged or cut off; export it again")
    columns, rows = struct.unpack_from(">II", data, 16)
    return rows, columns


def _jpeg_size(data: bytes) -> tuple[int, int]:
    stated = read_size("jpeg", data)
    return stated.rows, stated.columns
