"""From an ONNX graph to a plan, by either library, with or without a GPU.

Networks are strongly typed: every precision is that of the graph, and no builder flag changes one.
"""

import tempfile
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

from cxr_edge.engines.base import Weights
from cxr_edge.engines.tensorrt_library import Family, library, logger
from cxr_edge.errors import BundleError, EngineUnavailable

BATCH = (1, 8, 64)
"""Rows of an optimization profile: fewest, those it is tuned for, most."""

LENGTHS = {"length": (1, 128, 512), "rows": (1, 49, 1024)}
"""The same of further axes, by name: tokens of a text, places of a picture's grid."""

FLAGS = ("strongly-typed", "no-tf32")
"""How every plan is built; part of the cache's key."""

_PRODUCTS = ("CONVOLUTION", "DECONVOLUTION", "MATRIX_MULTIPLY", "EINSUM")
_DELICATE = ("NORMALIZATION", "SOFTMAX")


@dataclass(frozen=True)
class Plan:
    """A serialised engine and what its network was when it was built."""

    content: bytes
    types: dict[str, dict[str, int]]
    """Number of layers by kind and type of the first input: ``{"MATRIX_MULTIPLY": {"HALF": 4}}``.

    Of the network as the library parsed it. Reading layers back from a plan takes a GPU; in a
    strongly typed network the builder must keep to these types.
    """

    @property
    def precision(self) -> str:
        """``fp16`` where products run in half precision, otherwise ``fp32``."""
        return "fp16" if any("HALF" in self.types.get(kind, {}) for kind in _PRODUCTS) else "fp32"


def build(family: Family, model: bytes, weights: Weights) -> Plan:
    """Build a plan for the family's targets or, where it has none, for the GPU that is here.

    Args:
        family: the library.
        model: the ONNX graph; the batch is the first axis of every input.
        weights: the files in which a large graph keeps its weights, by the names it gives.

    Raises:
        EngineUnavailable: the library is missing, or finds no GPU that it needs.
        BundleError: it cannot read the graph or build it, or the graph mixes precisions where it
            must not.
    """
    trt = library(family)
    log, complaints = logger(trt)
    complaints.clear()
    try:
        builder = trt.Builder(log)
    except Exception:
        builder = None
    if builder is None:
        raise EngineUnavailable(
            f"engine {family.engine} cannot build here: {complaints.reason()}; it needs an NVIDIA "
            "GPU and its driver"
        )
    network = builder.create_network(1 << int(trt.NetworkDefinitionCreationFlag.STRONGLY_TYPED))
    parser = trt.OnnxParser(network, log)
    if not _parse(parser, model, weights):
        why = parser.get_error(0).desc() if parser.num_errors else complaints.reason()
        raise BundleError(
            f"{family.engine} cannot read the network: {' '.join(why.split())[:300]}; export the "
            "bundle again or use --engine cpu"
        )
    types = layer_types(trt, network)
    require_types(types)
    config = builder.create_builder_config()
    config.clear_flag(trt.BuilderFlag.TF32)
    if family.targets:
        config.num_compute_capabilities = len(family.targets)
        for place, chip in enumerate(family.targets):
            config.set_compute_capability(getattr(trt.ComputeCapability, chip), place)
    _add_profile(builder, network, config)
    plan = builder.build_serialized_network(network, config)
    if plan is None:
        raise BundleError(
            f"{family.engine} cannot build the network: {complaints.reason()}; use --engine cpu"
        )
    return Plan(bytes(plan), types)


def _parse(parser: Any, model: bytes, weights: Weights) -> bool:  # noqa: ANN401
    """Read a graph; with weights outside, which are taken from files only, from copies.

    They are of the bytes that were checked, in a folder nobody else may enter.
    """
    if not weights:
        return bool(parser.parse(model))
    with tempfile.TemporaryDirectory(prefix="cxr-edge-") as folder:
        for name, content in weights.items():
            Path(folder, Path(name).name).write_bytes(content)
        return bool(parser.parse(model, str(Path(folder, "graph.onnx"))))


def _add_profile(builder: Any, network: Any, config: Any) -> None:  # noqa: ANN401
    """One optimization profile that covers every axis the graph leaves open."""
    profile = builder.create_optimization_profile()
    for place in range(network.num_inputs):
        tensor = network.get_input(place)
        ranges = [
            (size, size, size) if size >= 0 else _range(tensor, axis)
            for axis, size in enumerate(tensor.shape)
        ]
        profile.set_shape(tensor.name, *zip(*ranges, strict=True))
    config.add_optimization_profile(profile)


def _range(tensor: Any, axis: int) -> tuple[int, int, int]:  # noqa: ANN401
    if axis == 0:
        return BATCH
    name = tensor.get_dimension_name(axis)
    if name not in LENGTHS:
        raise BundleError(
            f"input {tensor.name} has an open axis {axis} called {name!r}, expected one of "
            f"{', '.join(LENGTHS)}; use --engine cpu"
        )
    return LENGTHS[name]


def layer_types(trt: ModuleType, network: Any) -> dict[str, dict[str, int]]:  # noqa: ANN401
    """What the layers that matter for precision compute in; see ``Plan.types``."""
    found: dict[str, dict[str, int]] = {}
    for place in range(network.num_layers):
        layer = network.get_layer(place)
        kind = layer.type.name
        if kind in _PRODUCTS + _DELICATE:
            counts = found.setdefault(kind, {})
            name = layer.get_input(0).dtype.name
            counts[name] = counts.get(name, 0) + 1
    return found


def require_types(types: dict[str, dict[str, int]]) -> None:
    """Products all in half precision or all in float; normalisation and softmax in float.

    Raises:
        BundleError: they are not.
    """
    products = {name for kind in _PRODUCTS for name in types.get(kind, {})}
    delicate = {name for kind in _DELICATE for name in types.get(kind, {})}
    if not products <= {"HALF"} and not products <= {"FLOAT"}:
        raise BundleError(
            f"the network's products would run in {_words(products)}, expected all of them in one "
            "of HALF and FLOAT; export the bundle again with --precision fp16 or fp32"
        )
    if not delicate <= {"FLOAT"}:
        raise BundleError(
            f"the network's normalisations and softmax would run in {_words(delicate)}, expected "
            "FLOAT; call .float() on their input in the module and export the bundle again"
        )


def _words(names: set[str]) -> str:
    return " and ".join(sorted(names))
