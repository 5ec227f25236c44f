"""RLE Lossless against pydicom's encoder and against hand-made packets of PS3.5 annex G."""

import struct

import numpy as np
import pytest
from pydicom.dataset import Dataset
from pydicom.encaps import generate_frames
from pydicom.uid import RLELossless

from cxr_edge.dicom.rle import decode_rle
from cxr_edge.errors import StudyError


def encode(pixels):
    """Return the RLE frame that pydicom makes."""
    ds = Dataset()
    ds.Rows, ds.Columns = pixels.shape
    ds.SamplesPerPixel, ds.PhotometricInterpretation = 1, "MONOCHROME2"
    ds.BitsAllocated = ds.BitsStored = 8 * pixels.itemsize
    ds.HighBit, ds.PixelRepresentation = ds.BitsStored - 1, 0
    ds.compress(RLELossless, pixels, encoding_plugin="pydicom")
    return next(generate_frames(ds.PixelData, number_of_frames=1))


def frame(*segments):
    """Return a frame of hand-made segments."""
    offsets, position = [], 64
    for segment in segments:
        offsets.append(position)
        position += len(segment)
    header = struct.pack("<16I", len(segments), *offsets, *[0] * (15 - len(segments)))
    return header + b"".join(segments)


@pytest.mark.parametrize("kind", [np.uint8, np.uint16])
@pytest.mark.parametrize("content", ["noise", "flat", "ramp", "stripes"])
@pytest.mark.parametrize("shape", [(7, 5), (64, 129), (40, 400)])
def test_equals_what_pydicom_encoded(kind, content, shape):
    top = np.iinfo(kind).max
    pixels = {
        "noise": np.random.default_rng(2).integers(0, top, shape, endpoint=True),
        "flat": np.full(shape, 77),
        "ramp": np.arange(shape[0] * shape[1]).reshape(shape) % (top + 1),
        "stripes": np.tile([0, 0, 0, 255, 9][: shape[1]], (shape[0], shape[1] // 5 + 1)),
    }[content][:, : shape[1]].astype(kind)
    decoded = decode_rle(encode(pixels), *shape, pixels.itemsize)
    assert decoded.dtype == kind
    np.testing.assert_array_equal(decoded, pixels)


def test_packets_of_the_standard():
    # Literal of 3, run of 4, a control byte that means nothing, literal of 1, padding.
    segment = bytes([2, 10, 20, 30, 253, 7, 128, 0, 99, 0])
    decoded = decode_rle(frame(segment), 2, 4, 1)
    assert decoded.tolist() == [[10, 20, 30, 7], [7, 7, 7, 99]]


BAD = {
    "no header": b"\x01\0\0\0",
    "no segments": frame(),
    "too many segments": frame(bytes([249, 1]), bytes([249, 1])),
    "too few pixels": frame(bytes([250, 1])),
    "literal past the end": frame(bytes([7, 1, 2, 3])),
    "run past the end": frame(bytes([253, 1, 253])),
    "a bomb": frame(bytes([129, 1]) * 10_000),
    "empty": frame(b""),
    "offset past the end": struct.pack("<16I", 1, 9000, *[0] * 14) + bytes(50),
    "offset into the header": struct.pack("<16I", 1, 4, *[0] * 14) + bytes(50),
    "offsets backwards": struct.pack("<16I", 2, 90, 64, *[0] * 13) + bytes(50),
}


@pytest.mark.parametrize("name", BAD)
def test_damaged_frames_are_refused(name):
    size = 2 if name == "offsets backwards" else 1
    with pytest.raises(StudyError):
        decode_rle(BAD[name], 2, 4, size)
