"""Every bad input ends in one line that says what was wrong, and never in another exception."""

import struct
import zlib

import imagecodecs
import numpy as np
import pytest
from dicom_files import (
    LOSSLESS,
    SECRET,
    J,
    draw_chest,
    encapsulated,
    make_dataset,
    store,
    to_bytes,
    write,
)
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    ExplicitVRLittleEndian,
    RLELossless,
)

from cxr_edge.dicom import Limits, StudyReader
from cxr_edge.errors import DecoderUnavailable, StudyError
from cxr_edge.types import Study

MR = "1.2.840.10008.5.1.4.1.1.4"
CT = "1.2.840.10008.5.1.4.1.1.2"
MAMMOGRAM = "1.2.840.10008.5.1.4.1.1.1.2"
FOR_PROCESSING = "1.2.840.10008.5.1.4.1.1.1.1.1"


def plain(**attributes):
    pixels = draw_chest()
    return store(make_dataset(pixels, **attributes), pixels)


def without_pixels():
    return to_bytes(make_dataset(draw_chest()), ExplicitVRLittleEndian)


def truncated_header():
    data = plain()
    return data[: data.index(b"\x28\x00\x10\x00") + 4]


def rgb():
    pixels = np.stack([draw_chest() >> 4] * 3, axis=-1).astype(np.uint8)
    dataset = make_dataset(pixels[:, :, 0], SamplesPerPixel=3, PhotometricInterpretation="RGB")
    dataset.PlanarConfiguration = 0
    return store(dataset, pixels)


def two_frames():
    pixels = draw_chest()
    dataset = make_dataset(pixels, NumberOfFrames=2)
    return store(dataset, np.concatenate([pixels, pixels]))


def deflate_bomb():
    small = store(make_dataset(draw_chest()), draw_chest(), DeflatedExplicitVRLittleEndian)
    start = 144 + int.from_bytes(small[140:144], "little")
    deflater = zlib.compressobj(9, zlib.DEFLATED, -15)
    element = struct.pack("<HH2sHI", 0x0009, 0x1001, b"OB", 0, 0x70000000)
    body = deflater.compress(element)
    body += b"".join(deflater.compress(bytes(1 << 24)) for _ in range(20))
    return small[:start] + body + deflater.flush()


def jpeg_2000_of_another_size():
    frame = imagecodecs.jpeg2k_encode(draw_chest(400, 400), codecformat="j2k", bitspersample=12)
    return encapsulated(make_dataset(draw_chest()), frame, J + "90")


def jpeg_of_another_size():
    frame = imagecodecs.jpeg8_encode((draw_chest(400, 400) >> 4).astype(np.uint8))
    return encapsulated(make_dataset((draw_chest() >> 4).astype(np.uint8)), frame, J + "50")


def jpeg_2000_that_asks_for_too_much():
    """A stream of the right size on the outside whose header alone was edited to match."""
    frame = bytearray(imagecodecs.jpeg2k_encode(draw_chest(), codecformat="j2k", bitspersample=12))
    frame[8:16] = struct.pack(">2I", 10_000, 10_000)
    return encapsulated(make_dataset(draw_chest(), Rows=10_000, Columns=10_000), frame, J + "90")


def compressed_and_cut_off(syntax):
    """The items are whole, the stream inside them is not."""
    frame = bytes(LOSSLESS[J + syntax](draw_chest()))
    return encapsulated(make_dataset(draw_chest()), frame[: len(frame) // 2], J + syntax)


def rle_cut_off():
    pixels = draw_chest()
    data = store(make_dataset(pixels), pixels, RLELossless)
    middle = data.index(b"\xe0\x7f\x10\x00") + 4000
    return data[:middle] + data[middle + 9000 :]


def native_pixels_in_a_compressed_syntax():
    data = plain()
    return data.replace(b"1.2.840.10008.1.2.1\0", b"1.2.840.10008.1.2.5\0")


def lookup_table_cut_off():
    from pydicom.dataset import Dataset

    item = Dataset()
    item.LUTDescriptor = [4096, 0, 12]
    item.LUTData = bytes(200)
    return plain(VOILUTSequence=[item])


def elements_without_end(nested):
    """A header of empty elements, in the data set itself or as items of one sequence."""
    data = plain()
    pixels = data.index(b"\xe0\x7f\x10\x00")
    if nested:
        items = struct.pack("<HHI", 0xFFFE, 0xE000, 0) * 500_000
        more = struct.pack("<HH2sHI", 0x5400, 0x0100, b"SQ", 0, 0xFFFFFFFF) + items
        more += struct.pack("<HHI", 0xFFFE, 0xE0DD, 0)
    else:
        more = b"".join(
            struct.pack("<HH2sH", 0x3001 + 2 * (n >> 15), n & 0x7FFF, b"LO", 0)
            for n in range(500_000)
        )
    return data[:pixels] + more + data[pixels:]


BAD = {
    "many elements": (lambda: elements_without_end(nested=False), "more elements"),
    "many items": (lambda: elements_without_end(nested=True), "more elements"),
    "empty": (lambda: b"", "is empty"),
    "text": (lambda: b"hello, this is no image at all" * 20, "not a DICOM file"),
    "truncated header": (truncated_header, "cut off before it"),
    "truncated pixels": (lambda: plain()[:-5000], "cut off"),
    "no pixels": (without_pixels, "no pixel data"),
    "CT": (lambda: plain(SOPClassUID=CT, Modality="CT"), "CT Image Storage"),
    "MR": (lambda: plain(SOPClassUID=MR), "MR Image Storage"),
    "mammogram": (lambda: plain(SOPClassUID=MAMMOGRAM, Modality="MG"), "Mammography"),
    "for processing": (lambda: plain(SOPClassUID=FOR_PROCESSING), "for processing"),
    "no SOP class": (lambda: plain(SOPClassUID=None), "SOP class"),
    "RGB": (rgb, "not grey"),
    "two frames": (two_frames, "2 frames"),
    "slope 0": (lambda: plain(RescaleSlope=0, RescaleIntercept=5), "RescaleSlope"),
    "absurd dimensions": (lambda: plain(Rows=60_000, Columns=60_000), "60000 rows"),
    "small": (lambda: plain(Rows=100, Columns=100), "at least 200"),
    "more rows than data": (lambda: plain(Rows=301), "need"),
    "fewer rows than data": (lambda: plain(Rows=299), "need"),
    "no rows": (lambda: plain(Rows=None), "no Rows"),
    "32 bits": (lambda: plain(BitsAllocated=32), "BitsAllocated"),
    "bits contradict": (lambda: plain(BitsStored=12, HighBit=3), "contradict"),
    "oblong pixels": (lambda: plain(PixelSpacing=[0.1, 0.2]), "not square"),
    "deflate bomb": (deflate_bomb, "grows past"),
    "JPEG 2000 size": (jpeg_2000_of_another_size, "400 rows and 400 columns"),
    "JPEG size": (jpeg_of_another_size, "400 rows and 400 columns"),
    "JPEG 2000 tiles": (jpeg_2000_that_asks_for_too_much, "of the"),
    "JPEG 2000 cut off": (lambda: compressed_and_cut_off("90"), "before its end"),
    "JPEG-LS cut off": (lambda: compressed_and_cut_off("80"), "before its end"),
    "JPEG cut off": (lambda: compressed_and_cut_off("70"), "before its end"),
    "RLE cut off": (rle_cut_off, "cut off"),
    "native in RLE": (native_pixels_in_a_compressed_syntax, "not encapsulated"),
    "table cut off": (lookup_table_cut_off, "100 entries"),
    "all padding": (
        lambda: plain(PixelPaddingValue=0, PixelPaddingRangeLimit=4095, WindowCenter=None),
        "padding",
    ),
    "constant": (
        lambda: store(
            make_dataset(np.full((300, 260), 9, np.uint16)), np.full((300, 260), 9, "u2")
        ),
        "blank",
    ),
}


@pytest.fixture(scope="module")
def reader():
    with StudyReader() as reader:
        yield reader


@pytest.mark.parametrize("name", BAD)
def test_one_clear_line(reader, tmp_path, name):
    make, words = BAD[name]
    path = write(tmp_path / "bad.dcm", make())
    with pytest.raises(StudyError) as caught:
        reader.read(path)
    message = str(caught.value)
    assert words in message
    assert message.startswith(str(path))
    assert "\n" not in message
    assert SECRET not in message
    assert "Hidden-17" not in message


def test_missing_file(reader, tmp_path):
    with pytest.raises(StudyError, match="no such file"):
        reader.read(tmp_path / "nowhere.dcm")


def test_unknown_transfer_syntax(reader, tmp_path):
    data = plain().replace(b"1.2.840.10008.1.2.1\0", b"1.2.840.10008.1.2.7\0")
    with pytest.raises(StudyError, match="not supported"):
        reader.read(write(tmp_path / "bad.dcm", data))


def test_larger_than_the_cap(tmp_path):
    path = write(tmp_path / "big.dcm", plain())
    with StudyReader(Limits(max_file_bytes=1 << 10)) as reader, pytest.raises(StudyError) as caught:
        reader.read(path)
    assert "larger than" in str(caught.value)


def test_missing_decoder_names_the_package(tmp_path, monkeypatch):
    """With the decoder's package hidden from the import system, as where it is not installed."""
    import sys

    path = write(
        tmp_path / "a.dcm",
        encapsulated(make_dataset(draw_chest()), imagecodecs.jpegls_encode(draw_chest()), J + "80"),
    )
    monkeypatch.setitem(sys.modules, "imagecodecs", None)
    with StudyReader() as reader, pytest.raises(DecoderUnavailable, match=r"cxr-edge\[codecs\]"):
        reader.read(path)


def test_pydicom_logs_and_warns_nothing(reader, tmp_path, caplog, recwarn):
    data = plain(PatientBirthDate="19400305", StudyDescription="escapes")
    data = data.replace(b"19400305", b"1940-3-5").replace(b"escapes", b"a\x1b[9mbc")
    caplog.set_level("DEBUG")
    study = reader.read(write(tmp_path / "a.dcm", data))
    assert study.header["PatientBirthDate"] == "1940-3-5"
    assert not caplog.records
    assert not recwarn.list


@pytest.fixture(scope="module")
def good_files():
    pixels = draw_chest(210, 205)
    files = [
        store(make_dataset(pixels), pixels),
        store(make_dataset(pixels), pixels, DeflatedExplicitVRLittleEndian),
        store(make_dataset(pixels), pixels, RLELossless),
        store(make_dataset(pixels), pixels, J + "70"),
        store(make_dataset(pixels), pixels, J + "80"),
        store(make_dataset(pixels), pixels, J + "90"),
        store(make_dataset(pixels), pixels, J + "201"),
    ]
    files.append(files[0][132:])
    return files


def read_anything(reader, path):
    """Read a damaged file: a study or a StudyError, and nothing else."""
    try:
        study = reader.read(path)
    except StudyError as error:
        assert "\n" not in str(error)  # noqa: PT017
        return None
    assert isinstance(study, Study)
    return study


@settings(
    max_examples=250, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(data=st.data())
def test_damaged_files_end_in_a_study_error(reader, good_files, tmp_path, data):
    content = bytearray(data.draw(st.sampled_from(good_files)))
    # Most damage is done to headers, where most of the decisions are.
    end = data.draw(st.sampled_from([len(content), min(len(content), 1500)]))
    for _ in range(data.draw(st.integers(0, 4))):
        content[data.draw(st.integers(0, end - 1))] = data.draw(st.integers(0, 255))
    if data.draw(st.booleans()):
        content = content[: data.draw(st.integers(0, end))]
    path = tmp_path / "damaged.dcm"
    path.write_bytes(bytes(content))
    study = read_anything(reader, path)
    assert study is None or study.image.stored.size


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(content=st.binary(max_size=400), preamble=st.booleans())
def test_random_bytes_end_in_a_study_error(reader, tmp_path, content, preamble):
    path = tmp_path / "random.dcm"
    path.write_bytes(bytes(128) + b"DICM" + content if preamble else content)
    assert read_anything(reader, path) is None
