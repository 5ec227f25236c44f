"""The baselines: the torch module of the same weights, in half precision, plain and compiled.

As the engines, they take an array of the processor's memory and give one back.
"""

import copy
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float32]
Run = Callable[[Array], NDArray[Any]]


def device() -> str:
    """``cuda`` where torch has one, otherwise ``cpu``; raises ``ImportError`` without torch."""
    import torch

    return "cuda" if torch.cuda.is_available() else "cpu"


def eager(module: Any, on: str) -> tuple[Run, str]:  # noqa: ANN401
    """The module in half precision on a GPU, as it is on the processor, and how.

    Args:
        module: in evaluation mode; it is copied.
        on: ``cuda`` or ``cpu``.
    """
    import torch

    moved = copy.deepcopy(module).to(on).eval()
    if on == "cpu":
        return _run(moved, on, torch.float32, None), "fp32"
    return _run(moved.half(), on, torch.float16, None), "half()"


def autocast(module: Any, on: str) -> tuple[Run, str]:  # noqa: ANN401
    """The module under autocast, for those that do not take half-precision inputs."""
    import torch

    moved = copy.deepcopy(module).to(on).eval()
    return _run(moved, on, torch.float32, torch.float16), "autocast"


def half(module: Any, on: str, sample: Array) -> tuple[Run, str]:  # noqa: ANN401
    """``eager`` where the module runs so, otherwise ``autocast``.

    Args:
        module: in evaluation mode.
        on: ``cuda`` or ``cpu``.
        sample: pictures to try it on.
    """
    run, how = eager(module, on)
    try:
        run(sample)
    except RuntimeError:  # a layer that keeps to single precision meets half-precision inputs
        run, how = autocast(module, on)
        run(sample)
    return run, how


def compiled(module: Any, on: str, how: str) -> Run:  # noqa: ANN401
    """``torch.compile`` with CUDA graphs (``reduce-overhead``), one compilation for each batch.

    Args:
        module: in evaluation mode.
        on: ``cuda`` or ``cpu``.
        how: what ``half`` said: ``half()``, ``autocast`` or ``fp32``.
    """
    import torch

    moved = copy.deepcopy(module).to(on).eval()
    kind, cast = torch.float32, torch.float16 if how == "autocast" else None
    if how == "half()":
        moved, kind = moved.half(), torch.float16
    return _run(torch.compile(moved, mode="reduce-overhead", dynamic=False), on, kind, cast)


def _run(module: Any, on: str, kind: Any, cast: Any) -> Run:  # noqa: ANN401
    import torch

    staged: dict[tuple[int, ...], Any] = {}

    def run(pictures: Array) -> NDArray[Any]:
        if pictures.shape not in staged:
            staged[pictures.shape] = torch.empty(pictures.shape, pin_memory=on == "cuda")
        waiting = staged[pictures.shape]
        waiting.copy_(torch.from_numpy(pictures))
        with torch.inference_mode(), torch.autocast(on, cast, enabled=cast is not None):
            got = module(waiting.to(on, non_blocking=True).to(kind))
        first = got[0] if isinstance(got, tuple | list) else got
        array: NDArray[Any] = first.float().cpu().numpy()
        return array

    return run
