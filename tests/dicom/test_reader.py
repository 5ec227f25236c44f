"""Files, folders, zips and streams; grouping by study; the choice of the frontal image."""

import io
import zipfile

import numpy as np
import pytest
from dicom_files import SECRET, draw_chest, make_dataset, save_chest, store, to_bytes, write
from pydicom.uid import ExplicitVRLittleEndian, generate_uid

from cxr_edge.dicom import StudyReader, read_study
from cxr_edge.errors import StudyError
from cxr_edge.types import Study, StudyFailure


@pytest.fixture
def reader():
    with StudyReader() as reader:
        yield reader


def a_side_view():
    """Return pixels that resemble a lateral view: one bright band, nothing symmetric."""
    down, across = np.mgrid[0:300, 0:260] / 300
    band = np.exp(-(((across - 0.3 - 0.2 * down) / 0.15) ** 2))
    return (band * 3000 + 100).astype(np.uint16)


def test_file(tmp_path):
    path = save_chest(
        tmp_path / "a.dcm",
        StudyDescription="Thorax\x00\x1b[2Jpa",
        PatientName="Müller^Änne",
        SpecificCharacterSet="ISO_IR 192",
        PixelSpacing=[0.2, 0.2],
    )
    study = read_study(path)
    assert study.path == str(path)
    assert study.view == "PA"
    assert study.header["PatientName"] == "Müller^Änne"
    assert study.header["PatientID"] == "Hidden-17"
    assert study.header["PixelSpacing"] == "0.2\\0.2"
    assert "AccessionNumber" not in study.header
    assert all(char.isprintable() for text in study.header.values() for char in text)
    assert study.warnings == ()
    assert study.image.window is not None
    assert (study.image.window.center, study.image.window.width) == (2048, 4096)


def test_folder_with_several_patients(reader, tmp_path):
    for number in range(3):
        save_chest(tmp_path / f"p{number}" / "deep" / "a.dcm", PatientID=f"P{number}")
    write(tmp_path / "notes.txt", b"not an image")
    write(tmp_path / "p1" / "thumb.png", b"\x89PNG\r\n\x1a\n and so on")
    found = list(reader.studies(tmp_path))
    assert [study.header["PatientID"] for study in found] == ["P0", "P1", "P2"]
    assert reader.skipped == 2


def test_reading_one_of_several_is_refused(reader, tmp_path):
    for number in range(3):
        save_chest(tmp_path / f"{number}.dcm")
    with pytest.raises(StudyError, match=r"3 studies .* cxr-run"):
        reader.read(tmp_path)


def test_a_bad_study_does_not_stop_the_rest(reader, tmp_path):
    save_chest(tmp_path / "1.dcm")
    good = save_chest(tmp_path / "2.dcm")
    write(tmp_path / "3.dcm", good.read_bytes()[:-100])
    save_chest(tmp_path / "4.dcm", SOPClassUID="1.2.840.10008.5.1.4.1.1.2")
    save_chest(tmp_path / "5.dcm")
    kinds = [type(found) for found in reader.studies(tmp_path)]
    # 2 and 3 are one study and the second copy of its image is dropped.
    assert kinds == [Study, Study, StudyFailure, Study]


def test_failures_are_one_line_each(reader, tmp_path):
    path = save_chest(tmp_path / "4.dcm", SOPClassUID="1.2.840.10008.5.1.4.1.1.2")
    (failure,) = reader.studies(tmp_path)
    assert failure.path == str(path)
    assert failure.error.startswith(str(path))
    assert "\n" not in failure.error
    assert SECRET not in failure.error


def test_empty_folder(reader, tmp_path):
    with pytest.raises(StudyError, match="no DICOM image"):
        list(reader.studies(tmp_path))


def test_zip(reader, tmp_path):
    data = [save_chest(tmp_path / f"{n}.dcm").read_bytes() for n in range(2)]
    archive = tmp_path / "studies.zip"
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("../../escape.dcm", data[0])
        file.writestr("sub/b.dcm", data[1])
        file.writestr("sub/README", "text")
    found = list(reader.studies(archive))
    assert [type(study) for study in found] == [Study, Study]
    assert reader.skipped == 1
    np.testing.assert_array_equal(found[0].image.stored, draw_chest())
    assert not (tmp_path.parent / "escape.dcm").exists()


@pytest.mark.parametrize("damage", ["cut", "member"])
def test_damaged_zip(reader, tmp_path, damage):
    archive = tmp_path / "studies.zip"
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("a.dcm", save_chest(tmp_path / "a.dcm").read_bytes())
    content = bytearray(archive.read_bytes())
    content = content[:3000] if damage == "cut" else content
    content[200:260] = bytes(60)
    write(archive, bytes(content))
    with pytest.raises(StudyError) as caught:
        reader.read(archive)
    assert "zip" in str(caught.value) or "damaged" in str(caught.value)


@pytest.mark.parametrize("zipped", [False, True])
def test_standard_input(tmp_path, zipped):
    data = save_chest(tmp_path / "a.dcm").read_bytes()
    if zipped:
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w") as file:
            file.writestr("a.dcm", data)
        data = buffer.getvalue()
    with StudyReader(stdin=io.BytesIO(data)) as reader:
        study = reader.read("-")
    np.testing.assert_array_equal(study.image.stored, draw_chest())
    assert study.path.startswith("-")


def save_study(folder, *images):
    """Write images of one study, given as (pixels, attributes)."""
    uid = generate_uid()
    for number, (pixels, attributes) in enumerate(images):
        dataset = make_dataset(pixels, StudyInstanceUID=uid, **attributes)
        write(folder / f"{number}.dcm", store(dataset, pixels))
    return folder


LATERAL_TAGS = [
    {"ViewPosition": "LL"},
    {"ViewPosition": "LATERAL"},
    {"ViewPosition": "PA", "SeriesDescription": "Chest lat"},
    {"ViewPosition": None, "PatientOrientation": ["A", "F"]},
    {"ViewPosition": None, "ProtocolName": "THORAX_LAT"},
]


@pytest.mark.parametrize("tags", LATERAL_TAGS)
def test_tagged_laterals_are_not_chosen_and_not_decoded(reader, tmp_path, tags):
    chest, side = draw_chest(), a_side_view()
    folder = save_study(tmp_path, (side, tags), (chest, {"ViewPosition": "AP"}))
    lateral = (folder / "0.dcm").read_bytes()
    write(folder / "0.dcm", lateral[:-2000])  # reading its pixels would fail
    study = reader.read(folder)
    np.testing.assert_array_equal(study.image.stored, chest)
    assert study.view == "AP"
    assert study.warnings == ()


def test_the_picture_decides_between_two_images_tagged_pa(reader, tmp_path):
    chest, side = draw_chest(), a_side_view()
    folder = save_study(tmp_path, (side, {}), (chest, {}))
    study = reader.read(folder)
    np.testing.assert_array_equal(study.image.stored, chest)
    assert study.warnings == ()


def test_two_alike_images_are_called_unsure(reader, tmp_path):
    folder = save_study(tmp_path, (draw_chest(), {}), (draw_chest(310, 270), {}))
    assert any("unsure" in warning for warning in reader.read(folder).warnings)


def test_one_uid_on_two_different_images_is_said(reader, tmp_path):
    uid, chest, side = generate_uid(), draw_chest(), a_side_view()
    folder = save_study(tmp_path, (side, {"SOPInstanceUID": uid}), (chest, {"SOPInstanceUID": uid}))
    study = reader.read(folder)
    np.testing.assert_array_equal(study.image.stored, chest)
    assert any("same SOPInstanceUID" in warning for warning in study.warnings)


@pytest.mark.parametrize("header", [{}, {"StationName": "another"}])
def test_the_same_image_stored_twice_counts_once(reader, tmp_path, header):
    uid = generate_uid()
    first, again = {"SOPInstanceUID": uid}, {"SOPInstanceUID": uid, **header}
    study = reader.read(save_study(tmp_path, (draw_chest(), first), (draw_chest(), again)))
    assert study.warnings == ()


def test_a_lateral_alone_is_drafted_with_a_warning(reader, tmp_path):
    study = reader.read(save_study(tmp_path, (a_side_view(), {"ViewPosition": "LL"})))
    assert any("header calls frontal" in warning for warning in study.warnings)
    assert study.view == ""


def test_a_wrong_tag_does_not_beat_the_picture(reader, tmp_path):
    chest, side = draw_chest(), a_side_view()
    untagged = {"ViewPosition": None}
    study = reader.read(save_study(tmp_path, (side, {"ViewPosition": "PA"}), (chest, untagged)))
    np.testing.assert_array_equal(study.image.stored, chest)


def test_reports_and_directories_are_no_failures(reader, tmp_path):
    save_chest(tmp_path / "a.dcm")
    report = make_dataset(
        draw_chest(), SOPClassUID="1.2.840.10008.5.1.4.1.1.88.11", Rows=None, Columns=None
    )
    path = write(tmp_path / "b.dcm", to_bytes(report, ExplicitVRLittleEndian))
    assert [type(found) for found in reader.studies(tmp_path)] == [Study]
    assert reader.skipped == 1
    with pytest.raises(StudyError, match="no pixel data"):
        reader.read(path)


def test_an_image_without_its_pixels_is_a_failure(reader, tmp_path):
    whole = save_chest(tmp_path / "a.dcm").read_bytes()
    write(tmp_path / "b" / "b.dcm", whole[: whole.index(b"\xe0\x7f\x10\x00")])
    assert [type(found) for found in reader.studies(tmp_path / "b")] == [StudyFailure]


def test_other_objects_of_a_study_are_passed_over(reader, tmp_path):
    chest = draw_chest()
    report = {"SOPClassUID": "1.2.840.10008.5.1.4.1.1.88.11"}
    study = reader.read(save_study(tmp_path, (chest, report), (chest, {})))
    np.testing.assert_array_equal(study.image.stored, chest)
    assert reader.skipped == 1


def test_original_is_preferred_to_secondary_capture(reader, tmp_path):
    capture = {"SOPClassUID": "1.2.840.10008.5.1.4.1.1.7"}
    chest = draw_chest()
    study = reader.read(save_study(tmp_path, (chest // 2, capture), (chest, {})))
    np.testing.assert_array_equal(study.image.stored, chest)


def test_secondary_capture_is_marked(reader, tmp_path):
    path = save_chest(tmp_path / "a.dcm", SOPClassUID="1.2.840.10008.5.1.4.1.1.7")
    assert any("Secondary Capture" in warning for warning in reader.read(path).warnings)


@pytest.mark.parametrize("value", [None, "", "no uid at all", "...", "1..2"])
def test_missing_uids_are_derived(reader, tmp_path, value):
    pixels = draw_chest()
    dataset = make_dataset(pixels)
    data = store(dataset, pixels)
    uid = dataset.StudyInstanceUID.encode()
    blank = (value or "").encode().ljust(len(uid), b"\0")
    path = write(tmp_path / "a.dcm", data.replace(uid, blank))
    first, second = reader.read(path), reader.read(path)
    assert first.study_instance_uid == second.study_instance_uid
    assert first.study_instance_uid.startswith("2.25.")
    assert len(first.study_instance_uid) <= 64
    assert any("StudyInstanceUID" in warning for warning in first.warnings)


def test_header_warnings(reader, tmp_path):
    path = save_chest(
        tmp_path / "a.dcm",
        BurnedInAnnotation="YES",
        BodyPartExamined="HAND",
        AcquisitionDeviceProcessingDescription="CANINE EXTREMITY",
    )
    joined = " ".join(reader.read(path).warnings)
    assert "burnt" in joined
    assert "another body part" in joined
    assert "animal" in joined
    assert "HAND" not in joined


def test_damaged_images_do_not_use_up_the_comparison(reader, tmp_path):
    pixels = draw_chest()
    study = {"StudyInstanceUID": generate_uid()}
    for number in range(5):
        data = store(make_dataset(pixels, **study), pixels)
        write(tmp_path / f"{number}.dcm", data if number == 4 else data[:-1000])
    (result,) = reader.studies(tmp_path)
    assert isinstance(result, Study)
    assert result.path.endswith("4.dcm")
    assert "Another image of the study could not be read." in result.warnings


def test_a_slope_near_zero_is_refused_without_a_warning(reader, tmp_path, recwarn):
    path = save_chest(tmp_path / "slope.dcm", RescaleSlope="1e-300", RescaleIntercept="0")
    with pytest.raises(StudyError, match="blank"):
        reader.read(path)
    assert not recwarn.list
