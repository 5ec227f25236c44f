"""Reads the size a compressed image states in its own stream, before anything decodes it.

A decoder allocates what the codestream asks for, not what the DICOM header says, so the two must
agree first. JPEG and JPEG-LS: ITU-T T.81 B.2.2 and T.87 C.2.2 (SOF); JPEG 2000 and HTJ2K:
ITU-T T.800 A.5.1 (SIZ).
"""

import struct
from dataclasses import dataclass

from cxr_edge.errors import StudyError

_SOF_SEQUENTIAL = frozenset({0xC0, 0xC1, 0xC2})
_SOF_LOSSLESS = frozenset({0xC3})
_SOF_JPEG_LS = frozenset({0xF7})
_SOF_OF_CODEC = {
    "jpeg": _SOF_SEQUENTIAL,
    "jpeg-lossless": _SOF_LOSSLESS,
    "jpeg-ls": _SOF_JPEG_LS,
}
_ANY_SOF = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC} | _SOF_JPEG_LS
_NO_LENGTH = frozenset({0x01, *range(0xD0, 0xD9)})
_START_OF_TILE_PART = 0xFF90
_JP2_SIGNATURE = b"\x00\x00\x00\x0cjP  "


@dataclass(frozen=True)
class CodestreamSize:
    """What a codestream says of itself."""

    rows: int
    columns: int
    components: int
    precision: int
    """Bits per sample."""


def unwrap(codec: str, data: bytes) -> bytes:
    """Return the bare codestream: JPEG 2000 in a JP2 file wrapper loses the wrapper (which DICOM
    forbids, PS3.5 A.4.4, but some archives hold), anything else comes back as it is.
    """
    if codec not in ("jpeg2000", "htj2k") or not data.startswith(_JP2_SIGNATURE):
        return data
    position = 0
    while position + 8 <= len(data):
        length, kind = struct.unpack_from(">I4s", data, position)
        header = 8
        if length == 1 and position + 16 <= len(data):
            (length,) = struct.unpack_from(">Q", data, position + 8)
            header = 16
        end = len(data) if length == 0 else position + length
        if kind == b"jp2c":
            return data[position + header : end]
        if end <= position:
            break
        position = end
    raise StudyError("the JPEG 2000 file wrapper holds no codestream; export the image again")


def read_size(codec: str, data: bytes) -> CodestreamSize:
    """Return the size stated in a compressed stream.

    Args:
        codec: A compressed codec name of ``syntaxes``.
        data: The codestream of one frame.

    Raises:
        StudyError: The stream is damaged or of another kind than the transfer syntax says.
    """
    # Decoders fill in what a cut-off stream lacks, with grey; both families end in FFD9.
    if not data[-64:].rstrip(b"\0").endswith(b"\xff\xd9") and len(data) > 64:
        raise StudyError("the compressed pixel data is cut off before its end; send the file again")
    if codec in ("jpeg2000", "htj2k"):
        size = _read_siz(data)
        _check_tiles(data)
        return size
    return _read_sof(codec, data)


def _read_siz(data: bytes) -> CodestreamSize:
    if data[:4] != b"\xff\x4f\xff\x51" or len(data) < 43:
        raise StudyError(
            "the pixel data is not the JPEG 2000 stream the transfer syntax promises, "
            "or is cut off in its header"
        )
    x1, y1, x0, y0 = struct.unpack_from(">4I", data, 8)
    components, depth = struct.unpack_from(">HB", data, 40)
    return CodestreamSize(y1 - y0, x1 - x0, components, (depth & 0x7F) + 1)


def _check_tiles(data: bytes) -> None:
    """Require a part of every tile that SIZ promises: a header edited to ask for a far larger
    picture would otherwise be decoded, with its missing tiles left blank.
    """
    x1, y1, _, _, width, height, x0, y0 = struct.unpack_from(">8I", data, 8)
    if not width or not height or x1 <= x0 or y1 <= y0:
        raise StudyError("the JPEG 2000 stream has tiles of no size; export the image again")
    promised = -(-(x1 - x0) // width) * -(-(y1 - y0) // height)
    held: set[int] = set()
    position = 2
    while position + 12 <= len(data):
        marker, length = struct.unpack_from(">HH", data, position)
        if marker != _START_OF_TILE_PART:
            if held or marker & 0xFF00 != 0xFF00 or length < 2:
                break
            position += 2 + length
            continue
        tile, part_length = struct.unpack_from(">HI", data, position + 4)
        held.add(tile)
        if part_length < 14:  # zero: this part runs to the end of the stream
            break
        position += part_length
    if len(held) != promised:
        raise StudyError(
            f"the JPEG 2000 stream holds {len(held)} of the {promised} tiles its header promises; "
            "it is cut off or hostile"
        )


def _read_sof(codec: str, data: bytes) -> CodestreamSize:
    if data[:2] != b"\xff\xd8":
        raise StudyError("the pixel data is not the JPEG stream the transfer syntax promises")
    position = 2
    while position + 4 <= len(data):
        if data[position] != 0xFF:
            break
        marker = data[position + 1]
        if marker == 0xFF:  # fill byte
            position += 1
            continue
        if marker in _NO_LENGTH:
            position += 2
            continue
        if marker in _ANY_SOF:
            if marker not in _SOF_OF_CODEC[codec]:
                raise StudyError(
                    f"the JPEG stream is of process SOF{marker - 0xC0}, which its transfer "
                    "syntax does not allow; export the image again"
                )
            if position + 10 > len(data):
                break
            precision, rows, columns, components = struct.unpack_from(">BHHB", data, position + 4)
            return CodestreamSize(rows, columns, components, precision)
        if marker in (0xD9, 0xDA):  # end of image or start of scan before any frame header
            break
        position += 2 + int(struct.unpack_from(">H", data, position + 2)[0])
    raise StudyError("the JPEG stream has no frame header or is cut off before it")
