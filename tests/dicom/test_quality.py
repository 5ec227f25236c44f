"""The look at the picture: drawn cases, and how often it speaks up on real images."""

import csv
import json

import numpy as np
import pytest
from dicom_files import draw_chest
from PIL import Image

from cxr_edge.dicom import StudyReader
from cxr_edge.dicom.quality import FRONTAL, inspect_picture
from cxr_edge.errors import StudyError
from cxr_edge.types import SourceImage, Window

CHEST_FILES = (
    "fodicom_CR-MONO1-10-chest_implicitVR_nopreamble",
    "gdcm_CR-MONO1-10-chest.dcm",
    "pydicom_RG1_J2KI.dcm",
    "xrv_rsna_cr_pa_1024_jpegbaseline.dcm",
)


def judge(pixels, **fields):
    return inspect_picture(SourceImage(stored=pixels, bits_stored=12, **fields))


def load(path):
    return np.asarray(Image.open(path).convert("L"))


def test_drawn_chest_is_frontal():
    verdict = judge(draw_chest())
    assert verdict.frontal > 0.6
    assert verdict.warnings == ()
    negative = judge(4095 - draw_chest(), inverted=True)
    assert negative.frontal == pytest.approx(verdict.frontal, abs=1e-4)


def test_inverted():
    assert "inverted" in judge(draw_chest(), inverted=True).warnings[0]


@pytest.mark.parametrize("turns", [1, 3])
def test_rotated(turns):
    assert "rotated" in judge(np.rot90(draw_chest(), turns).copy()).warnings[0]


def test_noise_is_no_chest():
    noise = np.random.default_rng(0).integers(0, 4095, (500, 400), dtype=np.uint16)
    assert "does not look like" in judge(noise).warnings[0]


def test_blank_after_its_window():
    with pytest.raises(StudyError, match="blank"):
        judge(draw_chest(), window=Window(60000, 10))


def test_borders_do_not_matter_to_the_thinned_picture():
    framed = np.full((700, 650), 4095, np.uint16)
    framed[100:600, 100:550] = draw_chest(500, 450)
    verdict = judge(framed, region=(100, 600, 100, 550))
    assert np.isfinite(verdict.frontal)


@pytest.mark.parametrize("name", CHEST_FILES)
def test_real_chests_draw_no_remark(shared_data, name):
    with StudyReader() as reader:
        study = reader.read(shared_data / "dicom" / name)
    assert [note for note in study.warnings if "Secondary Capture" not in note] == []


def test_false_photometric_interpretation_is_noticed(shared_data):
    with StudyReader() as reader:
        study = reader.read(shared_data / "dicom" / "xrv_fake_mono1_1024_jpegbaseline.dcm")
    assert any("inverted" in note for note in study.warnings)


def test_dental_panorama_is_warned_about(shared_data):
    path = shared_data / "dicom" / "not_human_chest" / "fodicom_CR-ModalitySequenceLUT.dcm"
    with StudyReader() as reader:
        study = reader.read(path)
    assert any("does not look like" in note for note in study.warnings)
    assert any("body part" in note for note in study.warnings)


def test_dog_is_refused(shared_data):
    path = shared_data / "dicom" / "not_human_chest" / "highdicom_dx_image.dcm"
    with StudyReader() as reader, pytest.raises(StudyError, match="at least 200"):
        reader.read(path)


def test_no_remark_on_the_nih_images(shared_data):
    with (shared_data / "nih" / "labels.csv").open() as file:
        names = [row["Image Index"] for row in csv.DictReader(file)]
    assert len(names) == 24
    for name in names:
        assert inspect_picture(SourceImage(load(shared_data / "nih" / name), 8)).warnings == ()


def test_rates_on_open_i(shared_data):
    """300 images of each projection: frontals are rarely remarked on, laterals mostly are, and in
    studies with one of each the frontal one looks more frontal.
    """
    frontal, lateral, pairs = [], [], []
    folder = shared_data / "openi" / "images"
    for line in (shared_data / "openi" / "studies.jsonl").read_text().splitlines():
        images = json.loads(line)["images"]
        if sorted(image["projection"] for image in images) != ["Frontal", "Lateral"]:
            continue
        scores = {}
        for image in images:
            verdict = inspect_picture(SourceImage(load(folder / image["file"]), 8))
            scores[image["projection"]] = verdict
        frontal.append(scores["Frontal"])
        lateral.append(scores["Lateral"])
        pairs.append(scores["Frontal"].frontal > scores["Lateral"].frontal)
        if len(frontal) == 300:
            break
    assert len(frontal) == 300
    assert np.mean([bool(verdict.warnings) for verdict in frontal]) <= 0.04
    assert np.mean([bool(verdict.warnings) for verdict in lateral]) >= 0.6
    assert np.mean(pairs) >= 0.97
    assert np.median([verdict.frontal for verdict in frontal]) > FRONTAL
