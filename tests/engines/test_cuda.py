"""The CUDA engine where there is no GPU: it says what is missing, and never runs anything else.

The libraries are stand-ins that are broken in one way each; the processes that load them are real.
"""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from cxr_edge.engines import onnxruntime_cuda
from cxr_edge.engines.onnxruntime_cuda import libraries, load, probe
from cxr_edge.engines.probing import ask
from cxr_edge.errors import EngineUnavailable

MODEL = (Path(__file__).resolve().parents[1] / "data" / "tiny.onnx").read_bytes()
DRIVER = """
int cuInit(unsigned flags) {{ return {init}; }}
int cuGetErrorName(int code, const char **name) {{ *name = "CUDA_ERROR_NO_DEVICE"; return 0; }}
int cuDeviceGetCount(int *count) {{ *count = {count}; return 0; }}
int cuDriverGetVersion(int *version) {{ *version = 13000; return 0; }}
int cuDeviceGet(int *device, int number) {{ *device = number; return 0; }}
int cuDeviceGetName(char *name, int size, int device) {{
    __builtin_strcpy(name, "A stand-in"); return 0;
}}
"""
RUNTIME = """
__version__ = "1.31.1"
CUDA = "CUDAExecutionProvider"
class SessionOptions: pass
def get_available_providers(): return [CUDA, "CPUExecutionProvider"]
def preload_dlls(): print("Failed to load libcublasLt.so.13")
class InferenceSession:
    def __init__(self, model, options, providers): pass
    def get_providers(self): return [CUDA, "CPUExecutionProvider"]
    def run(self, names, feed): return [feed["pixels"].sum((2, 3)) * 5.0625]
"""

Machine = Callable[..., None]


@pytest.fixture
def machine(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    installed: Callable[[dict[str, str]], None],
) -> Machine:
    """Takes what the driver answers and what the package does, and makes such a machine."""
    if shutil.which("gcc") is None:
        pytest.skip("gcc is not installed, which makes the stand-in of the driver")
    ask.cache_clear()
    installed({"onnxruntime-gpu": "1.31.1"})

    def make(package: str = RUNTIME, *, driver: bool = True, init: int = 0, count: int = 1) -> None:
        (tmp_path / "onnxruntime.py").write_text(package)
        monkeypatch.setenv("PYTHONPATH", str(tmp_path))
        if driver:
            compiled(tmp_path / "libcuda.so.1", DRIVER.format(init=init, count=count))
            monkeypatch.setenv("LD_LIBRARY_PATH", str(tmp_path))

    return make


def compiled(library: Path, code: str, *needs: Path) -> None:
    subprocess.run(
        [
            *("gcc", "-shared", "-fPIC", "-Wl,--no-as-needed", "-x", "c", "-", "-o", library),
            *("-x", "none", *needs, f"-Wl,-soname,{library.name}"),
        ],
        input=code.encode(),
        check=True,
    )


def test_a_gpu_that_computes_right_is_available(machine: Machine) -> None:
    machine()
    answer = probe()
    assert answer.available, answer.detail
    assert answer.detail == (
        "onnxruntime-gpu 1.31.1, CUDAExecutionProvider, A stand-in, driver for CUDA 13.0"
    )


def test_without_a_driver(machine: Machine) -> None:
    machine(driver=False)
    if (found := probe()).detail.startswith("the NVIDIA driver"):
        pytest.skip(f"this machine has a driver: {found.detail}")
    assert not found.available
    assert "no NVIDIA driver here (libcuda.so.1 does not load)" in found.detail


@pytest.mark.parametrize(
    ("answers", "reason"),
    [
        ({"init": 100}, r"the NVIDIA driver answers CUDA_ERROR_NO_DEVICE \(100\)"),
        ({"count": 0}, "the NVIDIA driver sees no GPU; CUDA_VISIBLE_DEVICES may hide it"),
        ({"init": "*(volatile int *)0"}, "ended by SIGSEGV while asking the NVIDIA driver"),
    ],
)
def test_a_driver_that_does_not_work(machine: Machine, answers: dict, reason: str) -> None:
    machine(**answers)
    with pytest.raises(EngineUnavailable, match=reason):
        onnxruntime_cuda_engine()


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ("raise ImportError('libcudart is gone')", "does not import (libcudart is gone)"),
        ("import os; os.abort()", "ended by SIGABRT while importing onnxruntime"),
        (
            "def get_available_providers(): return ['CPUExecutionProvider']",
            "this onnxruntime has no CUDAExecutionProvider, only CPUExecutionProvider",
        ),
        (
            "import os\ndef preload_dlls(): os.abort()",
            "ended by SIGABRT while loading the CUDA libraries",
        ),
        (
            "InferenceSession.get_providers = lambda self: ['CPUExecutionProvider']",
            "asked for CUDAExecutionProvider, ONNX Runtime took CPUExecutionProvider",
        ),
        (
            "InferenceSession.get_providers = lambda self: print('Failed to load library /x/y.so "
            "with error: libcudnn.so.9: no such file', flush=True) or ['CPUExecutionProvider']",
            "ONNX Runtime took CPUExecutionProvider (libcudnn.so.9: no such file)",
        ),
        (
            "import os\nInferenceSession.run = lambda *a: os.abort()",
            "ended by SIGABRT while running a convolution on the GPU",
        ),
        (
            "InferenceSession.run = lambda *a: 1 / 0",
            "A stand-in, driver for CUDA 13.0 cannot run a convolution: division by zero",
        ),
        (
            "InferenceSession.run = lambda *a: [a[2]['pixels'] * 0]",
            "A stand-in, driver for CUDA 13.0 computes wrong: 0.0 instead of 324.0",
        ),
    ],
)
def test_a_package_that_does_not_work(machine: Machine, change: str, reason: str) -> None:
    machine(f"{RUNTIME}\n{change}\n")
    with pytest.raises(EngineUnavailable) as caught:
        onnxruntime_cuda_engine()
    assert reason in str(caught.value)
    assert "\n" not in str(caught.value)


def onnxruntime_cuda_engine() -> None:
    from cxr_edge.engines import load_engine

    load_engine("cuda", MODEL)


def test_missing_libraries_are_named_with_their_wheels(
    machine: Machine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Read from the provider's own file, before anything is loaded."""
    machine(driver=False)
    (tmp_path / "onnxruntime.py").unlink()
    capi = tmp_path / "onnxruntime" / "capi"
    capi.mkdir(parents=True)
    (tmp_path / "onnxruntime" / "__init__.py").write_text("raise ImportError('not to be loaded')")
    needs = [tmp_path / f"lib{name}" for name in ("cublasLt.so.13", "cudart.so.13", "cuda.so.1")]
    for library in needs:
        compiled(library, "")
    compiled(capi / "libonnxruntime_providers_cuda.so", "", *needs)
    monkeypatch.delitem(sys.modules, "onnxruntime", raising=False)
    # Neither the wheels nor the libraries of this machine count.
    monkeypatch.setattr(sys, "path", [str(tmp_path)])
    monkeypatch.setattr("cxr_edge.engines.libraries._loader_cache", dict)
    monkeypatch.delenv("LD_LIBRARY_PATH", raising=False)
    assert libraries() == dict.fromkeys(library.name for library in needs)
    assert probe().detail == (
        "libcublasLt.so.13, libcudart.so.13, libcuda.so.1 are missing; run: pip install "
        "nvidia-cublas nvidia-cuda-runtime; install the NVIDIA driver"
    )
    monkeypatch.setenv("LD_LIBRARY_PATH", str(tmp_path))
    (tmp_path / "libcudart.so.13").unlink()
    assert libraries()["libcuda.so.1"] == tmp_path / "libcuda.so.1"
    assert probe().detail == ("libcudart.so.13 is missing; run: pip install nvidia-cuda-runtime")


def test_a_session_that_falls_back_is_refused() -> None:
    """The plain package takes the processor with no more than a notice."""
    import onnxruntime

    if onnxruntime_cuda.PROVIDER in onnxruntime.get_available_providers():
        pytest.skip("this onnxruntime was built with CUDA")
    with pytest.raises(EngineUnavailable, match=r"this onnxruntime has .*CPUExecutionProvider"):
        load(MODEL, 1)


def test_the_command_ends_with_one_line_and_code_1(phantom: Path) -> None:
    if probe().available:
        pytest.skip("this machine has a GPU")
    done = subprocess.run(
        [Path(sys.executable).with_name("cxr-run"), phantom, "--engine", "cuda"],
        capture_output=True,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    assert done.returncode == 1
    assert done.stdout == ""
    assert done.stderr.startswith("cxr-run: engine cuda cannot run here: ")
    assert done.stderr.count("\n") == 1
