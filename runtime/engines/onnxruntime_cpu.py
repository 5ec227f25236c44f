"""The base engine: ONNX Runtime on the processor."""

from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version
from types import MappingProxyType
from typing import Any

from numpy.typing import NDArray

from cxr_edge.engines.base import EngineInfo, Probe, Weights
from cxr_edge.errors import BundleError, EngineUnavailable

_PROVIDER = "CPUExecutionProvider"


def _installed(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def probe() -> Probe:
    """Look at what is installed; importing the library is left to ``load``."""
    plain, gpu = _installed("onnxruntime"), _installed("onnxruntime-gpu")
    if plain and gpu:
        # Both provide the module `onnxruntime`; the later install has overwritten the earlier.
        return Probe(
            False,
            "onnxruntime and onnxruntime-gpu are both installed and overwrite each other; "
            "run: pip uninstall -y onnxruntime onnxruntime-gpu && pip install 'cxr-edge[cpu]'",
        )
    if not plain and not gpu:
        return Probe(False, "onnxruntime is not installed; run: pip install 'cxr-edge[cpu]'")
    found = f"onnxruntime {plain}" if plain else f"onnxruntime-gpu {gpu}"
    return Probe(True, f"{found}, {_PROVIDER}")


class _Session:
    """An ONNX Runtime session that keeps to the protocol of ``Engine``."""

    def __init__(self, model: bytes, threads: int, weights: Weights) -> None:
        try:
            import onnxruntime as ort

            options = ort.SessionOptions()
        except Exception as problem:  # half an installation fails in any way
            reason = " ".join(str(problem).split())[:200]
            raise EngineUnavailable(
                f"onnxruntime does not import ({reason}); run: "
                "pip install --force-reinstall onnxruntime"
            ) from None
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        options.log_severity_level = 3
        # Waiting threads would otherwise spin and take the core that decodes the next study.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        try:
            if weights:
                # The very bytes that were checked, not a path that could hold others by now. They
                # are copied while the session is made; until then `weights` keeps them alive.
                options.add_external_initializers_from_files_in_memory(
                    list(weights), list(weights.values()), [len(w) for w in weights.values()]
                )
            self._session = ort.InferenceSession(model, options, providers=[_PROVIDER])
        except Exception as problem:
            reason = " ".join(str(problem).split())[:200]
            raise BundleError(f"ONNX Runtime cannot load the network: {reason}") from None
        used = self._session.get_providers()
        if used != [_PROVIDER]:
            raise EngineUnavailable(f"asked for {_PROVIDER}, ONNX Runtime took {', '.join(used)}")
        self._outputs = [output.name for output in self._session.get_outputs()]
        self.info = EngineInfo("cpu", f"onnxruntime {ort.__version__}", _PROVIDER, threads)

    def run(self, inputs: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
        return dict(zip(self._outputs, self._session.run(None, dict(inputs)), strict=True))

    def close(self) -> None:
        vars(self).pop("_session", None)  # a second close does nothing


def load(model: bytes, threads: int, weights: Weights = MappingProxyType({})) -> _Session:
    """Load an ONNX graph on ``threads`` processors, with the weights that it keeps outside.

    Raises:
        EngineUnavailable: the library does not import or took another provider.
        BundleError: the graph is not one it can load.
    """
    return _Session(model, threads, weights)
