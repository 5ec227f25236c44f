"""What ``cxr-run doctor`` says of engines: required against found, and what to do."""

import json
import subprocess
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path

import pytest

from cxr_edge.engines import ENGINES, ONLY_BY_NAME

Run = Callable[..., "subprocess.CompletedProcess[str]"]


def distribution(folder: Path, name: str, number: str) -> None:
    """What Python takes for an installed package, without any code."""
    about = folder / f"{name.replace('-', '_')}-{number}.dist-info"
    about.mkdir()
    (about / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {number}\n")


def test_each_engine_says_what_it_needs_and_what_is_here(cxr: Run) -> None:
    done = cxr("cxr-run", "doctor", "--json")
    assert done.returncode == 0, done.stderr
    engines = json.loads(done.stdout)["engines"]
    assert list(engines) == list(ENGINES)
    for name, engine in engines.items():
        assert engine["automatic"] == (name not in ONLY_BY_NAME)
        missing = [need for need in engine["needs"] if need["fix"]]
        if engine["available"]:
            assert not missing
        for need in engine["needs"]:
            assert need["found"] or need["fix"]
    (need,) = engines["cpu"]["needs"]
    assert need == {
        "name": "onnxruntime",
        "required": "1.24",
        "found": version("onnxruntime"),
        "fix": None,
    }


def test_two_runtimes_are_told_apart_and_nothing_is_ready(
    cxr: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """OpenVINO would run, but a plain cxr-run does not choose it."""
    distribution(tmp_path, "onnxruntime-gpu", "1.31.1")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    done = cxr("cxr-run", "doctor")
    assert done.returncode == 1
    assert "pip uninstall -y onnxruntime onnxruntime-gpu" in done.stdout
    assert done.stdout.rstrip().endswith("not ready: see the lines marked NO")
    refused = cxr("cxr-run", "doctor", "--engine", "cpu")
    assert refused.returncode == 2


def test_a_package_that_is_too_old_is_named_with_the_fix(
    cxr: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    distribution(tmp_path, "openvino", "2024.6.0")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    engine = json.loads(cxr("cxr-run", "doctor", "--json").stdout)["engines"]["openvino"]
    assert not engine["available"]
    assert engine["needs"] == [
        {
            "name": "openvino",
            "required": "2026.0",
            "found": "2024.6.0",
            "fix": "run: pip install --upgrade 'cxr-edge[openvino]'",
        }
    ]
    assert engine["detail"].startswith("openvino 2024.6.0 is installed, 2026.0 or later is needed")
