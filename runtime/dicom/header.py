"""Parses a DICOM header up to, and not including, the pixel data.

The file meta group is read first, so that a deflated data set is inflated under a cap in our own
code; handing such a file to ``dcmread`` would inflate it without one.
"""

import io
import logging
import threading
import warnings
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import IO, BinaryIO, Literal, cast

import pydicom.config
from pydicom.filereader import read_dataset
from pydicom.tag import BaseTag

from cxr_edge.dicom.attributes import ACCEPTED_CLASSES
from cxr_edge.dicom.elements import Elements
from cxr_edge.dicom.limits import Limits
from cxr_edge.dicom.streams import BoundedStream
from cxr_edge.dicom.syntaxes import DEFLATED, EXPLICIT_BIG, EXPLICIT_LITTLE, IMPLICIT_LITTLE
from cxr_edge.errors import StudyError

PIXEL_DATA = 0x7FE00010
_FLOAT_PIXEL_DATA = (0x7FE00008, 0x7FE00009)
_LONG_VRS = frozenset({b"OB", b"OW", b"UN"})
_UNDEFINED = 0xFFFFFFFF
_WANTED = "an image was expected"
_INFLATE_STEP = 1 << 20
_EARLY = 1 << 16
"""Bytes at the beginning of a file that hold nearly every header whole."""


class NotDicomError(StudyError):
    """The bytes are not DICOM; inside a folder or zip such a file is passed over."""


class NotAnImageError(NotDicomError):
    """DICOM, but no image: a report, a directory, a presentation state."""


@dataclass(frozen=True)
class Header:
    """One parsed header."""

    elements: Elements
    """Everything before the pixel data."""
    transfer_syntax_uid: str
    pixel_offset: int
    """Where the value of PixelData begins, in the stream or in ``inflated``."""
    pixel_length: int | None
    """Its length in bytes; None where it is undefined (encapsulated)."""
    inflated: bytes | None = None
    """The inflated data set of a deflated file, pixel data included; None otherwise."""
    in_words: bool = False
    """Whether PixelData says that it is of 16-bit words (OW), whatever a pixel has."""


_settings_lock = threading.RLock()
_quiet: ContextVar[bool] = ContextVar("quiet", default=False)


def _passes(_record: logging.LogRecord) -> bool:
    return not _quiet.get()


# Only what is logged while this program reads is dropped; pydicom's other users keep their lines.
pydicom.config.logger.addFilter(_passes)


@contextmanager
def quiet_pydicom() -> Iterator[None]:
    """Keep pydicom's warnings and log lines back: they quote values of the header.

    Warning filters and pydicom's settings belong to the process, so one thread at a time changes
    them; nothing slow belongs inside.
    """
    token = _quiet.set(True)
    try:
        with _settings_lock, warnings.catch_warnings(), pydicom.config.disable_value_validation():
            warnings.simplefilter("ignore")
            yield
    finally:
        _quiet.reset(token)


def read_header(stream: IO[bytes], size: int, limits: Limits) -> Header:
    """Read the header of one DICOM file.

    Args:
        stream: Seekable, at its beginning.
        size: Length of the stream in bytes.
        limits: Caps on header and inflated size.

    Returns:
        The header, with the place of the pixel data in the stream.

    Raises:
        NotDicomError: The bytes are not DICOM, or not an image.
        StudyError: The header is damaged, or the file has no pixel data.
    """
    with quiet_pydicom():
        if (header := _read_early(stream, size, limits)) is not None:
            return header
        stream.seek(0)
        bounded = BoundedStream(stream, min(size, limits.max_header_bytes), limits.max_header_reads)
        try:
            return _read(bounded, stream, size, limits)
        except StudyError:
            raise
        except Exception as error:  # pydicom raises many kinds on damaged input
            raise StudyError(
                f"the DICOM header is damaged ({type(error).__name__} while parsing it); "
                "export the image again"
            ) from None


def _read_early(stream: IO[bytes], size: int, limits: Limits) -> Header | None:
    """Parse the header in memory, which is quicker, where the first bytes hold it whole; None where
    they do not, or for any other reason, which is then found and said anew.

    An element takes eight bytes or more and a few reads, so these bytes keep within the limit on
    reads.
    """
    most = min(_EARLY, size, limits.max_header_bytes, limits.max_header_reads)
    start = stream.read(most)
    if start[128:132] != b"DICM":
        return None
    early, stop = io.BytesIO(start), _AtPixels()
    early.seek(132)
    try:
        syntax = _read_syntax(early)
        if not syntax or syntax == DEFLATED:
            return None
        header = _read_data_set(early, syntax, limits, None, stop)
    except Exception:
        return None
    return header if stop.reached and header.pixel_offset <= len(start) else None


def _read(bounded: BoundedStream, stream: IO[bytes], size: int, limits: Limits) -> Header:
    start = bounded.read(132)
    if not start:
        raise NotDicomError("the file is empty; a DICOM file was expected")
    if start[128:132] == b"DICM":
        syntax = _read_syntax(bounded)
        if not syntax:
            raise StudyError(
                "the file meta information names no transfer syntax; export the image again"
            )
    else:
        syntax = _guess_without_preamble(start)
        bounded.seek(0)
        syntax = _read_syntax(bounded) or syntax
    if syntax != DEFLATED:
        return _read_data_set(bounded, syntax, limits, None, _AtPixels())
    position = bounded.tell()
    stream.seek(position)
    inflated = _inflate(stream.read(size - position), limits.max_inflated_bytes)
    length = min(len(inflated), limits.max_header_bytes)
    body = BoundedStream(io.BytesIO(inflated), length, limits.max_header_reads)
    return _read_data_set(body, syntax, limits, inflated, _AtPixels())


def _read_syntax(stream: IO[bytes] | BoundedStream) -> str:
    """Read the file meta group and return its TransferSyntaxUID; empty where it has none."""
    meta = read_dataset(cast(BinaryIO, stream), False, True, stop_when=_after_meta)
    return str(Elements(meta).get("TransferSyntaxUID", "")).strip("\0 ")


def _no_pixels(elements: Elements) -> type[StudyError]:
    """Tell an image that lost its pixels from an object that never had any."""
    image = "Rows" in elements or str(elements.get("SOPClassUID", "")) in ACCEPTED_CLASSES
    return StudyError if image else NotAnImageError


def _after_meta(tag: BaseTag, _vr: str | None, _length: int) -> bool:
    return int(tag) >> 16 != 2


class _AtPixels:
    """Stops a parser before the pixel data, and knows whether that is why it stopped."""

    reached = False

    def __call__(self, tag: BaseTag, _vr: str | None, _length: int) -> bool:
        self.reached = int(tag) >= _FLOAT_PIXEL_DATA[0]
        return self.reached


def _guess_without_preamble(start: bytes) -> str:
    """Return the transfer syntax of a file that begins with its first element (PS3.10 7.1 is
    not met, but old archives hold such files); only groups 2 and 8 can come first.
    """
    group = int.from_bytes(start[:2], "little")
    element_length = int.from_bytes(start[4:8], "little")
    if len(start) < 16 or group not in (2, 8):
        raise NotDicomError(
            "this is not a DICOM file (no DICM marker and no DICOM element at its beginning); "
            "give a DICOM file, a folder or a zip of them"
        )
    if start[4:6].isalpha() and start[4:6].isupper():
        return EXPLICIT_LITTLE
    if element_length > 1 << 16:
        raise NotDicomError(
            "this is not a DICOM file (its first element has an absurd length); "
            "give a DICOM file, a folder or a zip of them"
        )
    return IMPLICIT_LITTLE


def _inflate(data: bytes, cap: int) -> bytes:
    """Inflate a raw deflate stream (PS3.5 A.5), refusing to grow past ``cap`` bytes."""
    inflater = zlib.decompressobj(-zlib.MAX_WBITS)
    parts: list[bytes] = []
    total = 0
    pending = data
    try:
        while pending and not inflater.eof:
            part = inflater.decompress(pending, _INFLATE_STEP)
            total += len(part)
            if total > cap:
                raise StudyError(
                    f"the deflated data set grows past {cap >> 20} MiB; refused, because no "
                    "radiograph needs that much"
                )
            parts.append(part)
            pending = inflater.unconsumed_tail
            if not part and not pending:
                break
    except zlib.error:
        raise StudyError(
            "the deflated data set is damaged and cannot be inflated; export the image again"
        ) from None
    return b"".join(parts)


def _read_data_set(
    stream: IO[bytes] | BoundedStream,
    syntax: str,
    limits: Limits,
    inflated: bytes | None,
    stop: _AtPixels,
) -> Header:
    if len(syntax) > 64 or not syntax.replace(".", "").isdigit():
        raise StudyError("the transfer syntax is not a UID; export the image again")
    little = syntax != EXPLICIT_BIG
    implicit = syntax == IMPLICIT_LITTLE
    elements = Elements(read_dataset(cast(BinaryIO, stream), implicit, little, stop_when=stop))
    order: Literal["little", "big"] = "little" if little else "big"
    start = stream.tell()
    head = stream.read(12)
    if len(head) < 8:
        if stream.tell() >= limits.max_header_bytes:
            raise StudyError(
                f"the header is longer than {limits.max_header_bytes >> 20} MiB; refused"
            )
        raise _no_pixels(elements)(
            "the file holds no pixel data or is cut off before it; " + _WANTED
        )
    tag = int.from_bytes(head[:2], order) << 16 | int.from_bytes(head[2:4], order)
    if tag in _FLOAT_PIXEL_DATA:
        raise StudyError("the pixels are floating point; a radiograph of integers was expected")
    if tag != PIXEL_DATA:
        raise _no_pixels(elements)("the file holds no pixel data; " + _WANTED)
    explicit = not implicit and head[4:6].isalpha() and head[4:6].isupper()
    if explicit:
        if head[4:6] not in _LONG_VRS:
            raise StudyError("the pixel data has an impossible value representation")
        length, offset = int.from_bytes(head[8:12], order), start + 12
    else:
        length, offset = int.from_bytes(head[4:8], order), start + 8
    stated = None if length == _UNDEFINED else length
    return Header(elements, syntax, offset, stated, inflated, explicit and head[4:6] == b"OW")
