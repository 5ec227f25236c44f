"""Plans at work: taken from the cache or built, loaded, and run. Not yet run on a GPU."""

import platform
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cxr_edge.engines.base import NONE, Arrays, Axes, EngineInfo, Weights
from cxr_edge.engines.cuda_device import Device, Gpu
from cxr_edge.engines.tensorrt_build import BATCHES, DEFAULT, OFFERED, Options, build, ranges
from cxr_edge.engines.tensorrt_cache import PlanKey, default_folder, hashes, look_up, store
from cxr_edge.engines.tensorrt_context import Profile
from cxr_edge.engines.tensorrt_library import Family, library, logger
from cxr_edge.errors import BundleError, EngineUnavailable

MOST = BATCHES[-1][2]


def plan_key(
    family: Family,
    version: str,
    model: bytes,
    weights: Weights,
    gpu: Gpu | None,
    axes: Axes = NONE,
    options: Options = DEFAULT,
) -> PlanKey:
    """What a plan of a network depends on.

    Args:
        family: the library.
        version: its version.
        model: the ONNX graph.
        weights: the files outside of it.
        gpu: the one that is here; plans for several targets do not depend on it.
        axes: lengths that open axes may have, see ``tensorrt_build.ranges``.
        options: how the plan is built.
    """
    digest, outside = hashes(model, weights)
    bound = gpu if gpu is not None and not family.targets else None
    return PlanKey(
        backend=family.module,
        version=options.version(version),
        model=digest,
        weights=outside,
        profiles=ranges(axes),
        flags=options.flags,
        device=options.device(bound) if bound else " ".join(family.targets),
        driver=bound.driver if bound and not options.hardware else None,
        system=f"{platform.system()} {platform.machine()}",
    )


def cached_plan(
    family: Family, model: bytes, weights: Weights, gpu: Gpu, folder: Path, axes: Axes
) -> bytes:
    """The plan of a network, built and kept where the cache has none that may be used.

    One that was built ahead to run on further versions or chips is taken as well.

    Raises:
        EngineUnavailable, BundleError: see ``build``.
        OutputError: it cannot be kept.
    """
    version = library(family).__version__
    for options in OFFERED:
        key = plan_key(family, version, model, weights, gpu, axes, options)
        found = look_up(folder, key)
        if found.plan is not None:
            return found.plan
    key = plan_key(family, version, model, weights, gpu, axes)
    plan = build(family, model, weights, axes)
    store(folder, key, plan.content, plan.types)
    return plan.content


class Running:
    """A loaded plan with its buffers on the GPU, which keeps to the protocol of ``Engine``."""

    def __init__(
        self, family: Family, device: Device, plan: bytes, threads: int, resident: Arrays = NONE
    ) -> None:
        """Load a plan that this program built.

        Raises:
            EngineUnavailable: the library refuses the chip, the driver or the plan.
        """
        trt = library(family)
        log, complaints = logger(trt)
        complaints.clear()
        self._family, self._device, self._trt = family, device, trt
        self._complaints = complaints
        runtime = trt.Runtime(log)
        if hasattr(runtime, "engine_host_code_allowed"):
            # A plan for later versions brings a part of the library; ours are checked before.
            runtime.engine_host_code_allowed = True
        _require_valid(family, trt, runtime, plan, device.gpu)
        self._engine = runtime.deserialize_cuda_engine(plan)
        if not self._engine:
            raise self._failed("loading the network")
        names = [self._engine.get_tensor_name(k) for k in range(self._engine.num_io_tensors)]
        self._types = {name: self._type(name) for name in names if name not in resident}
        modes = {name: self._engine.get_tensor_mode(name) for name in self._types}
        self._inputs = [name for name in modes if modes[name] == trt.TensorIOMode.INPUT]
        self._outputs = [name for name in modes if modes[name] == trt.TensorIOMode.OUTPUT]
        self._resident: dict[str, int] = {}
        for name, array in resident.items():
            self._resident[name] = device.buffer(name, array.nbytes)
            device.upload(self._resident[name], np.ascontiguousarray(array))
            device.wait()
        self._profiles: dict[int, Profile] = {0: self._profile(0)}
        self.info = EngineInfo(
            family.engine, f"{family.package} {trt.__version__}", device.gpu.name, threads
        )

    def _profile(self, number: int) -> Profile:
        # TensorRT for RTX records CUDA graphs itself, see `_context`.
        own = number == 0 and not hasattr(self._trt, "CudaGraphStrategy")
        return Profile(
            self._device,
            number,
            self._types,
            self._resident,
            self._context,
            capture=own,
            complain=self._failed,
        )

    def _context(self, profile: int) -> Any:  # noqa: ANN401
        """An execution context that is set to a profile."""
        trt = self._trt
        if hasattr(trt, "CudaGraphStrategy"):
            config = self._engine.create_runtime_config()
            config.cuda_graph_strategy = trt.CudaGraphStrategy.WHOLE_GRAPH_CAPTURE
            # Kernels for the shapes at hand are compiled before the first run, not beside it.
            kernels = trt.DynamicShapesKernelSpecializationStrategy
            config.dynamic_shapes_kernel_specialization_strategy = kernels.EAGER
            context = self._engine.create_execution_context(config)
        else:
            context = self._engine.create_execution_context()
        if not context:
            raise self._failed("preparing the network")
        if profile and not context.set_optimization_profile_async(profile, self._device.stream):
            raise self._failed("preparing the network")
        self._device.wait()
        return context

    def _failed(self, doing: str) -> EngineUnavailable:
        return EngineUnavailable(
            f"engine {self._family.engine} failed while {doing} on {self._device.gpu.name}: "
            f"{self._complaints.reason()}; try --engine cuda or cpu"
        )

    def run(self, inputs: Arrays) -> dict[str, NDArray[Any]]:
        """Run the network once; see ``Engine``.

        Raises:
            BundleError: the inputs are not those of the network, or beyond the plan's profile.
            EngineUnavailable: the GPU failed.
        """
        if set(inputs) != set(self._inputs):
            raise BundleError(
                f"the network takes {', '.join(self._inputs)}, given were {', '.join(inputs)}"
            )
        rows = {len(array) for array in inputs.values()}
        if len(rows) != 1:
            raise BundleError(f"the inputs have {sorted(rows)} rows, expected one number")
        for name, array in inputs.items():
            if array.dtype != self._types[name]:
                raise BundleError(f"input {name} is {array.dtype}, expected {self._types[name]}")
        self._complaints.clear()
        self._device.enter()
        (count,) = rows
        # The last profile ends at a batch of 64; more go through in parts.
        parts = [
            self._part({name: array[start : start + MOST] for name, array in inputs.items()})
            for start in range(0, max(count, 1), MOST)
        ]
        if len(parts) == 1:
            return {name: parts[0][name] for name in self._outputs}
        return {name: np.concatenate([part[name] for part in parts]) for name in self._outputs}

    def _part(self, inputs: Arrays) -> dict[str, NDArray[Any]]:
        count = len(next(iter(inputs.values())))
        number = next((k for k, (_, _, most) in enumerate(BATCHES) if count <= most), 0)
        number = min(number, self._engine.num_optimization_profiles - 1)
        if number not in self._profiles:
            self._profiles[number] = self._profile(number)
        return self._profiles[number].run(inputs)

    def _type(self, name: str) -> np.dtype[Any]:
        kind: np.dtype[Any] = np.dtype(self._trt.nptype(self._engine.get_tensor_dtype(name)))
        return kind

    def close(self) -> None:
        """Give the GPU's memory back; a second close does nothing."""
        profiles = vars(self).pop("_profiles", {})
        if profiles:
            self._device.enter()
        for profile in profiles.values():
            profile.close()  # before the engine their contexts came from
        vars(self).pop("_engine", None)
        self._device.close()


def _require_valid(
    family: Family,
    trt: ModuleType,
    runtime: Any,  # noqa: ANN401
    plan: bytes,
    gpu: Gpu,
) -> None:
    """Ask a library that can tell, before it loads anything, whether the chip runs the plan."""
    if not hasattr(runtime, "get_engine_validity"):
        return
    validity, diagnostics = runtime.get_engine_validity(plan)
    if validity == trt.EngineValidity.INVALID:
        known = trt.EngineInvalidityDiagnostics.__members__.items()
        reasons = [name for name, bit in known if int(diagnostics) & int(bit)]
        raise EngineUnavailable(
            f"{family.engine} refuses {gpu.name} (compute capability {gpu.capability}): "
            f"{', '.join(reasons) or 'no reason given'}; use --engine cuda or cpu"
        )


def load(
    family: Family, model: bytes, threads: int, weights: Weights, resident: Arrays, axes: Axes
) -> Running:
    """Load a network on the first GPU, from the cache or built first, which takes its time.

    Raises:
        EngineUnavailable: the library, the driver or the GPU is missing or refuses.
        BundleError: the graph is not one the library can build.
        OutputError: the plan cannot be kept in the cache.
    """
    library(family)
    device = Device()
    try:
        plan = cached_plan(family, model, weights, device.gpu, default_folder(), axes)
        return Running(family, device, plan, threads, resident)
    except BaseException:
        device.close()
        raise
