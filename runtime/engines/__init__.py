"""Engines by name. To add one: write ``<name>.py`` here and add its line below."""

from importlib import import_module
from typing import cast

from cxr_edge.bundle import Bundle
from cxr_edge.engines.base import (
    NONE,
    Arrays,
    Axes,
    Engine,
    EngineInfo,
    EngineModule,
    Probe,
    Weights,
)
from cxr_edge.engines.resident import Resident
from cxr_edge.errors import EngineUnavailable
from cxr_edge.processors import default_threads

__all__ = [
    "ENGINES",
    "ONLY_BY_NAME",
    "ON_DEVICE",
    "Engine",
    "EngineInfo",
    "Probe",
    "axes_of",
    "choose_engine",
    "default_threads",
    "engine_module",
    "load_engine",
    "load_network",
    "precision_of",
    "probe_all",
]

ENGINES: dict[str, str] = {
    "tensorrt": "cxr_edge.engines.tensorrt",
    "tensorrt-rtx": "cxr_edge.engines.tensorrt_rtx",
    "cuda": "cxr_edge.engines.onnxruntime_cuda",
    "cpu": "cxr_edge.engines.onnxruntime_cpu",
    "openvino": "cxr_edge.engines.openvino",
}
"""Import path by name, in the order in which ``auto`` tries them."""

ONLY_BY_NAME = frozenset({"openvino"})
"""Engines that ``auto`` passes over: ``cpu`` is there wherever they could run."""

ON_DEVICE = frozenset({"tensorrt", "tensorrt-rtx", "cuda"})
"""Engines of a GPU, with memory of its own. INT8 graphs, whose gate ran on processors, are not for
them."""


_MOST_THREADS = 1024


def engine_module(name: str) -> EngineModule:
    """The module of an engine; importing it loads no library."""
    return cast(EngineModule, import_module(ENGINES[name]))


def probe_all() -> dict[str, Probe]:
    """What every engine says of this machine, in the order of ``auto``."""
    return {name: engine_module(name).probe() for name in ENGINES}


def precision_of(bundle: Bundle, role: str) -> str:
    """What a network computes in, by its bundle; older bundles say it once for all."""
    bundle.network(role)
    return str(bundle.manifest["networks"][role].get("precision", bundle.precision))


def axes_of(bundle: Bundle) -> Axes:
    """Sizes of the open axes of a bundle's networks: as many tokens as its tokenizer gives."""
    tokenizer = bundle.manifest.get("tokenizer") or {}
    most = tokenizer.get("length")
    return {"length": (1, min(128, most), most)} if isinstance(most, int) and most > 0 else {}


def load_network(
    bundle: Bundle,
    role: str,
    name: str = "auto",
    threads: int | None = None,
    resident: Resident | None = None,
) -> Engine:
    """Load a network of a bundle, its files checked; see :func:`load_engine`.

    Args:
        bundle: where it is.
        role: of the network.
        name: ``auto`` or a key of ``ENGINES``.
        threads: processors to use.
        resident: rows among which the network is to search by its output ``embedding`` as well.

    Raises:
        EngineUnavailable: as there.
        BundleError: the bundle has no such network, or a file is missing or damaged.
    """
    network = bundle.network(role)
    name = choose_engine(name, precision_of(bundle, role))
    model = bundle.read(network.file)
    weights = {network.data: bundle.read(network.data)} if network.data else {}
    if resident is None:
        return load_engine(name, model, threads, weights, axes=axes_of(bundle))
    joined = model + resident.addition()
    return load_engine(name, joined, threads, weights, resident.inputs, axes_of(bundle))


def load_engine(
    name: str,
    model: bytes,
    threads: int | None = None,
    weights: Weights = NONE,
    resident: Arrays = NONE,
    axes: Axes = NONE,
) -> Engine:
    """Load a network on a named engine, or with ``auto`` on the first that is available.

    A named engine that cannot run is an error: there is no silent fall-back.

    Args:
        name: ``auto`` or a key of ``ENGINES``.
        model: the ONNX graph.
        threads: processors to use; default ``default_threads()``.
        weights: the files in which a large graph keeps its weights, by the names it gives.
        resident: inputs that stay on the device and are given once, here.
        axes: sizes of open axes, for engines that are built for certain ones.

    Raises:
        EngineUnavailable: unknown name, an absurd number of threads, or what is missing, per
            engine.
    """
    threads = default_threads() if threads is None else threads
    if not 1 <= threads <= _MOST_THREADS:
        raise EngineUnavailable(f"{threads} threads were asked for; 1 to {_MOST_THREADS} are taken")
    return engine_module(choose_engine(name)).load(model, threads, weights, resident, axes)


def choose_engine(name: str = "auto", precision: str = "fp32") -> str:
    """The engine that a name stands for on this machine: itself, or what ``auto`` takes.

    Args:
        name: ``auto`` or a key of ``ENGINES``.
        precision: of the network. One in INT8 runs on processors only, where its gate ran: ``auto``
            passes over a GPU, and an engine of one is refused.

    Raises:
        EngineUnavailable: unknown name, or what is missing, per engine.
    """
    unfit = ON_DEVICE if precision == "int8" else frozenset[str]()
    if name == "auto":
        reasons = []
        for candidate in (name for name in ENGINES if name not in ONLY_BY_NAME | unfit):
            answer = engine_module(candidate).probe()
            if answer.available:
                return candidate
            reasons.append(f"{candidate}: {answer.detail}")
        raise EngineUnavailable("no engine can run here; " + "; ".join(reasons))
    if name not in ENGINES:
        raise EngineUnavailable(f"unknown engine {name!r}; known: auto, {', '.join(ENGINES)}")
    if name in unfit:
        raise EngineUnavailable(
            f"engine {name} is not for INT8, which was checked on processors only; use --engine "
            "cpu or openvino, or export the bundle with --precision fp16"
        )
    answer = engine_module(name).probe()
    if not answer.available:
        raise EngineUnavailable(f"engine {name} cannot run here: {answer.detail}")
    return name
