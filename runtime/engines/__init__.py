"""Engines by name. To add one: write ``<name>.py`` here and add its line below."""

import os
from importlib import import_module
from types import MappingProxyType
from typing import cast

from cxr_edge.bundle import Bundle
from cxr_edge.engines.base import Engine, EngineInfo, EngineModule, Probe, Weights
from cxr_edge.errors import EngineUnavailable

__all__ = [
    "ENGINES",
    "ONLY_BY_NAME",
    "Engine",
    "EngineInfo",
    "Probe",
    "default_threads",
    "engine_module",
    "load_engine",
    "load_network",
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


_MOST_THREADS = 1024


def default_threads() -> int:
    """Processors this process may use: the container's share, not the machine's size."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def engine_module(name: str) -> EngineModule:
    """The module of an engine; importing it loads no library."""
    return cast(EngineModule, import_module(ENGINES[name]))


def probe_all() -> dict[str, Probe]:
    """What every engine says of this machine, in the order of ``auto``."""
    return {name: engine_module(name).probe() for name in ENGINES}


def load_network(
    bundle: Bundle, role: str, name: str = "auto", threads: int | None = None
) -> Engine:
    """Load a network of a bundle, its files checked; see :func:`load_engine`.

    Raises:
        EngineUnavailable: as there.
        BundleError: the bundle has no such network, or a file is missing or damaged.
    """
    network = bundle.network(role)
    weights = {network.data: bundle.read(network.data)} if network.data else {}
    return load_engine(name, bundle.read(network.file), threads, weights)


def load_engine(
    name: str,
    model: bytes,
    threads: int | None = None,
    weights: Weights = MappingProxyType({}),
) -> Engine:
    """Load a network on a named engine, or with ``auto`` on the first that is available.

    A named engine that cannot run is an error: there is no silent fall-back.

    Args:
        name: ``auto`` or a key of ``ENGINES``.
        model: the ONNX graph.
        threads: processors to use; default ``default_threads()``.
        weights: the files in which a large graph keeps its weights, by the names it gives.

    Raises:
        EngineUnavailable: unknown name, an absurd number of threads, or what is missing, per
            engine.
    """
    threads = default_threads() if threads is None else threads
    if not 1 <= threads <= _MOST_THREADS:
        raise EngineUnavailable(f"{threads} threads were asked for; 1 to {_MOST_THREADS} are taken")
    if name == "auto":
        reasons = []
        for candidate in (name for name in ENGINES if name not in ONLY_BY_NAME):
            module = engine_module(candidate)
            answer = module.probe()
            if answer.available:
                return module.load(model, threads, weights)
            reasons.append(f"{candidate}: {answer.detail}")
        raise EngineUnavailable("no engine can run here; " + "; ".join(reasons))
    if name not in ENGINES:
        raise EngineUnavailable(f"unknown engine {name!r}; known: auto, {', '.join(ENGINES)}")
    module = engine_module(name)
    answer = module.probe()
    if not answer.available:
        raise EngineUnavailable(f"engine {name} cannot run here: {answer.detail}")
    return module.load(model, threads, weights)
