"""Takes encapsulated pixel data apart (PS3.5 A.4)."""

import struct

from cxr_edge.errors import StudyError

_ITEM = (0xFFFE, 0xE000)
_DELIMITER = (0xFFFE, 0xE0DD)


def join_fragments(data: bytes) -> bytes:
    """Return the one frame of a single-frame image.

    Args:
        data: The value of PixelData, from its Basic Offset Table item on.

    Raises:
        StudyError: The items are damaged or cut off, or there is no frame.
    """
    parts: list[bytes] = []
    position, number = 0, 0
    while position + 8 <= len(data):
        group, element, length = struct.unpack_from("<HHI", data, position)
        position += 8
        if (group, element) == _DELIMITER:
            break
        if (group, element) != _ITEM or length == 0xFFFFFFFF:
            raise StudyError("the compressed pixel data has damaged items; export the image again")
        if position + length > len(data):
            raise StudyError("the compressed pixel data is cut off; send the file again")
        if number > 0:  # the first item is the Basic Offset Table
            parts.append(data[position : position + length])
        position += length
        number += 1
    if not any(parts):
        raise StudyError("the compressed pixel data is empty or cut off; send the file again")
    return parts[0] if len(parts) == 1 else b"".join(parts)
