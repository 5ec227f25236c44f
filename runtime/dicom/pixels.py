"""Brings the stored values of one image into memory: native and RLE here, the rest by the worker.

Sizes are compared before anything is decoded: the header's against the length of native pixel
data, and against what a compressed stream says of itself.
"""

import io
import sys
from typing import IO

import numpy as np
from numpy.typing import NDArray

from cxr_edge.dicom.attributes import PixelFormat
from cxr_edge.dicom.codestream import read_size, unwrap
from cxr_edge.dicom.fragments import join_fragments
from cxr_edge.dicom.header import Header
from cxr_edge.dicom.rle import decode_rle
from cxr_edge.dicom.syntaxes import EXPLICIT_BIG, SYNTAXES
from cxr_edge.dicom.worker import DecodeWorker
from cxr_edge.errors import StudyError
from cxr_edge.preprocess.native import kernels, threads_for

_CUT_OFF = "the pixel data is cut off; send the file again"


def read_stored(
    header: Header, layout: PixelFormat, stream: IO[bytes], size: int, worker: DecodeWorker
) -> NDArray[np.generic]:
    """Read the stored values of a single-frame grey image.

    Args:
        header: Where the pixel data lies.
        layout: How its values lie in it, already checked.
        stream: The file; not used where the header carries an inflated data set.
        size: Length of the stream in bytes.
        worker: Decodes compressed syntaxes; started only for those.

    Returns:
        uint8, uint16 or int16 (rows, columns), unused bits removed and the sign extended.

    Raises:
        DecoderUnavailable: The decoder is not installed.
        StudyError: The pixel data is cut off, damaged or of another size than stated.
    """
    syntax = SYNTAXES.get(header.transfer_syntax_uid)
    if syntax is None:
        raise StudyError(
            f"transfer syntax {header.transfer_syntax_uid} is not supported; store the image as "
            "Explicit VR Little Endian, RLE, JPEG, JPEG-LS, JPEG 2000 or HTJ2K"
        )
    if syntax.codec == "native":
        _check_length(header, layout, size)
        if _pairs_swapped(header, layout):
            return _finish(_read_pairs(header, layout, stream), layout)
        image = _read_in_place(header, layout, stream)
        return image if image is not None else _finish(_read(header, layout, stream), layout)
    if header.pixel_length is not None:
        raise StudyError(
            f"the transfer syntax is {syntax.name} but the pixel data is not encapsulated; "
            "export the image again"
        )
    stream.seek(header.pixel_offset)
    frame = join_fragments(stream.read(size - header.pixel_offset))
    if syntax.codec == "rle":
        return _finish(
            decode_rle(frame, layout.rows, layout.columns, layout.bytes_per_pixel), layout
        )
    return _decode(syntax.codec, frame, layout, worker)


def _check_length(header: Header, layout: PixelFormat, size: int) -> None:
    expected, stated = layout.frame_bytes, header.pixel_length
    if stated is None:
        raise StudyError("native pixel data has no length; export the image again")
    held = (size if header.inflated is None else len(header.inflated)) - header.pixel_offset
    if held < min(expected, stated):
        raise StudyError(
            f"the pixel data is cut off: {max(held, 0)} of {expected} bytes are there; "
            "send the file again"
        )
    # An odd length is padded to an even one (PS3.5 8.1.1).
    if stated not in (expected, expected + expected % 2):
        raise StudyError(
            f"the pixel data is {stated} bytes long where {layout.rows} rows and "
            f"{layout.columns} columns of {layout.bits_allocated} bits need {expected}"
        )


def _pairs_swapped(header: Header, layout: PixelFormat) -> bool:
    """Whether pixels of 8 bits lie two in a big-endian word, the first in its lower byte
    (PS3.5 6.2, OW: bytes are swapped within each word).
    """
    big = header.transfer_syntax_uid == EXPLICIT_BIG
    return big and header.in_words and layout.bytes_per_pixel == 1


def _read_pairs(header: Header, layout: PixelFormat, stream: IO[bytes]) -> NDArray[np.generic]:
    """Read whole words, the last of which may hold one pixel, and put each pair in order."""
    words = np.empty((layout.frame_bytes + 1) // 2, np.uint16)
    stream.seek(header.pixel_offset)
    if _fill(stream, words.view(np.uint8).data) != words.nbytes:
        raise StudyError(_CUT_OFF)
    values = words.byteswap(inplace=True).view(np.uint8)
    return values[: layout.frame_bytes].reshape(layout.rows, layout.columns)


def _read_in_place(
    header: Header, layout: PixelFormat, stream: IO[bytes]
) -> NDArray[np.generic] | None:
    """Read a plain file piece by piece on several processors, each piece finished in the cache.

    Returns:
        What ``_finish`` makes of ``_read``, or None where that is the way: other streams than
        files, no extension, and signed values of 8 bits, which become 16.
    """
    native = kernels()
    plain = isinstance(stream, io.BufferedReader) and isinstance(stream.raw, io.FileIO)
    narrow = layout.bytes_per_pixel == 1
    if native is None or not plain or header.inflated is not None or (narrow and layout.signed):
        return None
    kind = np.uint8 if narrow else np.int16 if layout.signed else np.uint16
    image: NDArray[np.generic] = np.empty((layout.rows, layout.columns), kind)
    order = "big" if header.transfer_syntax_uid == EXPLICIT_BIG else "little"
    shift = layout.high_bit + 1 - layout.bits_stored
    form = (int(order != sys.byteorder and not narrow), shift, layout.bits_stored)
    threads = threads_for(image.size)
    if native.read(stream.fileno(), header.pixel_offset, image, form, threads) != image.nbytes:
        raise StudyError(_CUT_OFF)
    return image


def _read(header: Header, layout: PixelFormat, stream: IO[bytes]) -> NDArray[np.generic]:
    """Read the values as they lie there, in this machine's byte order."""
    order = ">" if header.transfer_syntax_uid == EXPLICIT_BIG else "<"
    image: NDArray[np.generic] = np.empty(
        (layout.rows, layout.columns), f"{order}u{layout.bytes_per_pixel}"
    )
    target = image.reshape(-1).view(np.uint8).data
    if header.inflated is not None:
        stop = header.pixel_offset + layout.frame_bytes
        target[:] = header.inflated[header.pixel_offset : stop]
        return image
    stream.seek(header.pixel_offset)
    if _fill(stream, target) != layout.frame_bytes:
        raise StudyError(_CUT_OFF)
    if order == ">":
        image = image.byteswap(inplace=True).view("<u2" if layout.bytes_per_pixel == 2 else "u1")
    return image


def _fill(stream: IO[bytes], target: memoryview) -> int:
    """Read into ``target`` until it is full or the stream ends; return the bytes read."""
    position = 0
    while position < len(target):
        got = stream.readinto(target[position:])  # type: ignore[attr-defined]
        if not got:
            break
        position += got
    return position


def _decode(
    codec: str, frame: bytes, layout: PixelFormat, worker: DecodeWorker
) -> NDArray[np.generic]:
    frame = unwrap(codec, frame)
    stated = read_size(codec, frame)
    if (stated.rows, stated.columns) != (layout.rows, layout.columns):
        raise StudyError(
            f"the compressed stream is of {stated.rows} rows and {stated.columns} columns where "
            f"the header says {layout.rows} and {layout.columns}; refused"
        )
    if stated.components != 1:
        raise StudyError(
            f"the compressed stream has {stated.components} components; a grey image with one "
            "was expected"
        )
    if stated.precision > layout.bits_allocated:
        raise StudyError(
            f"the compressed stream has {stated.precision} bits a pixel where the header allots "
            f"{layout.bits_allocated}; export the image again"
        )
    image = worker.decode(codec, frame, layout.rows, layout.columns)
    if stated.precision > layout.bits_stored:
        # Masking would turn a value just past the top, which lossy coding makes, into black.
        low = -(1 << layout.bits_stored - 1) if layout.signed else 0
        top = (1 << layout.bits_stored - layout.signed) - 1
        if layout.signed:
            image = image.astype(np.int16) if image.itemsize == 1 else image.view(np.int16)
        return np.clip(image, low, top)  # type: ignore[no-any-return]
    return _finish(image.view(f"u{image.itemsize}"), layout)


def _finish(image: NDArray[np.generic], layout: PixelFormat) -> NDArray[np.generic]:
    """Drop the bits outside BitsStored, in place, and extend the sign (PS3.5 8.1.1)."""
    held = image.itemsize * 8
    shift = layout.high_bit + 1 - layout.bits_stored
    values: NDArray[np.unsignedinteger] = image  # type: ignore[assignment]
    if shift and held == layout.bits_allocated:
        np.right_shift(values, shift, out=values)
    if layout.bits_stored < held:
        np.bitwise_and(values, (1 << layout.bits_stored) - 1, out=values)
    if not layout.signed:
        return values
    signed = values.view(f"i{image.itemsize}").astype(np.int16, copy=False)
    spare = (16 if held == 16 else 8) - layout.bits_stored
    if spare:
        shifted = np.left_shift(signed if held == 16 else values.view(np.int8), spare)
        return np.right_shift(shifted, spare).astype(np.int16, copy=False)
    return signed
