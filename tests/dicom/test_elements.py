"""Values of a header against pydicom's own, and headers read from memory against whole ones."""

import io
import random
from pathlib import Path

import pytest
from dicom_files import NATIVE, draw_chest, make_dataset, store
from pydicom import dcmread
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
)

from cxr_edge.dicom import header as headers
from cxr_edge.dicom.elements import Elements
from cxr_edge.dicom.grey import read_grey
from cxr_edge.dicom.header import Header, quiet_pydicom, read_header
from cxr_edge.dicom.identity import KEYWORDS
from cxr_edge.dicom.limits import Limits
from cxr_edge.errors import StudyError

ASKED = (
    *KEYWORDS,
    *("SOPClassUID", "SOPInstanceUID", "StudyInstanceUID", "SeriesInstanceUID"),
    *("Rows", "Columns", "BitsAllocated", "BitsStored", "HighBit", "PixelRepresentation"),
    *("SamplesPerPixel", "PhotometricInterpretation", "NumberOfFrames", "PresentationLUTShape"),
    *("WindowCenter", "WindowWidth", "VOILUTFunction", "RescaleSlope", "RescaleIntercept"),
    *("PixelPaddingValue", "PixelPaddingRangeLimit", "PixelAspectRatio", "PatientOrientation"),
    *("ShutterShape", "ShutterUpperHorizontalEdge", "VerticesOfThePolygonalShutter"),
    *("ViewCodeSequence", "ProtocolName", "PatientSpeciesDescription", "BurnedInAnnotation"),
)
DICOM_FILES = (
    "fodicom_CR-MONO1-10-chest_implicitVR_nopreamble",
    "gdcm_CR-MONO1-10-chest.dcm",
    "pydicom_RG1_J2KI.dcm",
    "xrv_fake_mono1_1024_jpegbaseline.dcm",
    "xrv_rsna_cr_pa_1024_jpegbaseline.dcm",
)


def read(data: bytes, limits: Limits | None = None) -> Header:
    return read_header(io.BytesIO(data), len(data), limits or Limits())


def assert_as_pydicom_says(elements: Elements, reference: Dataset) -> None:
    with quiet_pydicom():
        for keyword in ASKED:
            theirs = reference.get(keyword, "absent")
            for _ in range(2):  # converted, then remembered
                ours = elements.get(keyword, "absent")
                assert ours == theirs, keyword
                assert type(ours) is type(theirs), keyword
                assert str(ours) == str(theirs), keyword
            assert (keyword in elements) == (keyword in reference)


def code(meaning: str) -> Dataset:
    item = Dataset()
    item.CodeValue, item.CodingSchemeDesignator, item.CodeMeaning = "R-10206", "SRT", meaning
    return item


def crowded(**attributes: object) -> Dataset:
    """A header with text beyond ASCII, several values, empty ones and a sequence."""
    return make_dataset(
        draw_chest(),
        **{
            "SpecificCharacterSet": "ISO_IR 192",
            "PatientName": "Müller^Jörg=山田^太郎",
            "StudyDescription": "Röntgen  Thorax ",
            "AccessionNumber": "",
            "WindowCenter": ["2048.50", "1e3"],
            "WindowWidth": [4096, 2],
            "RescaleSlope": "1.0",
            "NumberOfFrames": "1",
            "PixelSpacing": ["0.143", "0.143"],
            "PatientOrientation": ["L", "F"],
            "PixelPaddingValue": 17,
            "ShutterShape": ["RECTANGULAR", "POLYGONAL"],
            "ShutterUpperHorizontalEdge": 3,
            "VerticesOfThePolygonalShutter": [1, 2, 3, 4, 5, 6],
            "StudyTime": "101500.000000",
            "ViewCodeSequence": Sequence([code("postero-anterior")]),
            **attributes,
        },
    )


@pytest.mark.parametrize("name", DICOM_FILES)
def test_values_of_real_files_are_pydicoms(shared_data: Path, name: str) -> None:
    path = shared_data / "dicom" / name
    reference = dcmread(path, force=True, stop_before_pixels=True)
    assert_as_pydicom_says(read(path.read_bytes()).elements, reference)


@pytest.mark.parametrize("syntax", NATIVE)
@pytest.mark.parametrize("charset", ["ISO_IR 192", "GB18030", None])
def test_values_of_a_crowded_header_are_pydicoms(syntax: str, charset: str | None) -> None:
    changes: dict[str, object] = {"SpecificCharacterSet": charset}
    if charset is None:
        changes |= {"PatientName": "M^J", "StudyDescription": "Thorax"}
    data = store(crowded(**changes), draw_chest(), syntax)
    assert_as_pydicom_says(read(data).elements, dcmread(io.BytesIO(data)))


@pytest.mark.parametrize(
    ("keyword", "old", "new"),
    [
        ("RescaleSlope", b"1.25", b"1,2x"),
        ("NumberOfFrames", b"IS\x02\x001 ", b"IS\x02\x00??"),
        ("StudyTime", b"101500", b"\xff1\x005..\x80"[:6]),
        ("StudyInstanceUID", b"1.2.3.4.5", b"1.2.x.\xe4.5"),
    ],
)
def test_damaged_values_are_what_pydicom_makes_of_them(
    keyword: str, old: bytes, new: bytes
) -> None:
    whole = crowded(RescaleSlope="1.25", StudyInstanceUID="1.2.3.4.5")
    data = store(whole, draw_chest())
    assert old in data
    damaged = data.replace(old, new, 1)
    assert len(damaged) == len(data)
    elements = read(damaged).elements
    with quiet_pydicom():
        reference = dcmread(io.BytesIO(damaged))
        try:
            theirs = reference.get(keyword)
        except Exception as error:
            with pytest.raises(type(error)):
                elements.get(keyword)
        else:
            assert elements.get(keyword) == theirs


def test_absent_attributes_are_absent() -> None:
    elements = read(store(make_dataset(draw_chest()), draw_chest())).elements
    assert elements.get("RescaleSlope") is None
    assert elements.get("RescaleSlope", 3) == 3
    assert "RescaleSlope" not in elements
    with pytest.raises(KeyError, match="RescaleSlope"):
        elements["RescaleSlope"]
    assert elements["Modality"] == "CR"


@pytest.mark.parametrize("syntax", [s for s in NATIVE if s != DeflatedExplicitVRLittleEndian])
def test_a_header_cut_anywhere_by_the_early_bytes_is_read_whole(
    monkeypatch: pytest.MonkeyPatch, syntax: str
) -> None:
    data = store(crowded(), draw_chest(), syntax)
    reference = dcmread(io.BytesIO(data))
    start = len(data) - len(reference.PixelData)
    for early in (*range(0, start, 7), *range(start - 13, start + 3)):
        monkeypatch.setattr(headers, "_EARLY", early)
        header = read(data)
        assert header.pixel_offset == start
        assert header.pixel_length == len(reference.PixelData)
        assert header.transfer_syntax_uid == syntax
        with quiet_pydicom():
            assert header.elements["WindowWidth"] == [4096, 2]
            assert header.elements["PatientName"] == "Müller^Jörg=山田^太郎"
            assert read_grey(header.elements, 300, 260).padding == (17, 17)


def test_a_value_that_begins_like_pixel_data_is_no_pixel_data() -> None:
    """Its element runs past the early bytes, so that a parser which gives up is back at it."""
    pixels = draw_chest()
    plain = store(make_dataset(pixels), pixels, ImplicitVRLittleEndian)
    at = plain.index(bytes.fromhex("280002 00".replace(" ", "")))
    trap = bytes.fromhex("0900 0110 ffffffff") + bytes.fromhex("e07f 1000 10000000")
    trap += b"x" * (1 << 17) + bytes.fromhex("feff dde0 00000000")
    header = read(plain[:at] + trap + plain[at:])
    assert header.pixel_offset == len(plain) - 2 * pixels.size + len(trap)
    assert header.pixel_length == 2 * pixels.size


def test_early_bytes_keep_the_limits() -> None:
    dataset = make_dataset(draw_chest())
    block = dataset.private_block(0x0009, "MADE UP", create=True)
    for number in range(200):
        block.add_new(number, "LO", "x")
    data = store(dataset, draw_chest(), ExplicitVRLittleEndian)
    assert read(data).pixel_offset > 2000
    with pytest.raises(StudyError, match="more elements than any"):
        read(data, Limits(max_header_reads=300))
    with pytest.raises(StudyError, match="header is longer than"):
        read(data, Limits(max_header_bytes=1500))


def _outcome(data: bytes) -> list[object]:
    """What reading a header comes to: where the pixels are and the values, or the refusal."""
    try:
        header = read(data)
    except StudyError as error:
        return [type(error), str(error)]
    values: list[object] = [header.pixel_offset, header.pixel_length, header.transfer_syntax_uid]
    with quiet_pydicom():
        for keyword in ASKED:
            try:
                values.append(str(header.elements.get(keyword)))
            except Exception as error:
                values.append(type(error))
    return values


@pytest.mark.parametrize("syntax", [ExplicitVRLittleEndian, ImplicitVRLittleEndian])
def test_damage_ends_alike_however_the_header_is_read(
    monkeypatch: pytest.MonkeyPatch, syntax: str
) -> None:
    data = store(crowded(), draw_chest(), syntax)
    start = len(data) - 2 * draw_chest().size
    rng = random.Random(3)
    outcomes = []
    for _ in range(300):
        damaged = bytearray(data)
        place = rng.randrange(128, start)
        match rng.randrange(3):
            case 0:
                damaged[place] = rng.randrange(256)
            case 1:
                damaged[place:place] = rng.randbytes(rng.randrange(1, 20))
            case _:
                del damaged[place : place + rng.randrange(1, 30)]
        with monkeypatch.context() as patch:
            early = _outcome(bytes(damaged))
            patch.setattr(headers, "_EARLY", 0)
            assert _outcome(bytes(damaged)) == early
        outcomes.append(len(early) == 2)
    assert any(outcomes)
    assert not all(outcomes)
