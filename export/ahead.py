"""Plans of a bundle's networks, built ahead of time into a cache that the engine then reads."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cxr_edge.bundle import Bundle
from cxr_edge.engines import axes_of, precision_of
from cxr_edge.engines.cuda_device import Device, Gpu
from cxr_edge.engines.resident import Resident
from cxr_edge.engines.tensorrt_build import DEFAULT, Options, Plan, build
from cxr_edge.engines.tensorrt_cache import look_up, store
from cxr_edge.engines.tensorrt_engine import plan_key
from cxr_edge.engines.tensorrt_library import FAMILIES, library
from cxr_edge.errors import BundleError


@dataclass(frozen=True)
class Built:
    """The plan of one network.

    Attributes:
        role: of the network.
        plan: its file.
        state: what the cache held before: ``hit`` (nothing was built), ``missing``, ``stale``, ...
        why: the same in a few words, where something was built.
        layers: number by kind and type, see ``Plan.types``; empty with ``hit``.
    """

    role: str
    plan: Path
    state: str
    why: str
    layers: dict[str, dict[str, int]]

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        return {**vars(self), "plan": str(self.plan)}


def build_ahead(
    engine: str,
    bundle: Bundle,
    out: Path,
    *,
    resident: Resident | None = None,
    options: Options = DEFAULT,
) -> list[Built]:
    """Build the plan of every network that ``out`` does not hold yet.

    Args:
        engine: ``tensorrt``, which needs the GPU that is to run the plans, or ``tensorrt-rtx``,
            which needs none.
        bundle: its files are checked.
        out: folder of the cache.
        resident: rows among which the image network is to search as well, as ``Pipeline`` has it.
        options: what else the plans are to run on; ``tensorrt`` only.

    Returns:
        One entry per network, by role.

    Raises:
        EngineUnavailable: the library or the GPU it needs is not here.
        BundleError: a network is damaged, in INT8, cannot be built, or its layers would not
            compute in the precision that the bundle states.
        OutputError: the folder cannot be written.
    """
    family = FAMILIES[engine]
    trt = library(family)
    stated = {role: _precision(bundle, role) for role in sorted(bundle.networks)}
    gpu = None if family.targets else _gpu()
    done = []
    for role, precision in stated.items():
        network = bundle.network(role)
        model = bundle.read(network.file)
        if role == "image" and resident is not None:
            model += resident.addition()
        weights = {network.data: bundle.read(network.data)} if network.data else {}
        axes = axes_of(bundle)
        key = plan_key(family, trt.__version__, model, weights, gpu, axes, options)
        found = look_up(out, key)
        path, layers = out / f"{key.stem}.plan", {}
        if found.state != "hit":
            plan = build(family, model, weights, axes, options)
            _require_precision(role, precision, plan)
            layers = plan.types
            store(out, key, plan.content, layers)
        done.append(Built(role, path, found.state, found.why, layers))
    return done


def _precision(bundle: Bundle, role: str) -> str:
    """What the bundle says a network computes in, which has to be for a GPU."""
    precision = precision_of(bundle, role)
    if precision == "int8":
        raise BundleError(
            f"the {role} network of {bundle.name} is in INT8, which is for processors; export the "
            "bundle again with --precision fp16"
        )
    return precision


def _require_precision(role: str, precision: str, plan: Plan) -> None:
    if plan.precision != precision:
        raise BundleError(
            f"the {role} network would run in {plan.precision}, the bundle says {precision}; "
            "export the bundle again, nothing was kept of it"
        )


def _gpu() -> Gpu:
    device = Device()
    try:
        return device.gpu
    finally:
        device.close()
