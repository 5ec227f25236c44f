"""What a checkpoint file holds, told without torch and without running anything in it."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from cxr_edge.errors import CheckpointError
from cxr_edge.export.container import Container, damaged
from cxr_edge.export.opening import open_container
from cxr_edge.export.pickles import shown
from cxr_edge.export.standins import ScriptModule
from cxr_edge.export.stored import ITEMSIZE, StoredTensor

WRAPPERS = ("state_dict", "module", "model_state_dict", "model", "sd", "weights")
"""Keys under which trainers keep the tensors, in the order in which they are looked for."""
PREFIXES = ("module.", "_orig_mod.")
"""Put before every name by data-parallel training and by ``torch.compile``."""
_LIGHTNING = "pytorch-lightning_version"
_EXPANDED = 16 * 2**20
"""Bytes that a tensor may have beyond those its storage has, as a repeated row does."""
_DEPTH, _NODES = 64, 200_000
"""Limits of a TorchScript archive's tree of modules, so that a loop in it ends."""


Value = TypeVar("Value")


@dataclass(frozen=True)
class TensorInfo:
    """Shape and type of a tensor in a file; ``dtype`` is torch's name, such as ``float16``."""

    shape: tuple[int, ...]
    dtype: str


@dataclass(frozen=True)
class Listing:
    """What a checkpoint file holds.

    Attributes:
        form: ``safetensors``, ``torch zip``, ``torch legacy``, ``torchscript`` or ``lightning``.
        tensors: by name, as the file names them below ``wrapper``.
        wrapper: key path under which the tensors stand, such as ``model.state_dict``; empty for a
            bare state dict.
        scalars: plain numbers beside the tensors, such as ``epoch``.
        others: names of everything else; it is left in the file.
        metadata: free text of a safetensors header.
        size: bytes of the file.
        gzipped: the file is inside gzip.
    """

    form: str
    tensors: Mapping[str, TensorInfo]
    wrapper: str
    scalars: Mapping[str, int | float]
    others: tuple[str, ...]
    metadata: Mapping[str, str]
    size: int
    gzipped: bool


@dataclass(frozen=True)
class OpenCheckpoint:
    """A listing together with the way to the numbers, while the file is open."""

    listing: Listing
    stored: Mapping[str, StoredTensor]
    fetch: Callable[[str], bytes]


def read_listing(path: Path) -> Listing:
    """List a checkpoint file.

    Raises:
        CheckpointError: missing, cut short, hostile, one of several shards, or no checkpoint.
    """
    with open_checkpoint(path) as opened:
        return opened.listing


@contextmanager
def open_checkpoint(path: Path) -> Iterator[OpenCheckpoint]:
    """Open a checkpoint file of any kind.

    Raises:
        CheckpointError: as :func:`read_listing`.
    """
    with open_container(path) as (container, gzipped):
        yield _sorted_out(container, path, gzipped=gzipped)


def without_wrappers(tensors: Mapping[str, Value]) -> dict[str, Value]:
    """The same under names without ``PREFIXES``; where two become one, the bare one stays."""
    bare: dict[str, Value] = {}
    for name, value in tensors.items():
        short = name
        while short.startswith(PREFIXES):
            short = short.partition(".")[2]
        if short == name or short not in bare:
            bare[short] = value
    return bare


def _sorted_out(container: Container, path: Path, *, gzipped: bool) -> OpenCheckpoint:
    tree, wrapper, form = container.tree, "", container.kind
    if isinstance(tree, ScriptModule):
        tree = _flat(tree)
    if isinstance(tree, Mapping) and _LIGHTNING in tree:
        form = "lightning"
    beside: dict[str, object] = {}
    while isinstance(tree, Mapping) and (inner := _wrapped(tree)):
        beside |= {shown(key): value for key, value in tree.items() if key != inner}
        wrapper, tree = f"{wrapper}.{inner}".strip("."), tree[inner]
    if not isinstance(tree, Mapping):
        raise CheckpointError(
            f"{path} holds a {type(tree).__name__}, expected a state dict of tensors; "
            "save the model's state_dict()"
        )
    stored = {
        key: value
        for key, value in tree.items()
        if isinstance(key, str) and isinstance(value, StoredTensor)
    }
    beside |= {shown(key): value for key, value in tree.items() if key not in stored}
    if not stored:
        keys = ", ".join(sorted(beside)[:5]) or "nothing"
        raise CheckpointError(
            f"{path} holds no state dict of tensors (found: {keys}); expected one, bare or under "
            f"one of {', '.join(WRAPPERS)}"
        )
    _check_reach(container, stored, path)
    scalars = {key: value for key, value in beside.items() if type(value) in (int, float)}
    listing = Listing(
        form=form,
        tensors={key: TensorInfo(t.shape, t.dtype) for key, t in stored.items()},
        wrapper=wrapper,
        scalars={key: value for key, value in scalars.items() if isinstance(value, int | float)},
        others=tuple(key for key in beside if key not in scalars),
        metadata=container.metadata,
        size=path.stat().st_size,
        gzipped=gzipped,
    )
    return OpenCheckpoint(listing, stored, container.fetch)


def _wrapped(tree: Mapping[object, object]) -> str | None:
    """The first wrapper key that has tensors below it."""
    for key in WRAPPERS:
        inner = tree.get(key)
        if isinstance(inner, Mapping) and (
            any(isinstance(value, StoredTensor) for value in inner.values()) or _wrapped(inner)
        ):
            return key
    return None


def _flat(module: ScriptModule) -> dict[str, object]:
    """Attributes of a module and its children by dotted name, as ``state_dict`` has them."""
    flat: dict[str, object] = {}
    waiting: list[tuple[str, object, int]] = [("", module, 0)]
    for _ in range(_NODES):
        if not waiting:
            break
        prefix, value, depth = waiting.pop()
        if isinstance(value, ScriptModule) and isinstance(value.held, Mapping) and depth < _DEPTH:
            children = [(f"{prefix}.{name}".strip("."), v) for name, v in value.held.items()]
            waiting += [(name, child, depth + 1) for name, child in reversed(children)]
        elif isinstance(value, StoredTensor) or type(value) in (int, float):
            flat[prefix] = value
    return flat


def _check_reach(container: Container, stored: Mapping[str, StoredTensor], path: Path) -> None:
    for name, tensor in stored.items():
        size = container.sizes.get(tensor.storage)
        if size is None or tensor.reach > size:
            raise damaged(path, f"the numbers of {shown(name)} are not all there")
        if tensor.elements * ITEMSIZE[tensor.dtype] > size + _EXPANDED:
            raise CheckpointError(
                f"{path} has a tensor {shown(name)} of shape {tensor.shape} made from {size} bytes,"
                " expected tensors stored whole; do not trust it"
            )
