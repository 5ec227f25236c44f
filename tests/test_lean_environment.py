"""The runtime in an environment that holds its own dependencies and nothing else."""

import json
import subprocess
import sys
import venv
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
ALLOWED = {
    "cxr-edge",
    "numpy",
    "pydicom",
    "click",
    "threadpoolctl",
    "onnxruntime",
    "flatbuffers",
    "protobuf",
    "packaging",
    "pip",
    "setuptools",
}


@pytest.fixture(scope="module")
def lean(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A fresh virtual environment with the wheel and the extra ``cpu``."""
    folder = tmp_path_factory.mktemp("lean")
    quiet = ["--quiet", "--disable-pip-version-check"]
    subprocess.run(
        [sys.executable, "-m", "pip", "wheel", *quiet, "--no-deps", "-w", str(folder), str(ROOT)],
        check=True,
    )
    venv.create(folder / "venv", with_pip=True)
    python = folder / "venv" / "bin" / "python"
    (wheel,) = folder.glob("*.whl")
    installed = subprocess.run(
        [str(python), "-m", "pip", "install", *quiet, f"{wheel}[cpu]"],
        capture_output=True,
        text=True,
    )
    if installed.returncode:
        pytest.skip(f"no package registry to install from: {installed.stderr.splitlines()[-1]}")
    return folder / "venv" / "bin"


def test_only_the_declared_dependencies_are_there(lean: Path) -> None:
    listed = subprocess.run(
        [str(lean / "python"), "-m", "pip", "list", "--format", "json"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert {package["name"].lower() for package in json.loads(listed.stdout)} <= ALLOWED


def test_a_report_is_drafted_from_the_wheel_alone(
    lean: Path, phantom: Path, tmp_path: Path
) -> None:
    """The embedded bundle and index travel in the wheel; nothing of the checkout is needed."""
    for form in ("json", "html", "sr"):
        done = subprocess.run(
            [str(lean / "cxr-run"), str(phantom), "--format", form, "--out", str(tmp_path / form)],
            capture_output=True,
            text=True,
            cwd="/",
        )
        assert done.returncode == 0, done.stderr
    assert json.loads((tmp_path / "json").read_text())["impression"]


def test_a_missing_decoder_is_named_with_its_extra(lean: Path, shared_data: Path) -> None:
    done = subprocess.run(
        [str(lean / "cxr-run"), str(shared_data / "dicom" / "pydicom_RG1_J2KI.dcm")],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
    assert "cxr-edge[codecs]" in done.stderr


def test_the_other_commands_explain_what_they_need(lean: Path, tmp_path: Path) -> None:
    for command in ("cxr-export", "cxr-train", "cxr-index", "cxr-bench"):
        done = subprocess.run([str(lean / command), "--help"], capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
    done = subprocess.run(
        [str(lean / "cxr-export"), "--model", "dcclip", "--out", str(tmp_path / "b")],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 1
    assert "cxr-edge[export]" in done.stderr
    assert done.stderr.count("\n") == 1
