"""No engine writes home or tells anybody: their libraries would, in native code too."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

MODEL = Path(__file__).resolve().parents[1] / "data" / "tiny.onnx"

# Python's audit events see what Python code opens; strace, where it is, sees native code too.
PROGRAM = """
import sys
asked = []
sys.addaudithook(lambda event, _: asked.append(event) if event.startswith("socket.") else None)
import pathlib
from cxr_edge.engines import load_engine
engine = load_engine(sys.argv[1], pathlib.Path(sys.argv[2]).read_bytes(), 1)
import numpy as np
engine.run({"pixels": np.zeros((1, 1, 16, 16), np.float32)})
engine.close()
loaded = [name for name in ("requests", "openvino_telemetry") if sys.modules.get(name)]
print(asked, loaded)
"""


def _run(name: str, home: Path, prefix: list[str]) -> str:
    environment = {
        **{k: v for k, v in os.environ.items() if k not in ("CI", "ORT_DISABLE_TELEMETRY")},
        "HOME": str(home),
        "XDG_CACHE_HOME": "",
        "CXR_EDGE_ENGINES": f"{home}-plans",  # what TensorRT builds is kept, where we say
        "OMP_NUM_THREADS": "1",
    }
    command = [*prefix, sys.executable, "-c", PROGRAM, name, str(MODEL)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_an_engine_leaves_no_file_and_asks_for_no_socket(engine_name: str, tmp_path: Path) -> None:
    assert _run(engine_name, tmp_path, []) == "[] []"
    assert list(tmp_path.rglob("*")) == []


def test_native_code_opens_no_socket(engine_name: str, tmp_path: Path) -> None:
    """OpenVINO asks for its server at once; ONNX Runtime later, but leaves its files at once."""
    if shutil.which("strace") is None:
        pytest.skip("strace is not installed")
    log = tmp_path / "calls"
    prefix = ["strace", "-f", "-qq", "-e", "trace=socket,connect,sendto", "-o", str(log)]
    (tmp_path / "home").mkdir()
    _run(engine_name, tmp_path / "home", prefix)
    assert [line for line in log.read_text().splitlines() if "AF_INET" in line] == []


def test_building_a_plan_opens_no_socket_and_writes_nowhere_else(tmp_path: Path) -> None:
    pytest.importorskip(
        "tensorrt_rtx_bindings", reason="tensorrt-rtx-cu13-bindings is not installed"
    )
    if shutil.which("strace") is None:
        pytest.skip("strace is not installed")
    home, log = tmp_path / "home", tmp_path / "calls"
    home.mkdir()
    bundle = Path(__file__).resolve().parents[2] / "runtime" / "data" / "bundle"
    command = [
        *("strace", "-f", "-qq", "-e", "trace=socket,connect,sendto", "-o", str(log)),
        *(sys.executable, "-m", "cxr_edge.export", "--engine", "tensorrt-rtx"),
        *("--bundle", str(bundle), "--out", str(tmp_path / "plans")),
    ]
    environment = {**os.environ, "HOME": str(home), "XDG_CACHE_HOME": ""}
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert [line for line in log.read_text().splitlines() if "AF_INET" in line] == []
    assert list(home.rglob("*")) == []
