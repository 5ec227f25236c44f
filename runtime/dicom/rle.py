"""RLE Lossless (PS3.5 annex G), in checked numpy and bytes code.

A frame is 64 bytes of header and one PackBits segment per byte plane, most significant first.
"""

import itertools
import struct

import numpy as np
from numpy.typing import NDArray

from cxr_edge.errors import StudyError

_HEADER_BYTES = 64
_LONGEST_PACKET = 128
_STEPS = [*range(2, 130), 1, *[2] * 127]
"""Bytes from one control byte to the next, by its value: a literal, nothing, a run."""


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
        planes[:, bytes_per_pixel - 1 - plane] = _unpack_bits(segment, pixels)
    kind = "<u2" if bytes_per_pixel == 2 else "u1"
    decoded: NDArray[np.generic] = planes.reshape(-1).view(kind).reshape(rows, columns)
    return decoded


def _unpack_bits(segment: bytes, expected: int) -> NDArray[np.uint8]:
    """Undo PackBits; a segment may carry a little padding after its last byte, never lack one.

    Only the walk from packet to packet is a loop. Then every byte of the segment gets the number of
    times it appears in the output: 0 for the control bytes, 1 for the bytes of a literal packet.
    """
    starts: list[int] = []
    note, steps, position, end = starts.append, _STEPS, 0, len(segment)
    while position < end:
        note(position)
        position += steps[segment[position]]
    values = np.frombuffer(segment, np.uint8)
    places = np.array(starts, np.intp)
    control = values[places].astype(np.intp)
    counts = np.ones(end, np.intp)
    runs = (control > 128) & (places + 1 < end)
    counts[places[runs] + 1] = 257 - control[runs]
    counts[places] = 0
    total = int(counts.sum())
    if total < expected:
        raise StudyError("the RLE pixel data is cut off; send the file again")
    if total > expected + _LONGEST_PACKET:
        raise StudyError("the RLE pixel data holds more pixels than the image; export it again")
    return np.repeat(values, counts)[:expected]
