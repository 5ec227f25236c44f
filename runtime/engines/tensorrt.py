"""TensorRT on an NVIDIA GPU; see ``tensorrt_engine`` for how, and ``tensorrt_rtx`` for the other.

``auto`` asks here first on every machine: what only a GPU needs is imported where it is used.
"""

import os
from pathlib import Path
from typing import TYPE_CHECKING

from cxr_edge.engines.base import NONE, Arrays, Axes, Probe, Weights
from cxr_edge.engines.packages import Need, package, present
from cxr_edge.engines.tensorrt_library import TENSORRT, Family

if TYPE_CHECKING:
    from cxr_edge.engines.tensorrt_engine import Running

_PROGRAM = Path(__file__).with_name("tensorrt_child.py")
_NETWORK = Path(__file__).parents[1] / "data" / "probe.onnx"


def needs(family: Family = TENSORRT) -> list[Need]:
    """The library's packages and, where they are installed, the driver."""
    named = [name for name in (family.package, family.libraries) if name]
    packages = [package(name, family.extra) for name in named]
    if os.name == "nt" or any(need.fix for need in packages):
        return packages  # on Windows only the loader knows where the driver is; the check asks it
    return [*packages, _driver()]


def _driver() -> Need:
    from cxr_edge.engines.cuda_device import LIBRARY
    from cxr_edge.engines.libraries import locate, version_of

    place = locate(LIBRARY)
    if place is None:
        return Need(LIBRARY, "", None, "install the NVIDIA driver")
    return Need(LIBRARY, "", version_of(place), None)


def probe(family: Family = TENSORRT) -> Probe:
    """Look at what is installed and, if all of it is there, try it in a process of its own."""
    if not present(family.package):
        return Probe(False, str(package(family.package, family.extra).complaint))
    for need in needs(family):
        if need.complaint:
            return Probe(False, need.complaint)
    from cxr_edge.engines.probing import ask

    return ask(_PROGRAM, family.engine, str(_NETWORK))


def load(
    model: bytes,
    threads: int,
    weights: Weights = NONE,
    resident: Arrays = NONE,
    axes: Axes = NONE,
) -> "Running":
    """Load a network on the first GPU, from the cache of plans or built first.

    Raises:
        EngineUnavailable: the library, the driver or the GPU is missing or refuses.
        BundleError: the graph is not one the library can build.
        OutputError: the plan cannot be kept in the cache.
    """
    from cxr_edge.engines.tensorrt_engine import load as load_with

    return load_with(TENSORRT, model, threads, weights, resident, axes)
