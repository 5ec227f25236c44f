"""TensorRT where there is no GPU: reasons, plans and buffers, with stand-ins of driver and library.

The stand-ins are broken in one way each. That the real library computes on a real GPU was not run.
"""

import ctypes
import importlib.util
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from cxr_edge.engines import ENGINES, ONLY_BY_NAME, cuda_device, tensorrt, tensorrt_rtx
from cxr_edge.engines.probing import ask
from cxr_edge.engines.tensorrt_library import TENSORRT, library
from cxr_edge.errors import BundleError, EngineUnavailable

STANDIN = Path(__file__).with_name("tensorrt_standin.py")
DRIVER = """
#include <stdlib.h>
#include <string.h>
typedef unsigned long long place;
typedef struct {{ void *to, *from; size_t size; void (*work)(void); }} step;
typedef struct {{ step steps[64]; int count; }} tape;
int live = 0, launches = 0, refusal = 0;
static int recording = 0;
static tape now;
static int copy(void *to, void *from, size_t size) {{
    if (recording) now.steps[now.count++] = (step){{to, from, size, 0}};
    else memcpy(to, from, size);
    return 0;
}}
int work(void (*what)(void)) {{
    if (recording) now.steps[now.count++] = (step){{0, 0, 0, what}};
    return recording;
}}
int cuStreamBeginCapture_v2(void *stream, int mode) {{
    recording = 1; now.count = 0; return mode == 1 ? 0 : 1;
}}
int cuStreamEndCapture(void *stream, void **graph) {{
    recording = 0; *graph = 0;
    if (refusal) return refusal;
    live++; *graph = memcpy(malloc(sizeof now), &now, sizeof now); return 0;
}}
int cuGraphInstantiateWithFlags(void **ready, void *graph, unsigned long long flags) {{
    live++; *ready = memcpy(malloc(sizeof now), graph, sizeof now); return 0;
}}
int cuGraphDestroy(void *graph) {{ free(graph); live--; return 0; }}
int cuGraphExecDestroy(void *ready) {{ free(ready); live--; return 0; }}
int cuGraphLaunch(void *ready, void *stream) {{
    tape *all = ready;
    for (int k = 0; k < all->count; k++)
        if (all->steps[k].work) all->steps[k].work();
        else memcpy(all->steps[k].to, all->steps[k].from, all->steps[k].size);
    launches++; return 0;
}}
int cuMemHostAlloc(void **at, size_t size, unsigned flags) {{
    *at = malloc(size); live++; return 0;
}}
int cuMemFreeHost(void *at) {{ free(at); live--; return 0; }}
int cuMemcpyDtoDAsync_v2(place to, place from, size_t size, void *stream) {{
    return copy((void *)to, (void *)from, size);
}}
int cuMemGetInfo_v2(size_t *unused, size_t *all) {{
    *unused = 5u << 20; *all = 6u << 20; return 0;
}}
int cuInit(unsigned flags) {{ return {init}; }}
int cuGetErrorName(int code, const char **name) {{ *name = "CUDA_ERROR_NO_DEVICE"; return 0; }}
int cuDriverGetVersion(int *version) {{ *version = 13000; return 0; }}
int cuDeviceGet(int *device, int number) {{ *device = number; return 0; }}
int cuDeviceGetName(char *name, int size, int device) {{ strcpy(name, "A card"); return 0; }}
int cuDeviceGetAttribute(int *value, int what, int device) {{
    *value = what == 75 ? 8 : 9; return 0;
}}
int cuDevicePrimaryCtxRetain(void **context, int device) {{ *context = &live; return 0; }}
int cuDevicePrimaryCtxRelease_v2(int device) {{ return 0; }}
int cuCtxSetCurrent(void *context) {{ return context == &live ? 0 : 201; }}
int cuStreamCreate(void **stream, unsigned flags) {{ *stream = &live; return 0; }}
int cuStreamDestroy_v2(void *stream) {{ return 0; }}
int cuStreamSynchronize(void *stream) {{ return 0; }}
int cuMemAlloc_v2(place *at, size_t size) {{ *at = (place)malloc(size); live++; return 0; }}
int cuMemFree_v2(place at) {{ free((void *)at); live--; return 0; }}
int cuMemcpyHtoDAsync_v2(place to, void *from, size_t size, void *stream) {{
    return copy((void *)to, from, size);
}}
int cuMemcpyDtoHAsync_v2(void *to, place from, size_t size, void *stream) {{
    return copy(to, (void *)from, size);
}}
"""


@pytest.fixture
def driver(tmp_path: Path) -> Callable[..., Path]:
    """Makes a stand-in of the driver whose cuInit answers as told."""
    if shutil.which("gcc") is None:
        pytest.skip("gcc is not installed, which makes the stand-in of the driver")

    def make(init: str = "0") -> Path:
        place = tmp_path / "libcuda.so.1"
        code = DRIVER.format(init=init).encode()
        command = ["gcc", "-shared", "-fPIC", "-x", "c", "-", "-o", place]
        subprocess.run(command, input=code, check=True)
        return place

    return make


@pytest.fixture
def machine(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    installed: Callable[[dict[str, str]], None],
    driver: Callable[..., Path],
) -> Callable[..., None]:
    """Takes what follows the library's code and what the driver answers; other processes see it."""
    ask.cache_clear()
    installed({"tensorrt": "11.4.0"})

    def make(change: str = "", init: str = "0") -> None:
        driver(init)
        (tmp_path / "tensorrt.py").write_text(STANDIN.read_text() + change)
        monkeypatch.setenv("PYTHONPATH", str(tmp_path))
        monkeypatch.setenv("LD_LIBRARY_PATH", str(tmp_path))

    return make


@pytest.fixture
def here(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, driver: Callable[..., Path]
) -> Iterator[ModuleType]:
    """The stand-ins in this process, with a cache of their own."""
    monkeypatch.setattr(cuda_device, "LIBRARY", str(driver()))
    monkeypatch.setenv("CXR_EDGE_ENGINES", str(tmp_path / "engines"))
    spec = importlib.util.spec_from_file_location("tensorrt", STANDIN)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    monkeypatch.setitem(sys.modules, "tensorrt", module)
    module.DRIVER.append(ctypes.CDLL(cuda_device.LIBRARY))
    yield module
    live = ctypes.c_int.in_dll(ctypes.CDLL(cuda_device.LIBRARY), "live")
    assert live.value == 0, "memory or a graph was not given back"


def sums(pixels: np.ndarray) -> np.ndarray:
    return pixels.astype(np.float64).sum((2, 3)) * 5.0625


def test_auto_tries_both_before_the_others() -> None:
    assert list(ENGINES)[:3] == ["tensorrt", "tensorrt-rtx", "cuda"]
    assert not ONLY_BY_NAME & {"tensorrt", "tensorrt-rtx"}


def test_a_machine_where_all_works(machine: Callable[..., None]) -> None:
    machine()
    answer = tensorrt.probe()
    assert answer.available, answer.detail
    assert answer.detail == "tensorrt 11.4.0, A card, compute capability 8.9"


@pytest.mark.parametrize(
    ("change", "init", "reason"),
    [
        ("raise OSError('libnvinfer.so.11: no such file')", "0", "does not load (libnvinfer.so.11"),
        ("import os; os.abort()", "0", "was ended by SIGABRT while importing tensorrt"),
        ("del NetworkDefinitionCreationFlag.STRONGLY_TYPED", "0", "does not load"),
        (
            "class NetworkDefinitionCreationFlag: EXPLICIT_BATCH = 0",
            "0",
            "knows no strongly typed networks, 10.12 or later is needed; run: pip install",
        ),
        ("", "100", "CUDA_ERROR_NO_DEVICE (100) to cuInit; nvidia-smi"),
        ("", "*(volatile int *)0", "was ended by SIGSEGV while asking the NVIDIA driver"),
        (
            "answers.update(validity=2, diagnostics=2)",
            "0",
            "refuses A card (compute capability 8.9): UNSUPPORTED_CC; use --engine cuda or cpu",
        ),
        ("answers['engine'] = False", "0", "A card: the plan is of another world; try --engine"),
        ("seen.clear()", "0", "while building a network"),
        ("nptype = lambda kind: np.float64", "0", "input pixels is float32"),
    ],
)
def test_a_machine_where_something_does_not(
    machine: Callable[..., None], change: str, init: str, reason: str
) -> None:
    machine(change, init)
    answer = tensorrt.probe()
    assert not answer.available
    assert reason in answer.detail
    assert "\n" not in answer.detail


def test_without_the_package(installed: Callable[[dict[str, str]], None]) -> None:
    installed({})
    for module, package, extra in (
        (tensorrt, "tensorrt", "tensorrt"),
        (tensorrt_rtx, "tensorrt-rtx-cu13-bindings", "rtx"),
    ):
        answer = module.probe()
        assert not answer.available
        assert answer.detail == (
            f"{package} is not installed; run: pip install 'cxr-edge[{extra}]'"
        )


def test_bindings_without_their_libraries(installed: Callable[[dict[str, str]], None]) -> None:
    installed({"tensorrt-rtx-cu13-bindings": "1.7.1.116"})
    assert tensorrt_rtx.probe().detail == (
        "tensorrt-rtx-cu13-libs is not installed; run: pip install 'cxr-edge[rtx]'"
    )


def test_a_version_that_is_too_old(installed: Callable[[dict[str, str]], None]) -> None:
    installed({"tensorrt": "10.9.0"})
    assert tensorrt.probe().detail == (
        "tensorrt 10.9.0 is installed, 10.12 or later is needed; run: "
        "pip install --upgrade 'cxr-edge[tensorrt]'"
    )


@pytest.mark.parametrize("name", ["tensorrt", "tensorrt-rtx"])
def test_named_where_it_cannot_run_is_an_error_and_nothing_else_runs(
    name: str, phantom: Path
) -> None:
    if (module := {"tensorrt": tensorrt, "tensorrt-rtx": tensorrt_rtx}[name]).probe().available:
        pytest.skip(f"{name} runs here: {module.probe().detail}")
    command = [sys.executable, "-m", "cxr_edge.cli", "--engine", name, str(phantom)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 1
    assert done.stdout == ""
    (line,) = done.stderr.splitlines()
    assert f"engine {name} cannot run here: {module.probe().detail}" in line


@pytest.mark.parametrize("count", [1, 3, 64, 65, 130])
def test_buffers_and_parts(here: ModuleType, count: int) -> None:
    engine = tensorrt.load(b"graph", 1)
    chance = np.random.default_rng(count)
    for rows in (1, count):  # the buffers grow in between
        pixels = chance.standard_normal((rows, 1, 8, 8)).astype(np.float32)
        got = engine.run({"pixels": pixels})
        np.testing.assert_allclose(got["sums"], sums(pixels), rtol=1e-4, atol=1e-3)
    assert max(shape[0] for shape in here.seen["shapes"]) <= 64
    assert engine.info.name == "tensorrt"
    assert engine.info.version == "tensorrt 11.4.0"
    assert engine.info.provider == "A card"
    engine.close()
    engine.close()


def launches() -> int:
    return ctypes.c_int.in_dll(ctypes.CDLL(cuda_device.LIBRARY), "launches").value


def test_a_single_picture_is_recorded_once_and_replayed(here: ModuleType) -> None:
    engine = tensorrt.load(b"graph", 1)
    chance = np.random.default_rng(0)
    for count in (1, 1, 5, 1, 64, 1):
        pixels = chance.standard_normal((count, 1, 8, 8)).astype(np.float32)
        got = engine.run({"pixels": pixels})
        np.testing.assert_allclose(got["sums"], sums(pixels), rtol=1e-4, atol=1e-3)
    # The first run of a shape is plain, and no batch above one is recorded.
    assert launches() == 3
    engine.close()


def test_a_network_that_cannot_be_recorded_is_run_as_before(
    here: ModuleType,
) -> None:
    engine = tensorrt.load(b"graph", 1)
    refusal = ctypes.c_int.in_dll(here.DRIVER[0], "refusal")
    refusal.value = 900  # CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED
    for seed in range(4):
        pixels = np.random.default_rng(seed).standard_normal((1, 1, 8, 8)).astype(np.float32)
        got = engine.run({"pixels": pixels})
        np.testing.assert_allclose(got["sums"], sums(pixels), rtol=1e-4, atol=1e-3)
    assert launches() == 0
    engine.close()


def test_memory_of_the_device_and_page_locked_memory(here: ModuleType) -> None:
    device = cuda_device.Device()
    assert device.free_memory() == 5 << 20
    waiting = device.pinned((3, 4), np.float32)
    waiting[:] = np.arange(12, dtype=np.float32).reshape(3, 4)
    first, second = device.buffer("a", 48), device.buffer("b", 48)
    device.upload(first, waiting)
    device.copy(second, first, 48)
    back = device.pinned((3, 4), np.float32)
    device.download(back, second)
    device.wait()
    np.testing.assert_array_equal(back, np.arange(12).reshape(3, 4))
    live = ctypes.c_int.in_dll(here.DRIVER[0], "live")
    before = live.value
    del back
    assert live.value == before - 1, "page-locked memory goes with its array"
    device.close()


def test_rates_of_copies_are_taken_of_the_driver(here: ModuleType) -> None:
    from cxr_edge.benchmarks.gpu.rates import copy_rates

    rates = copy_rates(1, 2)
    assert {name: len(values) for name, values in rates.items()} == {"device": 2, "upload": 2}
    assert min(rates["device"] + rates["upload"]) > 0


def test_every_batch_has_its_profile(here: ModuleType) -> None:
    tensorrt.load(b"graph", 1).close()
    assert here.seen["profiles"] == [(1, 1, 1), (2, 8, 8), (9, 64, 64)]


def test_a_plan_for_more_than_this_version_and_chip(here: ModuleType, tmp_path: Path) -> None:
    """It is built as told, and taken from the cache by whoever may run it."""
    from cxr_edge.engines.cuda_device import Gpu
    from cxr_edge.engines.tensorrt_build import Options, build
    from cxr_edge.engines.tensorrt_cache import look_up, store
    from cxr_edge.engines.tensorrt_engine import plan_key

    options = Options(later_versions=True, hardware="ampere-plus")
    plan = build(TENSORRT, b"graph", {}, options=options)
    assert here.seen["options"] == ["VERSION_COMPATIBLE", "AMPERE_PLUS"]
    built_on, other = Gpu("A card", "8.9", 13), Gpu("Another", "12.0", 14)
    key = plan_key(TENSORRT, "11.4.0", b"graph", {}, built_on, options=options)
    store(tmp_path / "engines", key, plan.content, plan.types)
    later = plan_key(TENSORRT, "11.5.1", b"graph", {}, other, options=options)
    assert look_up(tmp_path / "engines", later).plan == plan.content
    # A plan of the next generation of the library is another one.
    newest = plan_key(TENSORRT, "12.0.0", b"graph", {}, other, options=options)
    assert look_up(tmp_path / "engines", newest).plan is None
    tensorrt.load(b"graph", 1).close()
    assert here.seen["builds"] == 1, "the plan that was there was not taken"


def test_what_is_resident_is_uploaded_once(here: ModuleType) -> None:
    """The rows of a search: given at loading, never again."""
    pixels = np.random.default_rng(0).standard_normal((1, 1, 8, 8)).astype(np.float32)
    here.answers["resident"] = True
    engine = tensorrt.load(b"graph", 1, {}, {"rows": pixels * 2})
    for _ in range(3):
        got = engine.run({"pixels": pixels})
        np.testing.assert_allclose(got["sums"], sums(pixels) * 3, rtol=1e-4, atol=1e-3)
    engine.close()


def test_an_array_that_is_not_contiguous(here: ModuleType) -> None:
    engine = tensorrt.load(b"graph", 1)
    pixels = np.random.default_rng(0).standard_normal((8, 8, 1, 3)).astype(np.float32).T
    np.testing.assert_allclose(engine.run({"pixels": pixels})["sums"], sums(pixels), rtol=1e-3)
    engine.close()


def test_a_plan_is_built_once_and_damage_never_reaches_the_library(
    here: ModuleType, tmp_path: Path
) -> None:
    for _ in range(2):
        tensorrt.load(b"graph", 1).close()
    assert here.seen["builds"] == 1
    (plan,) = (tmp_path / "engines").glob("*.plan")
    plan.write_bytes(b"code of somebody else")
    tensorrt.load(b"graph", 1).close()
    assert here.seen["builds"] == 2
    here.__version__ = "11.5.0"
    tensorrt.load(b"graph", 1).close()
    assert here.seen["builds"] == 3
    assert here.seen["loaded"] == [here.PLAN] * 4


def test_inputs_that_do_not_fit_are_one_line(here: ModuleType) -> None:
    engine = tensorrt.load(b"graph", 1)
    pixels = np.ones((1, 1, 8, 8), np.float32)
    with pytest.raises(BundleError, match="takes pixels, given were ids"):
        engine.run({"ids": pixels})
    with pytest.raises(BundleError, match="is float64, expected float32"):
        engine.run({"pixels": pixels.astype(np.float64)})
    here.answers["shape"] = False
    with pytest.raises(BundleError, match="outside of the plan's profile"):
        engine.run({"pixels": pixels})
    here.answers.update(shape=True, runs=False)
    with pytest.raises(EngineUnavailable, match="failed while running"):
        engine.run({"pixels": pixels})
    engine.close()


def test_a_chip_that_is_refused_loads_nothing(here: ModuleType) -> None:
    here.answers.update(validity=2, diagnostics=3)
    with pytest.raises(EngineUnavailable, match="VERSION_MISMATCH, UNSUPPORTED_CC"):
        tensorrt.load(b"graph", 1)
    assert here.seen["loaded"] == []


def test_a_library_that_is_not_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "tensorrt", None)
    with pytest.raises(EngineUnavailable, match=r"tensorrt.*run: pip install"):
        library(TENSORRT)


def test_no_driver_is_one_line(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(cuda_device, "LIBRARY", str(tmp_path / "libcuda.so.1"))
    with pytest.raises(EngineUnavailable, match=r"no NVIDIA driver here .*install the driver"):
        cuda_device.Device()


@pytest.mark.skipif(os.name != "posix", reason="the check of permissions is of POSIX systems")
def test_a_cache_that_others_may_write_to_is_refused(here: ModuleType, tmp_path: Path) -> None:
    from cxr_edge.errors import OutputError

    (tmp_path / "engines").mkdir()
    (tmp_path / "engines").chmod(0o777)
    with pytest.raises(OutputError, match="chmod go-w"):
        tensorrt.load(b"graph", 1)
