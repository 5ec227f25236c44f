"""ONNX Runtime on an NVIDIA GPU, through its CUDA execution provider.

Inputs and outputs live in device buffers that are allocated once per shape; at batch 1 the whole
network is captured as a CUDA graph and replayed. Precision is that of the bundle: FP32 stays FP32
(no TF32), and FP16 is a matter of the graph.

``auto`` asks here first on every machine: what only a GPU needs is imported where it is used.
"""

from dataclasses import replace
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from cxr_edge.engines.base import NONE, Arrays, Axes, EngineInfo, Probe, Weights
from cxr_edge.engines.packages import Need, both_runtimes, package, present
from cxr_edge.errors import BundleError, EngineUnavailable

PROVIDER = "CUDAExecutionProvider"
PROBE_NETWORK = Path(__file__).parents[1] / "data" / "probe.onnx"

_PROGRAM = Path(__file__).with_name("cuda_child.py")
_LIBRARY = "libonnxruntime_providers_cuda.so"
_WHY = r"Failed to load library \S+ with error: (.+)"
_WHEELS = {
    "libcublas": "nvidia-cublas",
    "libcublasLt": "nvidia-cublas",
    "libcudart": "nvidia-cuda-runtime",
    "libcudnn": "nvidia-cudnn-cu13",
    "libcufft": "nvidia-cufft",
    "libcurand": "nvidia-curand",
}
"""NVIDIA's wheel that holds a library, for CUDA 13."""


def libraries() -> dict[str, Path | None]:
    """Libraries of CUDA and its driver that the installed provider asks for, and where they are."""
    from importlib.util import find_spec

    from cxr_edge.engines.libraries import locate, needed

    spec = find_spec("onnxruntime")
    folders = [Path(place) for place in (spec.submodule_search_locations or [])] if spec else []
    names = [name for folder in folders for name in needed(folder / "capi" / _LIBRARY)]
    return {name: locate(name) for name in names if name.startswith(("libcu", "libnv"))}


def needs() -> list[Need]:
    """The package and, where it is installed, the libraries that its provider asks for."""
    need = package("onnxruntime-gpu", "gpu")
    if need.found is None:
        return [replace(need, fix=_install())]
    return [need, *(_library(name, place) for name, place in libraries().items())]


def _install() -> str:
    # The plain package has to go first: the two overwrite each other.
    remove = "pip uninstall -y onnxruntime && " if present("onnxruntime") else ""
    return f"run: {remove}pip install 'cxr-edge[gpu]'"


def _wheel(library: str) -> str | None:
    return _WHEELS.get(library.partition(".")[0])


def _library(name: str, place: Path | None) -> Need:
    if place is not None:
        from cxr_edge.engines.libraries import version_of

        return Need(name, "", version_of(place), None)
    if wheel := _wheel(name):
        return Need(name, "", None, f"run: pip install {wheel}")
    driver = name.startswith(("libcuda.", "libnvidia-"))
    return Need(name, "", None, f"install the NVIDIA {'driver' if driver else 'CUDA toolkit'}")


def probe() -> Probe:
    """Look at what is installed and, if all of it is there, try it in a process of its own."""
    if not present("onnxruntime-gpu"):
        return Probe(False, f"onnxruntime-gpu is not installed; {_install()}")
    from cxr_edge.engines.probing import ask

    need, *others = needs()
    missing = [library for library in others if library.fix]
    trouble = need.complaint or both_runtimes("gpu")
    if missing and not trouble:
        # One command for all wheels.
        wheels = sorted({w for library in missing if (w := _wheel(library.name))})
        fixes = [f"run: pip install {' '.join(wheels)}"] if wheels else []
        fixes += dict.fromkeys(str(lib.fix) for lib in missing if not _wheel(lib.name))
        verb = "is" if len(missing) == 1 else "are"
        names = ", ".join(library.name for library in missing)
        trouble = f"{names} {verb} missing; {'; '.join(fixes)}"
    if trouble:
        return Probe(False, trouble)
    return ask(_PROGRAM, str(PROBE_NETWORK), log=_WHY)


class _CudaSession:
    """A session on the GPU that keeps to the protocol of ``Engine``."""

    def __init__(self, model: bytes, threads: int, weights: Weights, resident: Arrays) -> None:
        from cxr_edge.engines.cuda_device import Device
        from cxr_edge.engines.onnxruntime_binding import BoundSession
        from cxr_edge.engines.onnxruntime_session import open_session, runtime

        ort = runtime("onnxruntime-gpu")
        plain = {"device_id": "0", "use_tf32": "0"}
        try:
            graph = [(PROVIDER, {**plain, "enable_cuda_graph": "1"})]
            session = open_session(ort, model, weights, threads, graph)
            capture = True
        except BundleError:
            # The library refuses to capture a network with a node it leaves to the processor.
            session = open_session(ort, model, weights, threads, [(PROVIDER, plain)])
            capture = False
        self._device = Device()
        self._bound = BoundSession(
            ort, session, "cuda", capture=capture, resident=resident, staging=self._device.pinned
        )
        self.info = EngineInfo("cuda", f"onnxruntime-gpu {ort.__version__}", PROVIDER, threads)

    def run(self, inputs: Arrays) -> dict[str, NDArray[Any]]:
        try:
            return self._bound.run(inputs)
        except Exception as problem:
            from cxr_edge.engines.onnxruntime_session import reason

            raise EngineUnavailable(
                f"engine cuda failed while running: {reason(problem)}; try --engine cpu"
            ) from None

    def close(self) -> None:
        vars(self).pop("_bound", None)  # a second close does nothing
        self._device.close()


def load(
    model: bytes,
    threads: int,
    weights: Weights = NONE,
    resident: Arrays = NONE,
    _axes: Axes = NONE,
) -> _CudaSession:
    """Load an ONNX graph on the first GPU; see ``EngineModule``.

    Raises:
        EngineUnavailable: the library does not import, or it took another provider.
        BundleError: the graph is not one it can load.
    """
    return _CudaSession(model, threads, weights, resident)
