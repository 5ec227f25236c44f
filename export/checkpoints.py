"""Opening checkpoints without running what is inside them."""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cxr_edge.errors import CheckpointError

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


def read_state_dict(path: Path) -> dict[str, "Tensor"]:
    """A bare state dict from ``.safetensors``, or from a pickle opened with ``weights_only``.

    Raises:
        CheckpointError: missing, damaged, or holding anything but tensors.
    """
    import torch
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        if path.suffix == ".safetensors":
            return dict(load_file(path))
        content = torch.load(path, map_location="cpu", weights_only=True)
    except FileNotFoundError:
        raise CheckpointError(f"{path}: no such file; check the path of the checkpoint") from None
    except SafetensorError as problem:
        raise CheckpointError(f"{path} is damaged ({problem}); get it again") from None
    except Exception as problem:  # torch raises many kinds for a damaged or unsafe file
        raise CheckpointError(
            f"{path} cannot be opened safely ({type(problem).__name__}); "
            "expected a state dict of tensors, save it as .safetensors"
        ) from None
    if not isinstance(content, Mapping) or not all(torch.is_tensor(v) for v in content.values()):
        raise CheckpointError(
            f"{path} is not a bare state dict of tensors; save its state dict as .safetensors"
        )
    return dict(content)


def hash_tensors(tensors: Mapping[str, "Tensor"]) -> str:
    """SHA-256 (hex) of names, shapes, dtypes and values, independent of the file's layout."""
    digest = hashlib.sha256()
    for name in sorted(tensors):
        tensor = tensors[name].detach().cpu().contiguous()
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}\n".encode())
        digest.update(tensor.numpy().tobytes())
    return digest.hexdigest()
