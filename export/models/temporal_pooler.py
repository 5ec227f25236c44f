"""The transformer by which BioViL-T compares a picture with an earlier one of the same patient.

Bannur et al., CVPR 2023, section 3.1: the places of both pictures are the tokens of one pre-LN
transformer. Where a token lies and which picture it comes from is added to what queries, keys and
values are made of, in every block; nothing of it is kept in the stream itself.
"""

from math import tau

import torch
from torch import Tensor, nn
from torch.nn import functional as F

HEADS = 8
"""Heads of the released network; no key tells it."""

_EPSILON = 1e-6


def sine_positions(height: int, width: int, dimension: int) -> Tensor:
    """Sines and cosines of where a place lies, row first, as in DETR.

    Args:
        height: rows H of the grid.
        width: columns W.
        dimension: C, a multiple of four.

    Returns:
        float32 (H W, C): the first half tells the row, the second the column; in each half sine and
        cosine alternate, with a period that grows from pair to pair up to 10000 turns.
    """
    count = dimension // 2
    pair = torch.arange(count, device="cpu").div(2, rounding_mode="floor")
    period = 10000.0 ** (2.0 * pair / count)
    axes = []
    for length in (height, width):
        place = torch.arange(1, length + 1, device="cpu", dtype=torch.float32)
        angle = (place / (length + _EPSILON) * tau)[:, None] / period
        axes.append(torch.stack([angle[:, 0::2].sin(), angle[:, 1::2].cos()], dim=2).flatten(1))
    rows = axes[0][:, None].expand(height, width, count)
    columns = axes[1][None].expand(height, width, count)
    return torch.cat([rows, columns], dim=2).flatten(0, 1)


class Attention(nn.Module):
    """Multi-head self-attention whose queries, keys and values have no bias."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.proj_q = nn.Linear(width, width, bias=False)
        self.proj_k = nn.Linear(width, width, bias=False)
        self.proj_v = nn.Linear(width, width, bias=False)
        self.proj = nn.Linear(width, width)

    def forward(self, x: Tensor) -> Tensor:
        """float32 (N, L, C) -> float32 (N, L, C)."""
        q, k, v = (
            layer(x).unflatten(2, (HEADS, -1)).transpose(1, 2)
            for layer in (self.proj_q, self.proj_k, self.proj_v)
        )
        weights = torch.softmax((q @ k.transpose(2, 3)).float() * q.shape[3] ** -0.5, dim=3)
        mixed: Tensor = self.proj((weights @ v).transpose(1, 2).flatten(2))
        return mixed


class Perceptron(nn.Module):
    """Two layers with a GELU between."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.fc1 = nn.Linear(width, width)
        self.fc2 = nn.Linear(width, width)

    def forward(self, x: Tensor) -> Tensor:
        """float32 (N, L, C) -> float32 (N, L, C)."""
        hidden: Tensor = self.fc2(F.gelu(self.fc1(x)))
        return hidden


class Block(nn.Module):
    """Attention and perceptron, each after its own normalisation."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(width, eps=_EPSILON)
        self.attn = Attention(width)
        self.norm2 = nn.LayerNorm(width, eps=_EPSILON)
        self.mlp = Perceptron(width)

    def forward(self, x: Tensor, places: Tensor) -> Tensor:
        """float32 (N, L, C) and (L, C) -> float32 (N, L, C)."""
        x = x + self.attn(self.norm1(x) + places)
        mixed: Tensor = x + self.mlp(self.norm2(x))
        return mixed


class TemporalPooler(nn.Module):
    """Both grids to what changed, told at the places of the later one."""

    def __init__(self, width: int, layers: int) -> None:
        super().__init__()
        self.type_embed = nn.Parameter(torch.zeros(2, 1, width))
        self.blocks = nn.ModuleList(Block(width) for _ in range(layers))
        self.norm_post = nn.LayerNorm(width, eps=_EPSILON)

    def forward(self, current: Tensor, previous: Tensor) -> Tensor:
        """float32 (N, C, H, W), twice -> float32 (N, C, H, W)."""
        channels, height, width = current.shape[1:]
        grid = sine_positions(height, width, channels)
        places = torch.cat([grid + self.type_embed[0], grid + self.type_embed[1]])
        tokens = torch.cat([current.flatten(2), previous.flatten(2)], dim=2).transpose(1, 2)
        for block in self.blocks:
            tokens = block(tokens, places)
        later: Tensor = self.norm_post(tokens)[:, : height * width]
        return later.transpose(1, 2).reshape(current.shape)
