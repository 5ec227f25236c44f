"""Native pixel data read by the extension: what numpy reads, and the same errors."""

import os

import numpy as np
import pytest
from dicom_files import NATIVE, draw_chest, make_dataset, save_chest, store, write
from pydicom import dcmread
from pydicom.uid import ExplicitVRBigEndian, ExplicitVRLittleEndian

from cxr_edge.dicom import StudyReader, pixels
from cxr_edge.errors import StudyError
from cxr_edge.preprocess.native import kernels, numpy_only

if kernels() is None:
    pytest.skip("the compiled pixel path is not installed", allow_module_level=True)


def read(path):
    with StudyReader() as reader:
        return reader.read(path).image.stored


def both(path):
    with numpy_only():
        reference = read(path)
    return read(path), reference


@pytest.mark.parametrize("syntax", NATIVE)
@pytest.mark.parametrize("signed", [False, True])
@pytest.mark.parametrize(("bits", "high_bit"), [(16, 15), (12, 11), (12, 15), (10, 12), (9, 8)])
def test_every_layout_is_read_as_numpy_reads_it(tmp_path, syntax, signed, bits, high_bit):
    """Bits outside BitsStored hold rubbish; a value is its top BitsStored bits up to HighBit."""
    rubbish = np.random.default_rng(bits).integers(0, 1 << 16, (700, 601), dtype=np.uint16)
    chest = draw_chest(700, 601, (1 << bits) - 1).astype(np.uint32)
    below = high_bit + 1 - bits
    window = ((1 << bits) - 1) << below
    words = ((rubbish & ~np.uint32(window)) | (chest << below)).astype(np.uint16)
    dataset = make_dataset(
        words,
        BitsStored=bits,
        HighBit=high_bit,
        PixelRepresentation=int(signed),
        WindowCenter=None,
        WindowWidth=None,
    )
    got, reference = both(write(tmp_path / "a.dcm", store(dataset, words, syntax)))
    wanted = chest.astype(np.int32)
    if signed:
        wanted = np.where(wanted >> (bits - 1), wanted - (1 << bits), wanted)
    assert got.dtype == reference.dtype
    np.testing.assert_array_equal(got, wanted)
    np.testing.assert_array_equal(reference, wanted)


@pytest.mark.parametrize("syntax", NATIVE)
@pytest.mark.parametrize("signed", [False, True])
@pytest.mark.parametrize("bits", [7, 8])
def test_eight_bits(tmp_path, syntax, signed, bits):
    """Of an odd number of pixels, so that the last word holds one."""
    chest = draw_chest(301, 261, (1 << bits) - 1).astype(np.uint8)
    dataset = make_dataset(chest, BitsStored=bits, PixelRepresentation=int(signed))
    got, reference = both(write(tmp_path / "a.dcm", store(dataset, chest, syntax)))
    assert got.dtype == reference.dtype
    np.testing.assert_array_equal(got, reference)
    np.testing.assert_array_equal(got.astype(np.uint8) & ((1 << bits) - 1), chest)


@pytest.mark.parametrize("kind", ["OB", "OW"])
@pytest.mark.parametrize("syntax", [ExplicitVRLittleEndian, ExplicitVRBigEndian])
def test_eight_bits_in_bytes_and_in_words_are_read_as_pydicom_reads_them(tmp_path, kind, syntax):
    noise = np.random.default_rng(8).integers(0, 256, (240, 261), np.uint8)
    stored = store(make_dataset(noise), noise, syntax).replace(b"OW\0\0", kind.encode() + b"\0\0")
    path = write(tmp_path / "a.dcm", stored)
    got, reference = both(path)
    np.testing.assert_array_equal(got, dcmread(path).pixel_array)
    np.testing.assert_array_equal(reference, got)


@pytest.mark.parametrize("syntax", [ExplicitVRLittleEndian, ExplicitVRBigEndian])
@pytest.mark.parametrize("left", [0, 1, 100, 156_000 - 1])
def test_a_file_that_shrinks_while_it_is_read(tmp_path, monkeypatch, syntax, left):
    """It is cut after its length was checked, at the last moment before its pixels are read."""
    path = save_chest(tmp_path / "a.dcm", syntax)
    size = path.stat().st_size

    def cut(_pixels):
        os.truncate(path, size - 156_000 + left)
        return 2

    monkeypatch.setattr(pixels, "threads_for", cut)
    with pytest.raises(
        StudyError, match="the pixel data is cut off; send the file again"
    ) as caught:
        read(path)
    assert "\n" not in str(caught.value)
    assert str(caught.value).startswith(str(path))


def test_a_cut_file_is_the_same_error_either_way(tmp_path):
    path = save_chest(tmp_path / "a.dcm")
    os.truncate(path, path.stat().st_size - 1000)
    with pytest.raises(StudyError) as ours:
        read(path)
    with numpy_only(), pytest.raises(StudyError) as reference:
        read(path)
    assert str(ours.value) == str(reference.value)
    assert "155000 of 156000 bytes" in str(ours.value)
