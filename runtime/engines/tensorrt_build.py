"""From an ONNX graph to a plan, by either library, with or without a GPU.

Networks are strongly typed: every precision is that of the graph, and no builder flag changes one.
"""

import tempfile
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType, ModuleType
from typing import Any, Literal

from cxr_edge.engines.base import NONE, Axes, Weights
from cxr_edge.engines.cuda_device import Gpu
from cxr_edge.engines.resident import PREFIX
from cxr_edge.engines.tensorrt_library import Family, library, logger
from cxr_edge.errors import BundleError, EngineUnavailable

BATCHES = ((1, 1, 1), (2, 8, 8), (9, 64, 64))
"""Rows of each optimization profile: fewest, those it is tuned for, most."""

LENGTHS: Axes = MappingProxyType({"length": (1, 128, 512), "rows": (1, 49, 1024)})
"""The same of further axes, by name, where the bundle does not say: tokens of a text, places of a
picture's grid."""


Hardware = Literal["", "same-capability", "ampere-plus"]


@dataclass(frozen=True)
class Options:
    """On what else than this version and this chip a plan is to run; it may run slower for it."""

    later_versions: bool = False
    """Later versions of the library with the same first number."""
    hardware: Hardware = ""
    """GPUs of the same compute capability, or all from Ampere on."""

    @property
    def flags(self) -> list[str]:
        """How the builder is set; part of the cache's key."""
        chosen = ["later-versions"] if self.later_versions else []
        return ["strongly-typed", "no-tf32", *chosen, *([self.hardware] if self.hardware else [])]

    def device(self, gpu: Gpu) -> str:
        """The GPUs that a plan built on this one runs on; part of the cache's key."""
        if self.hardware == "ampere-plus":
            return "compute capability 8.0 or later"
        if self.hardware:
            return f"compute capability {gpu.capability}"
        return f"{gpu.name} {gpu.capability}"

    def version(self, exact: str) -> str:
        """The versions of the library that take a plan built by one; part of the cache's key."""
        return f"{exact.partition('.')[0]}.x" if self.later_versions else exact


_HARDWARE: tuple[Hardware, ...] = ("", "same-capability", "ampere-plus")
DEFAULT = Options()
OFFERED = (
    DEFAULT,
    *(
        Options(later, hardware)
        for later in (False, True)
        for hardware in _HARDWARE
        if later or hardware
    ),
)
"""All there are, the one that is built unless told otherwise first."""

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


def build(
    family: Family,
    model: bytes,
    weights: Weights,
    axes: Axes = NONE,
    options: Options = DEFAULT,
) -> Plan:
    """Build a plan for the family's targets or, where it has none, for the GPU that is here.

    Args:
        family: the library.
        model: the ONNX graph; the batch is the first axis of every input.
        weights: the files in which a large graph keeps its weights, by the names it gives.
        axes: sizes of open axes behind the batch.
        options: what else the plan is to run on.

    Raises:
        EngineUnavailable: the library is missing, finds no GPU that it needs, or has no such
            options.
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
    _set_options(trt, family, config, options)
    for batch in BATCHES:
        _add_profile(builder, network, config, {"batch": batch, **LENGTHS, **axes})
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


def _set_options(trt: ModuleType, family: Family, config: Any, options: Options) -> None:  # noqa: ANN401
    if options != DEFAULT and family.targets:
        raise EngineUnavailable(
            f"plans of {family.engine} are for {', '.join(family.targets)} and one version of the "
            "library; leave the further options out"
        )
    if options.later_versions:
        config.set_flag(trt.BuilderFlag.VERSION_COMPATIBLE)
    if options.hardware:
        level = options.hardware.upper().replace("-", "_").replace("SAME", "SAME_COMPUTE")
        config.hardware_compatibility_level = getattr(trt.HardwareCompatibilityLevel, level)


def ranges(axes: Axes) -> dict[str, list[int]]:
    """All sizes for which a plan is built, plainly; part of the cache's key."""
    batches = {f"batch {number}": list(sizes) for number, sizes in enumerate(BATCHES)}
    return {**batches, **{name: list(sizes) for name, sizes in {**LENGTHS, **axes}.items()}}


def _add_profile(builder: Any, network: Any, config: Any, sizes: Axes) -> None:  # noqa: ANN401
    """An optimization profile that covers every axis the graph leaves open."""
    profile = builder.create_optimization_profile()
    for place in range(network.num_inputs):
        tensor = network.get_input(place)
        spans = [
            (size, size, size) if size >= 0 else _span(tensor, axis, sizes)
            for axis, size in enumerate(tensor.shape)
        ]
        profile.set_shape(tensor.name, *zip(*spans, strict=True))
    config.add_optimization_profile(profile)


def _span(tensor: Any, axis: int, sizes: Axes) -> tuple[int, int, int]:  # noqa: ANN401
    name = tensor.get_dimension_name(axis) if axis else "batch"
    if name not in sizes:
        raise BundleError(
            f"input {tensor.name} has an open axis {axis} called {name!r}, expected one of "
            f"{', '.join(list(sizes)[1:])}; use --engine cpu"
        )
    return sizes[name]


def layer_types(trt: ModuleType, network: Any) -> dict[str, dict[str, int]]:  # noqa: ANN401
    """What the layers that matter for precision compute in; see ``Plan.types``."""
    found: dict[str, dict[str, int]] = {}
    for place in range(network.num_layers):
        layer = network.get_layer(place)
        kind = layer.type.name
        # The search's one product is in half precision whatever the encoder's are.
        if kind in _PRODUCTS + _DELICATE and not layer.name.startswith(PREFIX):
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
