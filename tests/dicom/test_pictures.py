"""PNG and JPEG pictures, encoded by Pillow."""

import hashlib

import imagecodecs
import numpy as np
import pytest
from dicom_files import draw_chest, save_chest, write
from PIL import Image

from cxr_edge.dicom import StudyReader
from cxr_edge.errors import StudyError


@pytest.fixture(scope="module")
def reader():
    with StudyReader() as reader:
        yield reader


def eight():
    return (draw_chest() >> 4).astype(np.uint8)


@pytest.mark.parametrize("mode", ["L", "RGB", "RGBA", "LA"])
def test_png(reader, tmp_path, mode):
    path = tmp_path / "a.png"
    Image.fromarray(eight()).convert(mode).save(path)
    study = reader.read(path)
    np.testing.assert_array_equal(study.image.stored, eight())
    assert study.image.kind == "png"
    assert study.image.bits_stored == 8
    assert any("Not a DICOM file" in warning for warning in study.warnings)
    assert study.study_instance_uid != study.sop_instance_uid


def test_sixteen_bit_png(reader, tmp_path):
    pixels = draw_chest() * 16
    Image.fromarray(pixels).save(tmp_path / "a.png")
    study = reader.read(tmp_path / "a.png")
    np.testing.assert_array_equal(study.image.stored, pixels)
    assert study.image.bits_stored == 16


@pytest.mark.parametrize("mode", ["L", "RGB"])
def test_jpeg(reader, tmp_path, mode):
    path = tmp_path / "a.jpg"
    Image.fromarray(eight()).convert(mode).save(path, quality=95)
    study = reader.read(path)
    expected = np.asarray(Image.open(path).convert("L")).astype(int)
    assert study.image.kind == "jpeg"
    assert np.abs(study.image.stored - expected).max() <= 2


def test_uids_follow_from_the_bytes(reader, tmp_path):
    for name in ("a.png", "b.png"):
        Image.fromarray(eight()).save(tmp_path / name)
    first, second = reader.studies(tmp_path)
    assert first.sop_instance_uid == second.sop_instance_uid
    same = {hashlib.sha256((tmp_path / n).read_bytes()).digest() for n in ("a.png", "b.png")}
    assert len(same) == 1
    assert first.sop_instance_uid.startswith("2.25.")
    assert len(first.sop_instance_uid) <= 64


def test_each_picture_of_a_folder_is_a_study_unless_dicom_is_there(reader, tmp_path):
    for number in range(3):
        Image.fromarray(eight()).save(tmp_path / f"{number}.png")
    assert len(list(reader.studies(tmp_path))) == 3
    save_chest(tmp_path / "a.dcm")
    assert [study.image.kind for study in reader.studies(tmp_path)] == ["dicom"]


def test_colour_is_refused(reader, tmp_path):
    colour = np.stack([eight(), eight() // 2, eight()], axis=-1)
    Image.fromarray(colour).save(tmp_path / "a.png")
    with pytest.raises(StudyError, match="colour"):
        reader.read(tmp_path / "a.png")


@pytest.mark.parametrize("suffix", ["png", "jpg"])
@pytest.mark.parametrize("kept", [10, 40, 3000])
def test_cut_off(reader, tmp_path, suffix, kept):
    Image.fromarray(eight()).save(tmp_path / f"a.{suffix}")
    path = write(tmp_path / f"b.{suffix}", (tmp_path / f"a.{suffix}").read_bytes()[:kept])
    with pytest.raises(StudyError):
        reader.read(path)


def test_absurd_size(reader, tmp_path):
    Image.fromarray(eight()).save(tmp_path / "a.png")
    data = bytearray((tmp_path / "a.png").read_bytes())
    data[16:24] = (90_000).to_bytes(4, "big") * 2
    with pytest.raises(StudyError, match="90000 rows"):
        reader.read(write(tmp_path / "b.png", bytes(data)))


def test_nih_pngs(reader, shared_data):
    path = sorted((shared_data / "nih").glob("*.png"))[0]
    np.testing.assert_array_equal(
        reader.read(path).image.stored, np.asarray(Image.open(path).convert("L"))
    )


@pytest.mark.parametrize("kind", [np.uint8, np.uint16])
@pytest.mark.parametrize("channel", [0, 1, 2])
@pytest.mark.parametrize("channels", [3, 4])
def test_how_far_the_channels_of_a_grey_picture_may_be_apart(
    reader, tmp_path, kind, channel, channels
):
    grey = eight().clip(10, 240).astype(kind)
    step = 1
    if kind is np.uint16:
        step = 257
        grey *= 257
    image = np.stack([grey] * channels, axis=2)
    image[5, 100:140, channel] += kind(8 * step)
    path = write(tmp_path / "a.png", imagecodecs.png_encode(image))
    np.testing.assert_array_equal(reader.read(path).image.stored, image[:, :, 1])
    image[5, 120, channel] += kind(1)
    with pytest.raises(StudyError, match="colour"):
        reader.read(write(path, imagecodecs.png_encode(image)))
    # below as well as above
    image[5, 120, channel] -= kind(17 * step + 2)
    with pytest.raises(StudyError, match="colour"):
        reader.read(write(path, imagecodecs.png_encode(image)))


def test_alpha_says_nothing_of_colour(reader, tmp_path):
    image = np.dstack([eight()] * 3 + [255 - eight()])
    path = write(tmp_path / "a.png", imagecodecs.png_encode(image))
    np.testing.assert_array_equal(reader.read(path).image.stored, eight())


def test_openi_jpegs_are_their_green_channel(reader, shared_data):
    for path in sorted((shared_data / "openi" / "images").glob("*.jpg"))[:20]:
        decoded = imagecodecs.jpeg8_decode(path.read_bytes())
        assert decoded.shape[2] == 3
        np.testing.assert_array_equal(reader.read(path).image.stored, decoded[:, :, 1])
