"""Plans at work: taken from the cache or built, loaded, and run. Not yet run on a GPU."""

import platform
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cxr_edge.engines.base import Arrays, EngineInfo, Weights
from cxr_edge.engines.tensorrt_build import BATCH, FLAGS, LENGTHS, build
from cxr_edge.engines.tensorrt_cache import PlanKey, default_folder, hashes, look_up, store
from cxr_edge.engines.tensorrt_device import Device, Gpu
from cxr_edge.engines.tensorrt_library import Family, library, logger
from cxr_edge.errors import BundleError, EngineUnavailable


def plan_key(
    family: Family, version: str, model: bytes, weights: Weights, gpu: Gpu | None
) -> PlanKey:
    """What a plan of a network depends on.

    Args:
        family: the library.
        version: its version.
        model: the ONNX graph.
        weights: the files outside of it.
        gpu: the one that is here; plans for several targets do not depend on it.
    """
    digest, outside = hashes(model, weights)
    bound = gpu if gpu is not None and not family.targets else None
    return PlanKey(
        backend=family.module,
        version=version,
        model=digest,
        weights=outside,
        profiles={name: list(sizes) for name, sizes in {"batch": BATCH, **LENGTHS}.items()},
        flags=list(FLAGS),
        device=f"{bound.name} {bound.capability}" if bound else " ".join(family.targets),
        driver=bound.driver if bound else None,
        system=f"{platform.system()} {platform.machine()}",
    )


def cached_plan(family: Family, model: bytes, weights: Weights, gpu: Gpu, folder: Path) -> bytes:
    """The plan of a network, built and kept where the cache has none that may be used.

    Raises:
        EngineUnavailable, BundleError: see ``build``.
        OutputError: it cannot be kept.
    """
    key = plan_key(family, library(family).__version__, model, weights, gpu)
    found = look_up(folder, key)
    if found.plan is not None:
        return found.plan
    plan = build(family, model, weights)
    store(folder, key, plan.content, plan.types)
    return plan.content


class Running:
    """A loaded plan with its buffers on the GPU, which keeps to the protocol of ``Engine``."""

    def __init__(self, family: Family, device: Device, plan: bytes, threads: int) -> None:
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
        _require_valid(family, trt, runtime, plan, device.gpu)
        self._engine = runtime.deserialize_cuda_engine(plan)
        self._context = self._engine and self._engine.create_execution_context()
        if not self._context:
            raise EngineUnavailable(
                f"{family.engine} cannot load the network on {device.gpu.name}: "
                f"{complaints.reason()}; try --engine cuda or cpu"
            )
        names = [self._engine.get_tensor_name(k) for k in range(self._engine.num_io_tensors)]
        modes = {name: self._engine.get_tensor_mode(name) for name in names}
        self._inputs = [name for name in names if modes[name] == trt.TensorIOMode.INPUT]
        self._outputs = [name for name in names if modes[name] == trt.TensorIOMode.OUTPUT]
        self.info = EngineInfo(
            family.engine, f"{family.package} {trt.__version__}", device.gpu.name, threads
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
        (count,) = rows
        # The profile ends at a batch of 64; more go through in parts.
        parts = [
            self._part({name: array[start : start + BATCH[2]] for name, array in inputs.items()})
            for start in range(0, max(count, 1), BATCH[2])
        ]
        return {name: np.concatenate([part[name] for part in parts]) for name in self._outputs}

    def _part(self, inputs: Arrays) -> dict[str, NDArray[Any]]:
        self._complaints.clear()
        self._device.enter()
        kept = []  # until the copies are done
        for name, array in inputs.items():
            wanted = self._type(name)
            if array.dtype != wanted:
                raise BundleError(f"input {name} is {array.dtype}, expected {wanted}")
            if not self._context.set_input_shape(name, array.shape):
                raise BundleError(
                    f"the network does not run on its input: {name} of shape {array.shape} is "
                    "outside of the plan's profile; try --engine cuda or cpu"
                )
            kept.append(np.ascontiguousarray(array))
            address = self._device.buffer(name, array.nbytes)
            self._context.set_tensor_address(name, address)
            self._device.upload(address, kept[-1])
        shapes: dict[str, tuple[int, ...]] = {}
        for name in self._outputs:
            shapes[name] = shape = tuple(self._context.get_tensor_shape(name))
            if min(shape, default=0) < 0:
                raise BundleError(f"output {name} has no shape before the network has run")
            size = int(np.prod(shape)) * self._type(name).itemsize
            self._context.set_tensor_address(name, self._device.buffer(name, size))
        if not self._context.execute_async_v3(self._device.stream):
            raise EngineUnavailable(
                f"engine {self._family.engine} failed while running: "
                f"{self._complaints.reason()}; try --engine cpu"
            )
        outputs = {
            name: self._device.download(self._device.buffer(name, 0), shape, self._type(name))
            for name, shape in shapes.items()
        }
        self._device.wait()
        return outputs

    def _type(self, name: str) -> np.dtype[Any]:
        kind: np.dtype[Any] = np.dtype(self._trt.nptype(self._engine.get_tensor_dtype(name)))
        return kind

    def close(self) -> None:
        """Give the GPU's memory back; a second close does nothing."""
        vars(self).pop("_context", None)  # before the engine it came from
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


def load(family: Family, model: bytes, threads: int, weights: Weights) -> Running:
    """Load a network on the first GPU, from the cache or built first, which takes its time.

    Raises:
        EngineUnavailable: the library, the driver or the GPU is missing or refuses.
        BundleError: the graph is not one the library can build.
        OutputError: the plan cannot be kept in the cache.
    """
    library(family)
    device = Device()
    try:
        plan = cached_plan(family, model, weights, device.gpu, default_folder())
        return Running(family, device, plan, threads)
    except BaseException:
        device.close()
        raise
