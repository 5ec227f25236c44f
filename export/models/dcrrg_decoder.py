"""The decoder of DCRRG (Zhou & Wang, EMNLP 2024): two post-LN layers over prompted embeddings.

``e_attn = LN(MMHA(y) + y)``, ``e_ca = LN(CA(e_attn, f_I) + e_attn)`` and
``f_d = LN(FFN(e_ca) + e_ca)`` (section 3.3). No weights are published. The keys are those of
``torch.nn.TransformerDecoder`` (``layers.0.self_attn.in_proj_weight`` and so on) with
``embedding.weight``, ``head.weight``, ``head.bias``, and where there are any ``memory.weight`` and
``memory.bias`` (from the embeddings' size to the decoder's), ``position.weight`` and ``prefix``,
the P-Tuning v2 prompt (m, L * 2 * d): for each slot and layer a key and a value.

Two graphs are exported. ``prefill`` projects the memory for cross-attention once and opens a cache
of fixed size, the prefix already in it; ``step`` takes one token further. See
``cxr_edge.decoding.CachedDecoder`` for the loop around them. Where the checkpoint also holds the
image side (``image.trunk.conv1.weight`` and so on), the third graph is ``image``, whose ``memory``
output is what ``prefill`` reads.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from cxr_edge.errors import CheckpointError
from cxr_edge.export.checkpoints import hash_tensors
from cxr_edge.export.models.dcrrg_image import PREFIX, load_image
from cxr_edge.export.models.defaults import (
    IMAGENET_RECIPE,
    IMAGENET_SIZE,
    muted_observations,
    smooth_pictures,
    state_of,
)
from cxr_edge.export.models.fitting import count_layers, fit, shapes_of, without_prefix
from cxr_edge.export.spec import ExportSpec, GraphSpec
from cxr_edge.export.vocabulary import read_vocabulary
from cxr_edge.labels import OBSERVATIONS

NAME = "dcrrg-decoder"
_HEAD = 64
"""Width of one attention head: 512 / 8 in the paper."""
_HIDDEN = -1e4
"""Added to the scores of empty slots; finite, so that FP16 stays finite."""
_BEAMS = 3
"""Of the paper's search."""
_LIMIT = 100
"""Most tokens where no position table sets it."""

RECIPE = IMAGENET_RECIPE
"""Of the ResNet-50 DCCLIP whose prompted embeddings this decoder reads. The paper trains on the
MIMIC-CXR 8-bit release from ImageNet weights and gives no constants; these are a choice of ours."""


@dataclass(frozen=True)
class DecoderConfig:
    """The sizes that a checkpoint fixes.

    Attributes:
        width: d; heads are 64 wide.
        hidden: width inside the feed-forward part.
        layers: L.
        vocabulary: V.
        memory: P, size of one memory row; the same as ``width`` where nothing is projected.
        projected: a Linear from P to ``width`` comes first.
        positions: rows of the position table; 0 where there is none, as in the paper.
        prefix: m, slots of the P-Tuning v2 prompt; 0 where there is none.
    """

    width: int
    hidden: int
    layers: int
    vocabulary: int
    memory: int
    projected: bool
    positions: int
    prefix: int

    @property
    def limit(self) -> int:
        """Most tokens of a sequence."""
        return self.positions or _LIMIT

    @property
    def slots(self) -> int:
        """T, the size of the cache."""
        return self.prefix + self.limit


class Attention(nn.Module):
    """The parameters of ``torch.nn.MultiheadAttention``, used one projection at a time."""

    def __init__(self, width: int) -> None:
        """Channels of a token."""
        super().__init__()
        self.heads = width // _HEAD
        self.in_proj_weight = nn.Parameter(torch.zeros(3 * width, width))
        self.in_proj_bias = nn.Parameter(torch.zeros(3 * width))
        self.out_proj = nn.Linear(width, width)

    def project(self, x: Tensor, which: int) -> Tensor:
        """float32 (N, S, d) -> (N, H, S, E): queries (0), keys (1) or values (2)."""
        width = self.heads * _HEAD
        rows = slice(which * width, (which + 1) * width)
        projected = F.linear(x, self.in_proj_weight[rows], self.in_proj_bias[rows])
        return projected.view(*projected.shape[:2], self.heads, _HEAD).transpose(1, 2)

    def mix(self, queries: Tensor, keys: Tensor, values: Tensor, mask: Tensor | None) -> Tensor:
        """(N, H, 1, E) over (N, H, S, E), mask (N, 1, 1, S) added to the scores -> (N, 1, d)."""
        scores = queries @ keys.transpose(2, 3) * _HEAD**-0.5
        scores = scores if mask is None else scores + mask
        mixed = torch.softmax(scores.float(), dim=-1) @ values
        return cast(Tensor, self.out_proj(mixed.transpose(1, 2).flatten(2)))


class Layer(nn.Module):
    """One decoder layer, normalised after each part."""

    def __init__(self, width: int, hidden: int) -> None:
        """Channels of a token, and inside the feed-forward part."""
        super().__init__()
        self.self_attn = Attention(width)
        self.multihead_attn = Attention(width)
        self.linear1 = nn.Linear(width, hidden)
        self.linear2 = nn.Linear(hidden, width)
        self.norm1 = nn.LayerNorm(width)
        self.norm2 = nn.LayerNorm(width)
        self.norm3 = nn.LayerNorm(width)

    def forward(
        self, x: Tensor, cache: tuple[Tensor, Tensor], cross: tuple[Tensor, Tensor], mask: Tensor
    ) -> Tensor:
        """One token float32 (N, 1, d) over a cache that already holds it -> (N, 1, d)."""
        own = self.self_attn.mix(self.self_attn.project(x, 0), *cache, mask)
        x = self.norm1((own + x).float())
        seen = self.multihead_attn.mix(self.multihead_attn.project(x, 0), *cross, None)
        x = self.norm2((seen + x).float())
        return cast(Tensor, self.norm3((self.linear2(torch.relu(self.linear1(x))) + x).float()))


class Decoder(nn.Module):
    """All parameters, and one step of the decoder around an explicit cache."""

    def __init__(self, config: DecoderConfig) -> None:
        """Of the sizes that a checkpoint fixes."""
        super().__init__()
        self.config = config
        self.embedding = nn.Embedding(config.vocabulary, config.width)
        self.position = nn.Embedding(config.positions, config.width) if config.positions else None
        self.memory = nn.Linear(config.memory, config.width) if config.projected else None
        self.layers = nn.ModuleList(
            Layer(config.width, config.hidden) for _ in range(config.layers)
        )
        self.head = nn.Linear(config.width, config.vocabulary)
        self.prefix: nn.Parameter | None = None
        if config.prefix:
            self.prefix = nn.Parameter(torch.zeros(config.prefix, config.layers * 2 * config.width))

    def opened(self) -> tuple[Tensor, Tensor]:
        """Keys and values float32 (1, L, H, T, E): the prefix in the first m slots, then zeros."""
        config = self.config
        heads = config.width // _HEAD
        if self.prefix is None:
            blank = self.head.weight.new_zeros(1, config.layers, heads, config.slots, _HEAD)
            return blank, blank
        pairs = self.prefix.view(config.prefix, config.layers, 2, heads, _HEAD)
        keys, values = F.pad(pairs.permute(2, 1, 3, 0, 4), (0, 0, 0, config.limit))
        return keys[None], values[None]

    def crossed(self, memory: Tensor) -> tuple[Tensor, Tensor]:
        """float32 (N, S, P) -> cross-attention keys and values, each (N, L, H, S, E)."""
        x = memory if self.memory is None else self.memory(memory)
        attentions = [cast(Layer, layer).multihead_attn for layer in self.layers]
        keys, values = (torch.stack([a.project(x, k) for a in attentions], 1) for k in (1, 2))
        return keys, values

    def step(
        self,
        token: Tensor,
        position: Tensor,
        cache: tuple[Tensor, Tensor],
        cross: tuple[Tensor, Tensor],
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Take one token further.

        Args:
            token: int64 (N,).
            position: int64 (N,), 0 for the start token.
            cache: keys and values (N, L, H, T, E).
            cross: keys and values (N, L, H, S, E).

        Returns:
            Logits (N, V), and keys and values with the token's slot filled.
        """
        slots = torch.arange(self.config.slots, device=token.device)[None]
        own = position[:, None] + self.config.prefix
        here = (slots == own)[:, None, :, None]
        mask = torch.where(slots <= own, 0.0, _HIDDEN)[:, None, None]
        x = self.embedding(token)[:, None]
        if self.position is not None:
            x = x + self.position(position)[:, None]
        kept = []
        for k, module in enumerate(self.layers):
            layer = cast(Layer, module)
            keys = torch.where(here, layer.self_attn.project(x, 1), cache[0][:, k])
            values = torch.where(here, layer.self_attn.project(x, 2), cache[1][:, k])
            kept.append((keys, values))
            x = layer(x, (keys, values), (cross[0][:, k], cross[1][:, k]), mask)
        new = (torch.stack([pair[k] for pair in kept], 1) for k in (0, 1))
        return (self.head(x[:, 0]), *new)


class Prefill(nn.Module):
    """What is done once for each memory: cross-attention, an opened cache, the start token.

    The opened cache, with the prefix in it, is a constant of the graph.
    """

    opened_keys: Tensor
    opened_values: Tensor

    def __init__(self, decoder: Decoder) -> None:
        """Of a decoder whose weights do not change any more."""
        super().__init__()
        self.decoder = decoder
        keys, values = decoder.opened()
        self.register_buffer("opened_keys", keys.detach().clone())
        self.register_buffer("opened_values", values.detach().clone())

    def forward(self, memory: Tensor, token: Tensor) -> tuple[Tensor, ...]:
        """Open a sequence.

        Args:
            memory: float32 (N, S, P).
            token: int64 (N,), the start token.

        Returns:
            ``logits`` (N, V), ``keys``, ``values`` (N, L, H, T, E), ``cross_keys``,
            ``cross_values`` (N, L, H, S, E).
        """
        count = token.shape[0]
        keys = self.opened_keys.expand(count, -1, -1, -1, -1)
        values = self.opened_values.expand(count, -1, -1, -1, -1)
        cross = self.decoder.crossed(memory)
        position = torch.zeros_like(token)
        return (*self.decoder.step(token, position, (keys, values), cross), *cross)


class Step(nn.Module):
    """One token further. In a graph no output may bear an input's name, hence ``next_``."""

    def __init__(self, decoder: Decoder) -> None:
        """The decoder, shared with its prefill."""
        super().__init__()
        self.decoder = decoder

    def forward(
        self,
        token: Tensor,
        position: Tensor,
        keys: Tensor,
        values: Tensor,
        cross_keys: Tensor,
        cross_values: Tensor,
    ) -> tuple[Tensor, ...]:
        """See :meth:`Decoder.step`; returns ``logits``, ``next_keys``, ``next_values``."""
        return self.decoder.step(token, position, (keys, values), (cross_keys, cross_values))


_OTHERS = ("image.", "text.", "log_temperature")
"""Beginnings of what a checkpoint may hold beside the decoder."""


def _bare(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    bare = without_prefix(state, ("module.", "decoder."))
    return {key: tensor for key, tensor in bare.items() if not key.startswith(_OTHERS)}


def read(state: Mapping[str, Tensor]) -> DecoderConfig:
    """Read all sizes from the weights.

    Raises:
        CheckpointError: the keys are not those named at the head of this file, or the width is not
            a multiple of 64.
    """
    found = _bare(state)
    keys = ("embedding.weight", "layers.0.linear1.weight", "head.weight")
    (vocabulary, width), (hidden, _), _ = shapes_of(NAME, found, keys)
    layers = count_layers(found, "layers.")
    prefix = found.get("prefix")
    if width % _HEAD or (prefix is not None and prefix.shape[-1] != layers * 2 * width):
        raise CheckpointError(
            f"not a {NAME} checkpoint: width {width} and prefix "
            f"{None if prefix is None else tuple(prefix.shape)}, expected a multiple of {_HEAD} "
            f"and (m, {layers} layers x 2 x width)"
        )
    projection = found.get("memory.weight")
    positions = found.get("position.weight")
    return DecoderConfig(
        width=width,
        hidden=hidden,
        layers=layers,
        vocabulary=vocabulary,
        memory=width if projection is None else projection.shape[1],
        projected=projection is not None,
        positions=0 if positions is None else positions.shape[0],
        prefix=0 if prefix is None else prefix.shape[0],
    )


def load(state: Mapping[str, Tensor]) -> Decoder:
    """The decoder of a checkpoint, in evaluation mode.

    Raises:
        CheckpointError: keys are missing, left over, or of another shape.
    """
    config = read(state)
    return fit(NAME, lambda: Decoder(config), _bare(state))


def graphs(decoder: Decoder) -> tuple[GraphSpec, GraphSpec]:
    """Prefill and step, with samples: fourteen rows of memory, and caches that prefill opened."""
    config = decoder.config
    prefill, step = Prefill(decoder).eval(), Step(decoder).eval()

    def memories(count: int, chance: np.random.Generator) -> tuple[NDArray[np.generic], ...]:
        shape = (count, len(OBSERVATIONS), config.memory)
        return (
            chance.standard_normal(shape, dtype=np.float32),
            chance.integers(config.vocabulary, size=count),
        )

    def caches(count: int, chance: np.random.Generator) -> tuple[NDArray[np.generic], ...]:
        """The second token of sequences, and where the cache allows it a later one."""
        memory, token = (torch.from_numpy(array) for array in memories(count, chance))
        with torch.no_grad():
            _, *state = prefill(memory, token)
        return (
            chance.integers(config.vocabulary, size=count),
            chance.integers(1, config.limit, size=count),
            *(tensor.numpy() for tensor in state),
        )

    cache = ("keys", "values")
    cross = ("cross_keys", "cross_values")
    return (
        GraphSpec(
            "prefill",
            prefill,
            ("memory", "token"),
            ("logits", *cache, *cross),
            memories,
            axes={"memory": {1: "rows"}},
        ),
        GraphSpec(
            "step",
            step,
            ("token", "position", *cache, *cross),
            ("logits", *(f"next_{name}" for name in cache)),
            caches,
            axes={name: {3: "rows"} for name in cross},
        ),
    )


def export_spec(checkpoint: Path | None, tokenizer: Path | None = None) -> ExportSpec:
    """What the exporter needs: both graphs, and the image network where the checkpoint holds it.

    Args:
        checkpoint: the weights.
        tokenizer: the decoder's words; without them the bundle cannot write.

    Raises:
        CheckpointError: no checkpoint, one of something else, an image side whose embeddings the
            decoder cannot read, or words that are not its own.
    """
    from cxr_edge.export.models.dcrrg_reference import write

    network = load(state := state_of(NAME, checkpoint))
    image = load_image(NAME, without_prefix(state, ("module.",)))
    parts: tuple[GraphSpec, ...] = graphs(network)
    tensors = dict(network.state_dict())
    if image is not None:
        given, read_ = image.head.project.out_features, network.config.memory
        if given != read_:
            raise CheckpointError(
                f"not a whole {NAME} checkpoint: the image side gives {given} numbers an "
                f"embedding and the decoder reads {read_}; expected parts trained together"
            )
        outputs = ("embedding", "probabilities", "memory")
        parts = (
            GraphSpec("image", image, ("pixels",), outputs, smooth_pictures(3, IMAGENET_SIZE)),
            *parts,
        )
        tensors |= {PREFIX + key: tensor for key, tensor in image.state_dict().items()}
    decoding: dict[str, Any] = {"kind": "cached", "limit": network.config.limit, "beams": _BEAMS}
    words = None
    if tokenizer is not None:
        words = read_vocabulary(NAME, tokenizer, network.config.vocabulary)
        decoding |= {"start": words.start, "end": words.end}
    return ExportSpec(
        name=NAME,
        architecture=NAME,
        space=f"{NAME}/{hash_tensors(tensors)[:16]}",
        metric="cosine",
        dimension=network.config.memory,
        recipe=RECIPE.to_json(),
        graphs=parts,
        observations=muted_observations(),
        tokenizer=words.tokenizer if words else {},
        files=words.files if words else {},
        decoding=decoding,
        writer=partial(write, network),
    )
