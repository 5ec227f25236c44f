"""OpenVINO on the processor, in FP32 or, for a graph with quantised nodes, in INT8.

Its own default on recent processors is to compute FP32 graphs in bfloat16; that is switched off and
read back, because precision is a matter of the bundle.
"""

import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

from numpy.typing import NDArray

from cxr_edge.engines.base import NONE, Arrays, Axes, EngineInfo, Probe, Weights
from cxr_edge.engines.packages import Need, package
from cxr_edge.errors import BundleError, EngineUnavailable

if TYPE_CHECKING:
    from openvino import Core, Model

DEVICE = "CPU"

_TELLS = ("openvino.tools.ovc", "openvino_telemetry")
"""What reports the import to the vendor; the package does without, and we need neither."""


def needs() -> list[Need]:
    """One package."""
    return [package("openvino", "openvino")]


def probe() -> Probe:
    """Look at what is installed; importing the library is left to ``load``."""
    (need,) = needs()
    if need.complaint:
        return Probe(False, need.complaint)
    return Probe(True, f"openvino {need.found}, {DEVICE}")


@contextmanager
def _untold() -> Iterator[None]:
    """Make Python answer that the reporting modules are not installed, while the package loads."""
    absent = [name for name in _TELLS if name not in sys.modules]
    sys.modules.update(dict.fromkeys(absent))  # type: ignore[arg-type]
    try:
        yield
    finally:
        for name in absent:
            sys.modules.pop(name, None)


def _library() -> ModuleType:
    try:
        with _untold():
            import openvino
    except Exception as problem:  # half an installation fails in any way
        raise EngineUnavailable(
            f"openvino does not import ({_reason(problem)}); run: "
            "pip install --force-reinstall openvino"
        ) from None
    library: ModuleType = openvino
    return library


def _reason(problem: Exception) -> str:
    """The last line of what the library says; the first ones are places in its source."""
    lines = [line.strip() for line in str(problem).splitlines() if line.strip()]
    return (lines[-1] if lines else type(problem).__name__)[:200]


class _Compiled:
    """A compiled network with one request, which keeps to the protocol of ``Engine``."""

    def __init__(self, model: bytes, threads: int, weights: Weights, resident: Arrays) -> None:
        openvino = _library()
        self._resident = dict(resident)
        core = openvino.Core()
        settings = {
            "INFERENCE_PRECISION_HINT": "f32",
            "INFERENCE_NUM_THREADS": threads,
            "NUM_STREAMS": 1,
            "PERFORMANCE_HINT": "LATENCY",
        }
        try:
            network = _read(core, model, weights)
            self._outputs = [output.any_name for output in network.outputs]
            _keep_reductions_apart(network)
            compiled = core.compile_model(network, DEVICE, settings)
            self._request = compiled.create_infer_request()
        except Exception as problem:
            raise BundleError(f"OpenVINO cannot load the network: {_reason(problem)}") from None
        used = compiled.get_property("INFERENCE_PRECISION_HINT").to_string()
        if used != "f32":
            raise EngineUnavailable(f"asked for f32, OpenVINO computes in {used}")
        device = ", ".join(compiled.get_property("EXECUTION_DEVICES"))
        version = openvino.__version__.partition("-")[0]
        self.info = EngineInfo("openvino", f"openvino {version}", device, threads)

    def run(self, inputs: Arrays) -> dict[str, NDArray[Any]]:
        try:
            self._request.infer({**self._resident, **inputs}, share_inputs=True)
            # Copies: the request writes its next answer into the same memory.
            return {
                name: self._request.get_output_tensor(place).data.copy()
                for place, name in enumerate(self._outputs)
            }
        except Exception as problem:
            raise BundleError(
                f"the network does not run on its input: {_reason(problem)}"
            ) from None

    def close(self) -> None:
        vars(self).pop("_request", None)  # a second close does nothing
        vars(self).pop("_resident", None)


def _read(core: "Core", model: bytes, weights: Weights) -> "Model":
    """Read a graph from memory; with weights outside, which it takes from files only, from copies.

    They are of the bytes that were checked, in a folder nobody else may enter.
    """
    if not weights:
        return core.read_model(model)
    with tempfile.TemporaryDirectory(prefix="cxr-edge-") as folder:
        for name, content in weights.items():
            Path(folder, Path(name).name).write_bytes(content)
        graph = Path(folder, "graph.onnx")
        graph.write_bytes(model)
        return core.read_model(graph, config={"ENABLE_MMAP": "NO"})


def _keep_reductions_apart(network: "Model") -> None:
    """Make every reduction an output of its own, so that nothing is fused into it.

    OpenVINO 2026.4.1 computes wrong what it fuses into a reduction over the last of three axes,
    such as a bias, as soon as there are two rows; tests/engines/test_openvino.py shows it.
    """
    reductions = [op for op in network.get_ordered_ops() if op.get_type_name().startswith("Reduce")]
    if reductions:
        network.add_outputs([op.output(0) for op in reductions])


def load(
    model: bytes,
    threads: int,
    weights: Weights = NONE,
    resident: Arrays = NONE,
    _axes: Axes = NONE,
) -> _Compiled:
    """Compile an ONNX graph for ``threads`` processors; see ``EngineModule``.

    Raises:
        EngineUnavailable: the library does not import or computes in another precision.
        BundleError: the graph is not one it can load.
    """
    return _Compiled(model, threads, weights, resident)
