"""What is read from library files, against binutils and the loader."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import onnxruntime
import pytest

from cxr_edge.engines.libraries import locate, needed, nvidia_driver, version_of

NATIVE = sorted(Path(onnxruntime.__file__).parent.glob("capi/*.so*"))


@pytest.mark.parametrize("path", NATIVE, ids=lambda p: p.name[:40])
def test_the_needed_libraries_are_those_readelf_prints(path: Path) -> None:
    if shutil.which("readelf") is None:
        pytest.skip("readelf is not installed")
    listed = subprocess.run(["readelf", "-dW", path], capture_output=True, text=True, check=True)
    assert needed(path) == re.findall(r"\(NEEDED\)\s+Shared library: \[(.+?)\]", listed.stdout)
    assert needed(path)


def test_what_is_no_library_needs_nothing(tmp_path: Path) -> None:
    whole = NATIVE[0].read_bytes()[:4096]
    for number, content in enumerate((b"", b"\x7fELF", whole[:70], whole[:500], b"MZ" * 600)):
        path = tmp_path / f"{number}.so"
        path.write_bytes(content)
        assert needed(path) == []
    assert needed(tmp_path / "nowhere.so") == []


def test_a_library_is_where_the_loader_finds_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("LD_LIBRARY_PATH", raising=False)
    listed = subprocess.run(["ldd", sys.executable], capture_output=True, text=True)
    found = dict(re.findall(r"(\S+) => (/\S+)", listed.stdout))
    if "libc.so.6" not in found:
        pytest.skip("ldd tells nothing of this Python")
    assert locate("libc.so.6") == Path(found["libc.so.6"]).resolve()
    assert locate("libnothing.so.9") is None


def test_folders_of_the_user_and_of_wheels_come_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wheel = tmp_path / "site" / "nvidia" / "cudnn" / "lib"
    own = tmp_path / "own"
    for folder in (wheel, own):
        folder.mkdir(parents=True)
        (folder / "libcudnn.so.9.13.0").write_bytes(b"")
        (folder / "libcudnn.so.9").symlink_to("libcudnn.so.9.13.0")
    monkeypatch.setattr(sys, "path", [str(tmp_path / "site"), *sys.path])
    monkeypatch.setenv("LD_LIBRARY_PATH", "")
    assert locate("libcudnn.so.9") == wheel / "libcudnn.so.9.13.0"
    monkeypatch.setenv("LD_LIBRARY_PATH", str(own))
    place = locate("libcudnn.so.9")
    assert place == own / "libcudnn.so.9.13.0"
    assert version_of(place) == "9.13.0"
    assert version_of(Path("libonnxruntime.so")) == "libonnxruntime.so"


def test_the_driver_is_that_of_the_kernel(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    text = (
        "NVRM version: NVIDIA UNIX Open Kernel Module for x86_64  580.65.06  Release Build\n"
        "GCC version:  gcc version 13.3.0\n"
    )
    (tmp_path / "version").write_text(text)
    monkeypatch.setattr("cxr_edge.engines.libraries._DRIVER", tmp_path / "version")
    assert nvidia_driver() == "580.65.06"
    monkeypatch.setattr("cxr_edge.engines.libraries._DRIVER", tmp_path / "nowhere")
    assert nvidia_driver() is None
