"""A PNG encoder for 8-bit grey pictures, so that a page needs no imaging library."""

import struct
import zlib

import numpy as np
from numpy.typing import NDArray

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_GREY = 0
_FILTER_UP = 2


def encode_grey(picture: NDArray[np.uint8]) -> bytes:
    """Encode a picture without loss (PNG, third edition: W3C, 2025).

    Args:
        picture: uint8 (h, w), at least one pixel.

    Every row is stored as its difference from the row above (filter type 2), which suits the
    smooth pictures of radiography and needs no search. What repeats in such rows are runs of one
    value: a deflate that looks for these alone is much quicker than one that looks for any repeat,
    and finds about as much.
    """
    height, width = picture.shape
    rows = np.empty((height, width + 1), np.uint8)
    rows[:, 0] = _FILTER_UP
    rows[0, 1:] = picture[0]
    rows[1:, 1:] = picture[1:] - picture[:-1]
    deflate = zlib.compressobj(strategy=zlib.Z_RLE)
    header = struct.pack(">IIBBBBB", width, height, 8, _GREY, 0, 0, 0)
    return b"".join(
        (
            _SIGNATURE,
            _chunk(b"IHDR", header),
            _chunk(b"IDAT", deflate.compress(rows.data) + deflate.flush()),
            _chunk(b"IEND", b""),
        )
    )


def _chunk(kind: bytes, data: bytes) -> bytes:
    body = kind + data
    return struct.pack(">I", len(data)) + body + struct.pack(">I", zlib.crc32(body))
