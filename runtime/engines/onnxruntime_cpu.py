"""The base engine: ONNX Runtime on the processor."""

from typing import Any

from numpy.typing import NDArray

from cxr_edge.engines.base import NONE, Arrays, Axes, EngineInfo, Probe, Weights
from cxr_edge.engines.onnxruntime_session import open_session, reason, runtime
from cxr_edge.engines.packages import Need, both_runtimes, package, present
from cxr_edge.errors import BundleError

PROVIDER = "CPUExecutionProvider"


def needs() -> list[Need]:
    """One package; where only the build for GPUs is installed, that one does as well."""
    if present("onnxruntime-gpu") and not present("onnxruntime"):
        return [package("onnxruntime-gpu", "gpu")]
    return [package("onnxruntime", "cpu")]


def probe() -> Probe:
    """Look at what is installed; importing the library is left to ``load``."""
    (need,) = needs()
    trouble = both_runtimes("cpu") or need.complaint
    if trouble:
        return Probe(False, trouble)
    return Probe(True, f"{need.name} {need.found}, {PROVIDER}")


class _Session:
    """An ONNX Runtime session that keeps to the protocol of ``Engine``."""

    def __init__(self, model: bytes, threads: int, weights: Weights, resident: Arrays) -> None:
        # The GPU build is imported as the plain one: its CUDA libraries are not wanted here.
        ort = runtime("onnxruntime")
        self._session = open_session(ort, model, weights, threads, [PROVIDER])
        self._resident = dict(resident)
        self._outputs = [output.name for output in self._session.get_outputs()]
        self.info = EngineInfo("cpu", f"onnxruntime {ort.__version__}", PROVIDER, threads)

    def run(self, inputs: Arrays) -> dict[str, NDArray[Any]]:
        try:
            values = self._session.run(None, {**self._resident, **inputs})
        except Exception as problem:
            raise BundleError(f"the network does not run on its input: {reason(problem)}") from None
        return dict(zip(self._outputs, values, strict=True))

    def close(self) -> None:
        vars(self).pop("_session", None)  # a second close does nothing
        vars(self).pop("_resident", None)


def load(
    model: bytes,
    threads: int,
    weights: Weights = NONE,
    resident: Arrays = NONE,
    _axes: Axes = NONE,
) -> _Session:
    """Load an ONNX graph on ``threads`` processors; see ``EngineModule``.

    Raises:
        EngineUnavailable: the library does not import or took another provider.
        BundleError: the graph is not one it can load.
    """
    return _Session(model, threads, weights, resident)
