"""Low-rank adapters (Hu et al., ICLR 2022) as ``peft`` stores them, added to their weights.

An adapter of a Linear W is a pair A (r, inputs) and B (outputs, r); with it the layer is
``W + alpha / r * B A``. Files hold r in the shapes; alpha they do not hold.
"""

import re
from collections.abc import Mapping

from torch import Tensor

from cxr_edge.errors import CheckpointError

_PART = re.compile(r"(.+)\.lora_([AB])(?:\.(\w+))?\.weight")


def is_adapter(key: str) -> bool:
    """Whether a key is one of an adapter."""
    return ".lora_" in key


def merged(
    architecture: str,
    weights: Mapping[str, Tensor],
    adapters: Mapping[str, Tensor],
    *,
    name: str,
    alpha: float,
) -> tuple[dict[str, Tensor], int]:
    """Add the adapters of one name to the weights.

    Args:
        architecture: for the message.
        weights: tensors by key, any floating type.
        adapters: tensors of :func:`is_adapter` keys; the layer's key, ``.lora_A`` or ``.lora_B``,
            an optional name, ``.weight``.
        name: of the adapters to add. Where only one other name is there, that one.
        alpha: as above.

    Returns:
        The weights, those changed in float32, and the number of layers that were changed.

    Raises:
        CheckpointError: several names and not this one, half a pair, another layer's shape, or a
            layer that is not there.
    """
    pairs: dict[str, dict[str, dict[str, Tensor]]] = {}
    for key, tensor in adapters.items():
        found = _PART.fullmatch(key)
        if found is None:
            raise CheckpointError(
                f"not a {architecture} checkpoint: {key} is an adapter of another kind than "
                "low-rank pairs; merge it where it was trained"
            )
        pairs.setdefault(found[3] or "", {}).setdefault(found[1], {})[found[2]] = tensor
    chosen = name if name in pairs or len(pairs) != 1 else next(iter(pairs))
    if pairs and chosen not in pairs:
        raise CheckpointError(
            f"the checkpoint holds adapters {', '.join(sorted(pairs))}, expected {name!r} or one "
            "alone; keep the one to use"
        )
    result = dict(weights)
    for layer, pair in pairs.get(chosen, {}).items():
        key = f"{layer}.weight"
        down, up, weight = pair.get("A"), pair.get("B"), weights.get(key)
        if down is None or up is None or weight is None or _change(up, down) != weight.shape:
            raise CheckpointError(
                f"not a whole {architecture} checkpoint: the adapter of {layer} has no fitting "
                "pair or no such layer to change; check --model and the files"
            )
        scale = alpha / down.shape[0]
        result[key] = weight.float() + scale * (up.float() @ down.float())
    return result, len(pairs.get(chosen, {}))


def _change(up: Tensor, down: Tensor) -> tuple[int, ...]:
    """Shape of the product, empty where there is none."""
    fits = up.ndim == down.ndim == 2 and up.shape[1] == down.shape[0]
    return (up.shape[0], down.shape[1]) if fits else ()
