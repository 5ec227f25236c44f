"""Windows, tables, padding and borders as the header states them."""

import numpy as np
import pytest
from dicom_files import draw_chest, make_dataset, store, write
from pydicom.dataset import Dataset
from pydicom.uid import ExplicitVRBigEndian, ExplicitVRLittleEndian, ImplicitVRLittleEndian

from cxr_edge.dicom import StudyReader
from cxr_edge.errors import StudyError
from cxr_edge.types import Window


def read(tmp_path, syntax=ExplicitVRLittleEndian, **attributes):
    pixels = draw_chest()
    path = write(tmp_path / "a.dcm", store(make_dataset(pixels, **attributes), pixels, syntax))
    with StudyReader() as reader:
        return reader.read(path)


WINDOWS = {
    "one": ({"WindowCenter": 100, "WindowWidth": 2000}, Window(100, 2000)),
    "first of several": (
        {"WindowCenter": [700, 2], "WindowWidth": [900, 3]},
        Window(700, 900),
    ),
    "exact": (
        {"WindowCenter": 1.5, "WindowWidth": 2000.5, "VOILUTFunction": "LINEAR_EXACT"},
        Window(1.5, 2000.5, "LINEAR_EXACT"),
    ),
    "sigmoid": ({"VOILUTFunction": "SIGMOID"}, Window(2048, 4096, "SIGMOID")),
    "none": ({"WindowCenter": None, "WindowWidth": None}, None),
    "half": ({"WindowCenter": 5, "WindowWidth": None}, None),
}


@pytest.mark.parametrize("name", WINDOWS)
def test_window(tmp_path, name):
    attributes, window = WINDOWS[name]
    study = read(tmp_path, **attributes)
    assert study.image.window == window
    assert study.warnings == ()


@pytest.mark.parametrize(
    "attributes",
    [
        {"WindowWidth": 0},
        {"WindowWidth": -3},
        {"WindowWidth": 0.5},
        {"WindowCenter": "-1.7e308", "WindowWidth": "1.7e308"},
        {"VOILUTFunction": "CUBIC"},
    ],
)
def test_unusable_window_is_dropped_with_a_warning(tmp_path, attributes):
    study = read(tmp_path, **attributes)
    assert study.image.window is None
    assert any("window" in warning for warning in study.warnings)


@pytest.mark.parametrize(
    ("photometric", "shape", "inverted"),
    [
        ("MONOCHROME2", None, False),
        ("MONOCHROME2", "IDENTITY", False),
        ("MONOCHROME2", "INVERSE", True),
        ("MONOCHROME1", None, True),
        ("MONOCHROME1", "INVERSE", True),
    ],
)
def test_inversion_is_stated_once(tmp_path, photometric, shape, inverted):
    attributes = {"PhotometricInterpretation": photometric, "PresentationLUTShape": shape}
    assert read(tmp_path, **attributes).image.inverted == inverted


def table_item(values, first, bits, kind):
    item = Dataset()
    item.add_new("LUTDescriptor", "US" if first >= 0 else "SS", [len(values) % 65536, first, bits])
    if kind == "US":
        item.add_new("LUTData", "US", values.tolist())
    elif kind == "swapped u1":
        item.add_new("LUTData", "OW", values.astype(np.uint8).view(np.uint16).byteswap().tobytes())
    else:
        item.add_new("LUTData", "OW", values.astype(kind).tobytes())
    return item


@pytest.mark.parametrize("keyword", ["ModalityLUTSequence", "VOILUTSequence"])
@pytest.mark.parametrize(
    ("syntax", "kind"),
    [
        (ExplicitVRLittleEndian, "US"),
        (ExplicitVRLittleEndian, "<u2"),
        (ImplicitVRLittleEndian, "<u2"),
        (ExplicitVRBigEndian, ">u2"),
        (ExplicitVRLittleEndian, "u1"),
        (ExplicitVRBigEndian, "swapped u1"),
    ],
)
def test_table(tmp_path, keyword, syntax, kind):
    bits = 8 if "u1" in kind else 12
    values = (np.arange(4096) * ((1 << bits) - 1) // 4095).astype(np.uint16)
    study = read(tmp_path, syntax, **{keyword: [table_item(values, 3, bits, kind)]})
    image = study.image
    table = image.modality_lut if keyword == "ModalityLUTSequence" else image.voi_lut
    assert table is not None
    assert (table.first, table.bits) == (3, bits)
    np.testing.assert_array_equal(table.values, values)


def test_full_length_table_is_written_as_zero(tmp_path):
    """65536 entries do not fit the descriptor and are stated as 0 (PS3.3 C.11.1.1.1)."""
    values = np.arange(65536).astype(np.uint16)
    study = read(tmp_path, VOILUTSequence=[table_item(values, 0, 16, "<u2")])
    assert study.image.voi_lut is not None
    np.testing.assert_array_equal(study.image.voi_lut.values, values)


def test_modality_table_replaces_a_bad_slope(tmp_path):
    values = np.arange(4096).astype(np.uint16)
    item = table_item(values, 0, 12, "<u2")
    assert read(tmp_path, ModalityLUTSequence=[item], RescaleSlope=0).image.modality_lut is not None
    with pytest.raises(StudyError, match="RescaleSlope"):
        read(tmp_path, RescaleSlope=0)


def test_padding(tmp_path):
    assert read(tmp_path, PixelPaddingValue=0).image.padding == (0, 0)
    limits = {"PixelPaddingValue": 60, "PixelPaddingRangeLimit": 0}
    assert read(tmp_path, **limits).image.padding == (0, 60)
    assert read(tmp_path).image.padding is None


def rectangle(prefix, top, bottom, left, right):
    return {
        f"{prefix}Shape": "RECTANGULAR",
        f"{prefix}UpperHorizontalEdge": top,
        f"{prefix}LowerHorizontalEdge": bottom,
        f"{prefix}LeftVerticalEdge": left,
        f"{prefix}RightVerticalEdge": right,
    }


BORDERS = {
    # The lit part lies between the edges, which are counted from 1 (PS3.3 C.7.6.11).
    "shutter": (rectangle("Shutter", 10, 290, 20, 250), (10, 289, 20, 249)),
    "collimator": (rectangle("Collimator", 0, 301, 20, 261), (0, 300, 20, 260)),
    "both": (
        {**rectangle("Shutter", 10, 290, 0, 261), **rectangle("Collimator", 0, 301, 20, 250)},
        (10, 289, 20, 249),
    ),
    "whole picture": (rectangle("Shutter", 0, 301, 0, 261), None),
    "not believable": (rectangle("Collimator", 907, 1299, -184, 184), None),
    "incomplete": ({"ShutterShape": "RECTANGULAR", "ShutterUpperHorizontalEdge": 9}, None),
    "circle": (
        {
            "ShutterShape": "CIRCULAR",
            "CenterOfCircularShutter": [150, 130],
            "RadiusOfCircularShutter": 100,
        },
        (50, 250, 30, 230),
    ),
    "polygon": (
        {
            "CollimatorShape": "POLYGONAL",
            "VerticesOfThePolygonalCollimator": [20, 30, 20, 240, 280, 240, 280, 30],
        },
        (20, 279, 30, 239),
    ),
}


@pytest.mark.parametrize("name", BORDERS)
def test_borders(tmp_path, name):
    attributes, region = BORDERS[name]
    assert read(tmp_path, **attributes).image.region == region
