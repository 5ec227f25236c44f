"""RLE Lossless (PS3.5 annex G), in checked numpy and bytes code.

A frame is 64 bytes of header and one PackBits segment per byte plane, most significant first.
"""

import itertools
import struct

import numpy as np
from numpy.typing import NDArray

from cxr_edge.errors import StudyError

_HEADER_BYTES = 64


def decode_rle(data: bytes, rows: int, columns: int, bytes_per_pixel: int) -> NDArray[np.generic]:
    """Decode one monochrome frame.

    Args:
        data: The frame's fragment.
        rows: Rows of the image.
        columns: Columns of the image.
        bytes_per_pixel: 1 or 2; the number of segments must equal it.

    Returns:
        uint8 or uint16 (rows, columns), native byte order.

    Raises:
        StudyError: The stream is cut off, or does not yield exactly the image's bytes.
    """
    if len(data) < _HEADER_BYTES:
        raise StudyError("the RLE pixel data is cut off in its header; export the image again")
    count, *offsets = struct.unpack_from("<16I", data)
    if count != bytes_per_pixel:
        raise StudyError(
            f"the RLE pixel data has {count} segments where {bytes_per_pixel} were expected"
        )
    bounds = [*offsets[:count], len(data)]
    if bounds[0] < _HEADER_BYTES or any(a >= b for a, b in itertools.pairwise(bounds)):
        raise StudyError("the RLE segment offsets are damaged; export the image again")
    pixels = rows * columns
    planes = np.empty((pixels, bytes_per_pixel), np.uint8)
    for plane in range(count):
        segment = data[bounds[plane] : bounds[plane + 1]]
        # Native little endian wants the most significant byte, which comes first, at the end.
        planes[:, bytes_per_pixel - 1 - plane] = np.frombuffer(
            _unpack_bits(segment, pixels), np.uint8
        )
    kind = "<u2" if bytes_per_pixel == 2 else "u1"
    decoded: NDArray[np.generic] = planes.reshape(-1).view(kind).reshape(rows, columns)
    return decoded


def _unpack_bits(segment: bytes, expected: int) -> bytes:
    """Undo PackBits; a segment may carry padding after its last byte, never lack one."""
    output = bytearray()
    append = output.extend
    position, end = 0, len(segment)
    while len(output) < expected and position < end:
        control = segment[position]
        if control < 128:
            stop = position + control + 2
            append(segment[position + 1 : stop])
            position = stop
        elif control > 128:
            append(segment[position + 1 : position + 2] * (257 - control))
            position += 2
        else:
            position += 1
    if len(output) < expected:
        raise StudyError("the RLE pixel data is cut off; send the file again")
    return bytes(output[:expected])
