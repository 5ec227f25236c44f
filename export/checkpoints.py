"""Opening checkpoints without running what is inside them."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cxr_edge.errors import CheckpointError
from cxr_edge.export.archive import OpenCheckpoint, open_checkpoint, without_wrappers

if TYPE_CHECKING:
    from torch import Tensor

DESCRIPTION = "cxr-edge"
"""Key of the safetensors metadata under which our own files describe themselves, as JSON."""


def read_safetensors(path: Path) -> tuple[dict[str, "Tensor"], dict[str, Any]]:
    """Tensors and description of a ``.safetensors`` file.

    Raises:
        CheckpointError: missing, damaged, or not described by us.
    """
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="pt") as stored:
            names = stored.keys()
            tensors = {name: stored.get_tensor(name) for name in names}
            metadata = stored.metadata() or {}
        description = json.loads(metadata[DESCRIPTION])
    except (OSError, SafetensorError) as problem:
        reason = "no such file" if isinstance(problem, FileNotFoundError) else problem
        raise CheckpointError(
            f"{path} cannot be read ({reason}); expected a .safetensors file of cxr-train"
        ) from None
    except (KeyError, ValueError):
        raise CheckpointError(
            f"{path} does not say what it is; expected a .safetensors file written by cxr-train"
        ) from None
    return tensors, description


@dataclass(frozen=True)
class Checkpoint:
    """The content of a checkpoint file.

    Attributes:
        tensors: by name, below any wrapper, without ``module.`` and ``_orig_mod.`` in front.
        form: ``safetensors``, ``torch zip``, ``torch legacy``, ``torchscript`` or ``lightning``.
        scalars: plain numbers that stood beside the tensors, such as ``epoch``.
        others: names of what was left in the file, such as ``optimizer_states``.
    """

    tensors: dict[str, "Tensor"]
    form: str
    scalars: dict[str, int | float]
    others: tuple[str, ...]


def read_checkpoint(path: Path) -> Checkpoint:
    """The tensors of a checkpoint in any form that trainers write.

    Bare state dicts and those under one of ``archive.WRAPPERS``, from ``torch.save`` old and new,
    PyTorch Lightning, TorchScript archives (their code is not run) and ``.safetensors``, plain or
    inside gzip. Nothing in the file is imported or called; see ``pickles``.

    Raises:
        CheckpointError: missing, cut short, hostile, one of several shards, or without tensors.
    """
    with open_checkpoint(path) as opened:
        tensors = _tensors(opened)
        listing = opened.listing
    return Checkpoint(
        without_wrappers(tensors), listing.form, dict(listing.scalars), listing.others
    )


def read_state_dict(path: Path) -> dict[str, "Tensor"]:
    """The tensors alone of :func:`read_checkpoint`.

    Raises:
        CheckpointError: as there.
    """
    return read_checkpoint(path).tensors


def _tensors(opened: OpenCheckpoint) -> dict[str, "Tensor"]:
    import torch

    storages: dict[str, bytearray] = {}
    tensors = {}
    for name, stored in opened.stored.items():
        dtype = getattr(torch, stored.dtype)
        if stored.elements == 0:
            tensors[name] = torch.empty(stored.shape, dtype=dtype)
            continue
        if stored.storage not in storages:
            storages[stored.storage] = bytearray(opened.fetch(stored.storage))
        numbers = storages[stored.storage]
        flat = torch.frombuffer(numbers, dtype=dtype, count=len(numbers) // dtype.itemsize)
        tensors[name] = flat.as_strided(stored.shape, stored.stride, stored.offset).contiguous()
    return tensors


def hash_tensors(tensors: Mapping[str, "Tensor"]) -> str:
    """SHA-256 (hex) of names, shapes, dtypes and values, independent of the file's layout."""
    digest = hashlib.sha256()
    for name in sorted(tensors):
        tensor = tensors[name].detach().cpu().contiguous()
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}\n".encode())
        digest.update(tensor.numpy().tobytes())
    return digest.hexdigest()
