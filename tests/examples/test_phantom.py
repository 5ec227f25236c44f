"""The committed phantom is what its program draws, is valid DICOM and looks like a chest."""

import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from pydicom import dcmread

from cxr_edge.dicom import read_study

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"


@pytest.fixture(scope="module")
def drawn(tmp_path_factory) -> list[bytes]:
    folder = tmp_path_factory.mktemp("phantom")
    paths = [folder / "one.dcm", folder / "two.dcm"]
    for path in paths:
        subprocess.run([sys.executable, EXAMPLES / "phantom.py", path], check=True)
    return [path.read_bytes() for path in paths]


def test_program_draws_the_committed_file(drawn, phantom, tmp_path):
    first, second = drawn
    assert first == second
    committed = phantom.read_bytes()
    assert len(first) == len(committed)
    size = 2 * 640 * 560
    assert first[:-size] == committed[:-size]
    # Processors differ in the last digit of an exponential; that moves a pixel by one at most.
    ours, theirs = (np.frombuffer(data[-size:], "<u2").astype(int) for data in (first, committed))
    assert np.abs(ours - theirs).max() <= 1


def test_small_native_twelve_bit_monochrome2(phantom):
    assert phantom.stat().st_size < 1_000_000
    dataset = dcmread(phantom)
    assert dataset.file_meta.TransferSyntaxUID == "1.2.840.10008.1.2.1"
    assert (dataset.Rows, dataset.Columns, dataset.BitsStored) == (640, 560, 12)
    assert dataset.PhotometricInterpretation == "MONOCHROME2"
    assert str(dataset.PatientName) == "PHANTOM^CHEST"
    assert dataset.pixel_array.max() <= 4095


def test_dciodvfy_finds_nothing(phantom):
    if shutil.which("dciodvfy") is None:
        pytest.skip("dciodvfy is not installed (Debian package dicom3tools)")
    done = subprocess.run(["dciodvfy", "-new", phantom], capture_output=True, check=True)
    assert (done.stdout + done.stderr).split() == [b"DXImageForPresentation"]


def test_reader_takes_it_for_a_frontal_chest_without_a_warning(phantom):
    study = read_study(phantom)
    assert study.view == "PA"
    assert study.warnings == ()


def test_regions_have_the_grey_of_a_real_radiograph(phantom, shared_data):
    """Against a normal PA picture (NIH 00000846_000): region means within 30 of 255."""
    real = Image.open(shared_data / "nih" / "00000846_000.png").convert("L")
    ours = dcmread(phantom).pixel_array / 4095 * 255
    regions = {
        "right lung": (0.3, 0.55, 0.15, 0.35),
        "left lung": (0.3, 0.55, 0.65, 0.85),
        "mediastinum": (0.3, 0.55, 0.45, 0.55),
        "heart": (0.6, 0.68, 0.55, 0.65),
        "liver": (0.85, 0.95, 0.2, 0.35),
    }
    means = {
        name: (_mean(ours, box), _mean(np.asarray(real), box)) for name, box in regions.items()
    }
    assert {name: pair for name, pair in means.items() if abs(pair[0] - pair[1]) > 30} == {}


def _mean(picture, box) -> float:
    height, width = picture.shape
    top, bottom, left, right = box
    rows = slice(int(height * top), int(height * bottom))
    return float(picture[rows, int(width * left) : int(width * right)].mean())
