"""Where reports go, and where they must not go."""

import json
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pydicom
import pytest
from pydicom.uid import generate_uid

CXR_RUN = str(Path(sys.executable).with_name("cxr-run"))


@pytest.fixture
def two_studies(phantom: Path, tmp_path: Path) -> Path:
    """A zip of two studies whose name does not say that it is one."""
    archive = tmp_path / "export.bin"
    with zipfile.ZipFile(archive, "w") as packed:
        for number in range(2):
            dataset = pydicom.dcmread(phantom)
            dataset.StudyInstanceUID = generate_uid()
            dataset.save_as(tmp_path / "one.dcm")
            packed.write(tmp_path / "one.dcm", f"{number}.dcm")
    return archive


def test_several_studies_never_share_one_file(cxr, two_studies: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.json"
    for arguments in ([two_studies], ["-"]):
        stdin = two_studies.read_bytes() if arguments == ["-"] else None
        done = cxr("cxr-run", *arguments, "--format", "json", "--out", out, stdin=stdin)
        assert done.returncode == 1
        assert "name a folder" in done.stderr
        assert len(done.stderr.splitlines()) == 1
        assert not out.exists()


def test_the_study_is_never_overwritten(cxr, phantom: Path, tmp_path: Path) -> None:
    study = tmp_path / "study.dcm"
    shutil.copy(phantom, study)
    done = cxr("cxr-run", study, "--format", "sr", "--out", study)
    assert done.returncode == 1
    assert "the study itself" in done.stderr
    assert study.read_bytes() == phantom.read_bytes()


def test_a_dash_is_standard_output(cxr, phantom: Path, tmp_path: Path) -> None:
    done = cxr("cxr-run", phantom, "--json", "--out", "-", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["impression"]
    assert list(tmp_path.iterdir()) == []


def test_a_file_name_cannot_drive_the_terminal(cxr, phantom: Path, tmp_path: Path) -> None:
    study = tmp_path / "a\x1b[31m\nb\u202e.dcm"
    shutil.copy(phantom, study)
    done = cxr("cxr-run", study, "--json", "--out", tmp_path / "out.json")
    assert done.returncode == 0
    assert len(done.stderr.splitlines()) == 1
    assert done.stderr.rstrip("\n").isprintable()


def test_an_empty_name_is_not_the_current_folder(cxr, phantom: Path, tmp_path: Path) -> None:
    shutil.copy(phantom, tmp_path)
    done = cxr("cxr-run", "", "--json", cwd=tmp_path)
    assert done.returncode == 1
    assert "the name is empty" in done.stderr


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")
def test_full_and_closed_streams_end_in_one_line(phantom: Path) -> None:
    cases = (
        (f"'{CXR_RUN}' '{phantom}' > /dev/full", "cannot write to standard output"),
        (f"'{CXR_RUN}' '{phantom}' --json >&-", "standard output is closed"),
        (f"'{CXR_RUN}' - --json <&-", "standard input is closed"),
    )
    for command, expected in cases:
        done = subprocess.run(["bash", "-c", command], capture_output=True, text=True)
        assert done.returncode == 1, command
        assert expected in done.stderr
        assert len(done.stderr.splitlines()) == 1, done.stderr


def test_html_is_utf8_under_any_locale(phantom: Path, monkeypatch) -> None:
    for encoding in ("ascii", "utf-8"):
        monkeypatch.setenv("PYTHONIOENCODING", encoding)
        done = subprocess.run([CXR_RUN, phantom, "--format", "html"], capture_output=True)
        assert done.returncode == 0
        assert "\N{MINUS SIGN}" in done.stdout.decode()


def test_doctor_loads_the_engine(tmp_path: Path, monkeypatch) -> None:
    (tmp_path / "onnxruntime.py").write_text("raise RuntimeError('half an installation')")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    done = subprocess.run([CXR_RUN, "doctor"], capture_output=True, text=True)
    assert done.returncode == 1, done.stdout
    assert "half an installation" in done.stdout
    assert "Traceback" not in done.stderr


def test_an_absurd_number_of_threads_is_refused(cxr, phantom: Path) -> None:
    for threads in (100_000, 10**20):
        done = cxr("cxr-run", phantom, "--threads", threads)
        assert done.returncode == 1
        assert "threads were asked for" in done.stderr
        assert len(done.stderr.splitlines()) == 1
