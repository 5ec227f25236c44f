"""Fitting the tensors of a checkpoint into a module of ours, or saying why they do not fit."""

import re
from collections.abc import Callable, Iterable, Mapping
from typing import TypeVar

import torch
from torch import Tensor, nn

from cxr_edge.errors import CheckpointError

Module = TypeVar("Module", bound=nn.Module)

_SHOWN = 3
_COUNTER = "num_batches_tracked"
"""Training-time counter of a batch normalisation, absent in old files and unused afterwards."""


def without_prefix(state: Mapping[str, Tensor], prefixes: Iterable[str]) -> dict[str, Tensor]:
    """Take wrappers' prefixes off the keys, as ``module.`` of a data-parallel run.

    Args:
        state: tensors by key.
        prefixes: each is taken off a key as often as it leads it, in any order.

    Returns:
        The same tensors. Where two keys become one, the key that was bare wins.
    """
    known = tuple(prefixes)
    bare: dict[str, Tensor] = {}
    for key, tensor in state.items():
        short = key
        while leading := next((p for p in known if short.startswith(p)), None):
            short = short[len(leading) :]
        if short not in bare or short == key:
            bare[short] = tensor
    return bare


def require(architecture: str, state: Mapping[str, Tensor], keys: Iterable[str]) -> None:
    """Check that the keys which sizes are read from are there.

    Raises:
        CheckpointError: some are not.
    """
    missing = [key for key in keys if key not in state]
    if missing:
        raise CheckpointError(
            f"not a {architecture} checkpoint: {_listed(missing)} missing among {len(state)} keys; "
            "check --model and the file"
        )


def shapes_of(
    architecture: str, state: Mapping[str, Tensor], keys: Iterable[str]
) -> list[tuple[int, int]]:
    """The sizes (outputs, inputs) of the matrices that a network's sizes are read from.

    Raises:
        CheckpointError: one is missing, or is no matrix.
    """
    keys = tuple(keys)
    require(architecture, state, keys)
    shapes: list[tuple[int, int]] = []
    for key in keys:
        if state[key].ndim != 2:
            raise CheckpointError(
                f"not a {architecture} checkpoint: {key} is {_shape(state[key])}, expected two "
                "axes; check --model and the file"
            )
        outputs, inputs = state[key].shape
        shapes.append((outputs, inputs))
    return shapes


def count_layers(state: Mapping[str, Tensor], beginning: str) -> int:
    """How many numbers stand behind ``beginning`` in the keys, as 12 for ``encoder.layer.``."""
    pattern = re.compile(re.escape(beginning) + r"(\d+)\.")
    return len({found[1] for key in state if (found := pattern.match(key))})


def fit(
    architecture: str,
    build: Callable[[], Module],
    state: Mapping[str, Tensor],
    *,
    ignored: tuple[str, ...] = (),
) -> Module:
    """Build a module around tensors, without allocating its own first.

    Args:
        architecture: for the message.
        build: makes the module; called with ``meta`` as the default device, so it may hold no
            tensors but parameters and persistent buffers.
        state: tensors by the module's own keys; any floating type, cast to float32.
        ignored: beginnings of keys that may be there and are not used.

    Returns:
        The module in evaluation mode, no gradients.

    Raises:
        CheckpointError: keys are missing, left over, or of another shape or kind of number.
    """
    with torch.device("meta"):
        module = build()
    wanted = module.state_dict()
    tensors = {
        key: tensor.detach().float() if tensor.is_floating_point() else tensor
        for key, tensor in state.items()
        if not key.startswith(ignored)
    }
    for key in wanted:
        if key.rsplit(".", 1)[-1] == _COUNTER:
            tensors.setdefault(key, torch.zeros((), dtype=torch.int64))
    problems = _problems(wanted, tensors)
    if problems:
        raise CheckpointError(
            f"not a whole {architecture} checkpoint: {'; '.join(problems)}; expected the "
            f"{len(wanted)} keys of the published network, check --model and the file"
        )
    module.load_state_dict({key: tensors[key] for key in wanted}, assign=True)
    return module.eval().requires_grad_(False)


def _problems(wanted: Mapping[str, Tensor], found: Mapping[str, Tensor]) -> list[str]:
    missing = [key for key in wanted if key not in found]
    extra = [key for key in found if key not in wanted]
    odd = [
        f"{key} is {_shape(found[key])}, expected {_shape(wanted[key])}"
        for key in wanted
        if key in found and found[key].shape != wanted[key].shape
    ]
    foreign = [
        f"{key} is {found[key].dtype}, expected {wanted[key].dtype}"
        for key in wanted
        if key in found and wanted[key].is_floating_point() and not found[key].is_floating_point()
    ]
    problems = []
    if missing:
        problems.append(f"{len(missing)} keys missing ({_listed(missing)})")
    if odd:
        problems.append(f"{len(odd)} of another shape ({_listed(odd)})")
    if foreign:  # what is quantised or complex, for which nothing says how to make it float
        problems.append(f"{len(foreign)} of another type ({_listed(foreign)})")
    if extra:
        problems.append(f"{len(extra)} unknown ({_listed(extra)})")
    return problems


def _shape(tensor: Tensor) -> str:
    return "x".join(map(str, tensor.shape)) or "scalar"


def _listed(names: list[str]) -> str:
    return ", ".join(names[:_SHOWN]) + (", ..." if len(names) > _SHOWN else "")
