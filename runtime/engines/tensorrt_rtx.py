"""TensorRT for RTX on an NVIDIA GPU: the interface of TensorRT, plans for several chips."""

from typing import TYPE_CHECKING

from cxr_edge.engines import tensorrt
from cxr_edge.engines.base import NONE, Arrays, Axes, Probe, Weights
from cxr_edge.engines.packages import Need
from cxr_edge.engines.tensorrt_library import TENSORRT_RTX

if TYPE_CHECKING:
    from cxr_edge.engines.tensorrt_engine import Running


def needs() -> list[Need]:
    """See ``tensorrt.needs``."""
    return tensorrt.needs(TENSORRT_RTX)


def probe() -> Probe:
    """See ``tensorrt.probe``."""
    return tensorrt.probe(TENSORRT_RTX)


def load(
    model: bytes,
    threads: int,
    weights: Weights = NONE,
    resident: Arrays = NONE,
    axes: Axes = NONE,
) -> "Running":
    """See ``tensorrt.load``."""
    from cxr_edge.engines.tensorrt_engine import load as load_with

    return load_with(TENSORRT_RTX, model, threads, weights, resident, axes)
