"""Llama 3 (arXiv 2407.21783) without its causal mask, under the keys of its published files.

LLM2Vec (BehnamGhader et al., COLM 2024) makes a text encoder of a language model by letting every
token attend to all others. Pre-norm blocks with RMSNorm, rotary positions, grouped queries and a
gated perceptron (SwiGLU), none with a bias.

Attention is written out: under autocast its products become FP16, while softmax, normalisations and
the gate's product, whose factors could together leave FP16's range, stay FP32.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from cxr_edge.errors import CheckpointError
from cxr_edge.export.models.fitting import count_layers, shapes_of

HEAD_WIDTH = 64
"""Channels of one attention head in Llama 3.2 1B; no key of a checkpoint tells it."""

BLOCKED = -1e4
"""Added to scores that must not count: finite, and within the range of FP16."""

_EPSILON = 1e-5
_BASE = 500000.0
_STRETCH = 32.0
"""Slow rotations of Llama 3.2 turn this many times slower than those of Llama 3."""
_TRAINED = 8192
"""Ids of the longest text before that stretch."""
_LOW, _HIGH = 1.0, 4.0
"""Turns in ``_TRAINED`` ids up to which a rotation is stretched in full, and from which not."""


@dataclass(frozen=True)
class LlamaConfig:
    """The sizes that a checkpoint fixes.

    Attributes:
        vocabulary: V, ids there are.
        width: W, channels, a multiple of 64.
        hidden: channels inside the perceptron.
        layers: blocks.
        groups: heads of keys and values; each serves as many heads of queries.
    """

    vocabulary: int
    width: int
    hidden: int
    layers: int
    groups: int


def rotation_speeds() -> list[float]:
    """Radians by which each of the 32 pairs of channels turns from one id to the next.

    Those that turn fewer than ``_LOW`` times in ``_TRAINED`` ids are slowed down by ``_STRETCH``,
    those of more than ``_HIGH`` turns are left, and in between the two are mixed.
    """
    speeds = []
    for pair in range(HEAD_WIDTH // 2):
        speed = _BASE ** (-2 * pair / HEAD_WIDTH)
        turns = _TRAINED * speed / (2 * math.pi)
        kept = min(max((turns - _LOW) / (_HIGH - _LOW), 0.0), 1.0)
        speeds.append(speed * (kept + (1 - kept) / _STRETCH))
    return speeds


def rotary_tables(length: int, device: torch.device) -> tuple[Tensor, Tensor]:
    """Cosines and sines by which ids are rotated, float32 (L, 64); channel c pairs with c + 32."""
    speeds = torch.tensor(rotation_speeds(), device=device)
    angles = torch.arange(length, device=device)[:, None].float() * speeds
    both = torch.cat([angles, angles], dim=1)
    return both.cos(), both.sin()


def _rotate(x: Tensor, cosines: Tensor, sines: Tensor) -> Tensor:
    first, second = x.chunk(2, dim=-1)
    return x * cosines + torch.cat([-second, first], dim=-1) * sines


class RootMeanSquareNorm(nn.Module):
    """Divides by the root mean square; no mean is taken away and nothing is added."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(width))

    def forward(self, x: Tensor) -> Tensor:
        """float32 (..., W) -> float32 (..., W)."""
        x = x.float()
        return x * torch.rsqrt(x.square().mean(dim=-1, keepdim=True) + _EPSILON) * self.weight


class _Attention(nn.Module):
    def __init__(self, config: LlamaConfig) -> None:
        super().__init__()
        self.groups = config.groups
        shared = config.groups * HEAD_WIDTH
        self.q_proj = nn.Linear(config.width, config.width, bias=False)
        self.k_proj = nn.Linear(config.width, shared, bias=False)
        self.v_proj = nn.Linear(config.width, shared, bias=False)
        self.o_proj = nn.Linear(config.width, config.width, bias=False)

    def forward(self, x: Tensor, mask: Tensor, cosines: Tensor, sines: Tensor) -> Tensor:
        # (N, groups, queries of a group, L, 64); keys and values have one for all queries.
        query, key, value = (
            layer(x).unflatten(2, (self.groups, -1, HEAD_WIDTH)).permute(0, 2, 3, 1, 4)
            for layer in (self.q_proj, self.k_proj, self.v_proj)
        )
        query = _rotate(query.float(), cosines, sines) * HEAD_WIDTH**-0.5
        key = _rotate(key.float(), cosines, sines)
        scores = query @ key.transpose(3, 4) + mask
        answer = (torch.softmax(scores.float(), dim=-1) @ value).permute(0, 3, 1, 2, 4)
        return cast(Tensor, self.o_proj(answer.flatten(2)))


class _Perceptron(nn.Module):
    def __init__(self, config: LlamaConfig) -> None:
        super().__init__()
        self.gate_proj = nn.Linear(config.width, config.hidden, bias=False)
        self.up_proj = nn.Linear(config.width, config.hidden, bias=False)
        self.down_proj = nn.Linear(config.hidden, config.width, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        gated = F.silu(self.gate_proj(x).float()) * self.up_proj(x).float()
        return cast(Tensor, self.down_proj(gated))


class _Layer(nn.Module):
    def __init__(self, config: LlamaConfig) -> None:
        super().__init__()
        self.self_attn = _Attention(config)
        self.mlp = _Perceptron(config)
        self.input_layernorm = RootMeanSquareNorm(config.width)
        self.post_attention_layernorm = RootMeanSquareNorm(config.width)

    def forward(self, x: Tensor, mask: Tensor, cosines: Tensor, sines: Tensor) -> Tensor:
        x = x + self.self_attn(self.input_layernorm(x), mask, cosines, sines)
        return x + cast(Tensor, self.mlp(self.post_attention_layernorm(x)))


class Llama(nn.Module):
    """Ids to the last layer's features."""

    def __init__(self, config: LlamaConfig) -> None:
        """Sizes of the checkpoint."""
        super().__init__()
        self.embed_tokens = nn.Embedding(config.vocabulary, config.width)
        self.layers = nn.ModuleList(_Layer(config) for _ in range(config.layers))
        self.norm = RootMeanSquareNorm(config.width)

    def forward(self, ids: Tensor, mask: Tensor) -> Tensor:
        """Encode texts.

        Positions count from the row's first id, padding included: only distances matter.

        Args:
            ids: int64 (N, L).
            mask: int64 (N, L), 1 where an id counts and 0 where it is padding.

        Returns:
            float32 (N, L, W).
        """
        x = self.embed_tokens.weight[ids]
        blocked = (1.0 - mask.float())[:, None, None, None, :] * BLOCKED
        cosines, sines = rotary_tables(ids.shape[1], ids.device)
        for layer in self.layers:
            x = layer(x, blocked, cosines, sines)
        return cast(Tensor, self.norm(x))


def read_llama(architecture: str, state: Mapping[str, Tensor], beginning: str = "") -> LlamaConfig:
    """Read all sizes from the weights.

    Args:
        architecture: for the message.
        state: tensors by key.
        beginning: what stands before the keys, such as ``model.``.

    Raises:
        CheckpointError: the tensors are not those of a Llama.
    """
    keys = (
        f"{beginning}embed_tokens.weight",
        f"{beginning}layers.0.self_attn.k_proj.weight",
        f"{beginning}layers.0.mlp.gate_proj.weight",
    )
    (vocabulary, width), (shared, _), (hidden, _) = shapes_of(architecture, state, keys)
    if width % HEAD_WIDTH or shared % HEAD_WIDTH or (width // max(shared, 1)) * shared != width:
        raise CheckpointError(
            f"not a {architecture} checkpoint: {width} and {shared} channels do not divide into "
            f"heads of {HEAD_WIDTH} that share keys; check --model and the file"
        )
    layers = count_layers(state, f"{beginning}layers.")
    return LlamaConfig(vocabulary, width, hidden, layers, shared // HEAD_WIDTH)
