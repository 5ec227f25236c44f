"""The same picture in every transfer syntax gives the same stored values and the same tensor."""

import imagecodecs
import numpy as np
import pytest
from dicom_files import (
    LOSSLESS,
    LOSSY,
    NATIVE,
    J,
    draw_chest,
    encapsulated,
    make_dataset,
    store,
    write,
)
from pydicom.uid import ExplicitVRLittleEndian, ImplicitVRLittleEndian, RLELossless

from cxr_edge.dicom import StudyReader
from cxr_edge.dicom.syntaxes import SYNTAXES
from cxr_edge.preprocess import Recipe, apply

RECIPE = Recipe.from_json(
    {
        "tone": "voi",
        "steps": [{"op": "resize", "height": 64, "width": 64}, {"op": "standardise"}],
    }
)


@pytest.fixture(scope="module")
def reader():
    with StudyReader() as reader:
        yield reader


@pytest.fixture(scope="module")
def tensor(reader, tmp_path_factory):
    path = tmp_path_factory.mktemp("reference") / "chest.dcm"
    pixels = draw_chest()
    write(path, store(make_dataset(pixels), pixels))
    return apply(RECIPE, reader.read(path).image)


def test_every_syntax_of_the_table_is_tested():
    assert set(SYNTAXES) == {*NATIVE, RLELossless, *LOSSLESS, *LOSSY, J + "50"}


@pytest.mark.parametrize("syntax", [*NATIVE, RLELossless, *LOSSLESS])
@pytest.mark.parametrize("photometric", ["MONOCHROME1", "MONOCHROME2"])
def test_lossless(reader, tensor, tmp_path, syntax, photometric):
    pixels = draw_chest()
    inverted = photometric == "MONOCHROME1"
    kept = 4095 - pixels if inverted else pixels
    dataset = make_dataset(kept, PhotometricInterpretation=photometric)
    study = reader.read(write(tmp_path / "a.dcm", store(dataset, kept, syntax)))
    np.testing.assert_array_equal(study.image.stored, kept)
    assert study.transfer_syntax_uid == syntax
    assert study.image.inverted == inverted
    np.testing.assert_allclose(apply(RECIPE, study.image), tensor, atol=2e-5)


@pytest.mark.parametrize("syntax", LOSSY)
def test_lossy(reader, tensor, tmp_path, syntax):
    pixels = draw_chest()
    study = reader.read(write(tmp_path / "a.dcm", store(make_dataset(pixels), pixels, syntax)))
    assert np.abs(study.image.stored.astype(int) - pixels).mean() < 20
    np.testing.assert_allclose(apply(RECIPE, study.image), tensor, atol=0.02)


def test_jpeg_baseline(reader, tensor, tmp_path):
    pixels = (draw_chest() >> 4).astype(np.uint8)
    frame = imagecodecs.jpeg8_encode(pixels, level=98)
    dataset = make_dataset(pixels, WindowCenter=128, WindowWidth=256)
    study = reader.read(write(tmp_path / "a.dcm", encapsulated(dataset, frame, J + "50")))
    assert study.image.stored.dtype == np.uint8
    np.testing.assert_allclose(apply(RECIPE, study.image), tensor, atol=0.03)


@pytest.mark.parametrize("syntax", [ImplicitVRLittleEndian, ExplicitVRLittleEndian])
@pytest.mark.parametrize("keep_meta", [True, False])
def test_without_preamble(reader, tmp_path, syntax, keep_meta):
    pixels = draw_chest()
    data = store(make_dataset(pixels), pixels, syntax)
    # The file meta group says its own length in its first element (PS3.10 7.1).
    meta_length = 12 + int.from_bytes(data[140:144], "little")
    bare = data[132:] if keep_meta else data[132 + meta_length :]
    study = reader.read(write(tmp_path / "bare", bare))
    np.testing.assert_array_equal(study.image.stored, pixels)


@pytest.mark.parametrize("syntax", [*NATIVE, RLELossless, J + "80"])
def test_eight_bits(reader, tmp_path, syntax):
    pixels = (draw_chest(301, 261) >> 4).astype(np.uint8)  # odd sizes: odd length, padded
    study = reader.read(write(tmp_path / "a.dcm", store(make_dataset(pixels), pixels, syntax)))
    np.testing.assert_array_equal(study.image.stored, pixels)


@pytest.mark.parametrize("bits", [10, 12, 16])
def test_signed(reader, tmp_path, bits):
    top = (1 << bits) - 1
    pixels = (draw_chest(top=top).astype(int) - (1 << bits - 1)).astype(np.int16)
    dataset = make_dataset(pixels, BitsStored=bits, WindowCenter=0, WindowWidth=top)
    # Unused high bits may hold anything: overlays did (PS3.5 8.1.1).
    dirty = pixels.view(np.uint16) & top | (0xFFFF & ~top & 0xA000)
    study = reader.read(write(tmp_path / "a.dcm", store(dataset, dirty.astype(np.uint16))))
    assert study.image.stored.dtype == np.int16
    np.testing.assert_array_equal(study.image.stored, pixels)


def test_high_bit_shifted(reader, tmp_path):
    pixels = draw_chest()
    dataset = make_dataset(pixels, HighBit=15)
    study = reader.read(write(tmp_path / "a.dcm", store(dataset, (pixels << 4) | 5)))
    np.testing.assert_array_equal(study.image.stored, pixels)


def test_jpeg_2000_in_a_file_wrapper(reader, tmp_path):
    pixels = draw_chest()
    wrapped = imagecodecs.jpeg2k_encode(
        pixels, codecformat="jp2", reversible=True, bitspersample=12
    )
    assert wrapped[4:8] == b"jP  "
    path = write(tmp_path / "a.dcm", encapsulated(make_dataset(pixels), wrapped, J + "90"))
    np.testing.assert_array_equal(reader.read(path).image.stored, pixels)


def test_lossy_overshoot_is_clipped_not_wrapped(reader, tmp_path):
    pixels = draw_chest()
    pixels[100, 100] = 5000  # the stream has 13 bits where the header says 12 are used
    frame = imagecodecs.jpeg2k_encode(pixels, codecformat="j2k", reversible=True, bitspersample=13)
    path = write(tmp_path / "a.dcm", encapsulated(make_dataset(pixels), frame, J + "90"))
    assert reader.read(path).image.stored[100, 100] == 4095


def test_fragments_are_joined(reader, tmp_path):
    from pydicom.encaps import encapsulate

    pixels = draw_chest()
    dataset = make_dataset(pixels)
    data = encapsulated(dataset, bytes(LOSSLESS[J + "90"](pixels)), J + "90")
    split = encapsulate([bytes(LOSSLESS[J + "90"](pixels))], fragments_per_frame=5, has_bot=True)
    joined = data.replace(bytes(dataset.PixelData), split)
    assert joined != data
    np.testing.assert_array_equal(
        reader.read(write(tmp_path / "a.dcm", joined)).image.stored, pixels
    )
