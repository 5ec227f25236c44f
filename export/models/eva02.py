"""EVA-02, a vision transformer with rotary positions (Fang et al., arXiv 2303.11331).

Pre-LN blocks with a further normalisation inside attention and inside the gated perceptron
(sub-LN, SwiGLU). Positions are learned and added once, and rotate queries and keys in every block;
the class token is not rotated.

Attention is written out, so that it exports as plain products. Under autocast these become FP16;
softmax, normalisations and the gate, a product of two factors that could leave FP16's range, are
held in FP32.
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

HEAD_WIDTH = 64
"""Channels of one attention head in the published networks."""

PRETRAINED_GRID = 16
"""Patches a side at which the rotation was learned; finer grids move in smaller steps."""

_EPSILON = 1e-6
_BASE = 10000.0


@dataclass(frozen=True)
class Eva02Config:
    """The sizes that a checkpoint fixes.

    Attributes:
        image_size: S, pixels a side of the input.
        patch: pixels a side of one patch.
        width: C, channels of the stream, a multiple of 64.
        layers: blocks.
        hidden: channels inside the perceptron.
        dimension: D, the size of the embedding.
    """

    image_size: int
    patch: int
    width: int
    layers: int
    hidden: int
    dimension: int

    @property
    def grid(self) -> int:
        """G, patches a side."""
        return self.image_size // self.patch


def rotary_tables(grid: int) -> tuple[Tensor, Tensor]:
    """Cosines and sines by which the patches of a square grid are rotated.

    Args:
        grid: G, patches a side.

    Returns:
        Two float32 (G G, 64): the first half of the channels turns with the row, the second with
        the column; two neighbouring channels share an angle.
    """
    half = HEAD_WIDTH // 2
    speed = _BASE ** -(torch.arange(0, half, 2, device="cpu", dtype=torch.float32) / half)
    place = torch.arange(grid, device="cpu", dtype=torch.float32) / grid * PRETRAINED_GRID
    angle = torch.outer(place, speed).repeat_interleave(2, dim=1)
    rows = angle[:, None].expand(grid, grid, half)
    columns = angle[None].expand(grid, grid, half)
    angles = torch.cat([rows, columns], dim=2).flatten(0, 1)
    return angles.cos(), angles.sin()


class Rotary(nn.Module):
    """Rotates pairs of channels by an angle that tells where the patch lies."""

    freqs_cos: Tensor
    freqs_sin: Tensor

    def __init__(self, grid: int) -> None:
        super().__init__()
        shape = (grid * grid, HEAD_WIDTH)
        self.register_buffer("freqs_cos", torch.empty(shape))
        self.register_buffer("freqs_sin", torch.empty(shape))

    def forward(self, x: Tensor) -> Tensor:
        """float32 (N, heads, 1 + G G, 64) -> the same; the class token comes first and stays."""
        first, patches = x[:, :, :1], x[:, :, 1:]
        pairs = patches.reshape(*patches.shape[:3], -1, 2)
        turned = torch.stack([-pairs[..., 1], pairs[..., 0]], dim=4).flatten(3)
        return torch.cat([first, patches * self.freqs_cos + turned * self.freqs_sin], dim=2)


class Attention(nn.Module):
    """Multi-head self-attention; keys have no bias, the result is normalised before it is mixed."""

    def __init__(self, width: int, rope: Rotary) -> None:
        super().__init__()
        self.q_proj = nn.Linear(width, width)
        self.k_proj = nn.Linear(width, width, bias=False)
        self.v_proj = nn.Linear(width, width)
        self.inner_attn_ln = nn.LayerNorm(width, eps=_EPSILON)
        self.proj = nn.Linear(width, width)
        self.rope = rope

    def forward(self, x: Tensor) -> Tensor:
        """float32 (N, L, C) -> float32 (N, L, C)."""
        q, k, v = (
            layer(x).unflatten(2, (-1, HEAD_WIDTH)).transpose(1, 2)
            for layer in (self.q_proj, self.k_proj, self.v_proj)
        )
        # Scaling the query keeps the products small, which matters once they are FP16.
        scores = (self.rope(q) * HEAD_WIDTH**-0.5) @ self.rope(k).transpose(2, 3)
        mixed = (torch.softmax(scores.float(), dim=3) @ v).transpose(1, 2).flatten(2)
        answer: Tensor = self.proj(self.inner_attn_ln(mixed.float()))
        return answer


class GatedPerceptron(nn.Module):
    """SwiGLU: one layer gates another; the product is normalised before the last layer."""

    def __init__(self, width: int, hidden: int) -> None:
        super().__init__()
        self.w1 = nn.Linear(width, hidden)
        self.w2 = nn.Linear(width, hidden)
        self.ffn_ln = nn.LayerNorm(hidden, eps=_EPSILON)
        self.w3 = nn.Linear(hidden, width)

    def forward(self, x: Tensor) -> Tensor:
        """float32 (N, L, C) -> float32 (N, L, C)."""
        gated = F.silu(self.w1(x).float()) * self.w2(x).float()
        answer: Tensor = self.w3(self.ffn_ln(gated))
        return answer


class Block(nn.Module):
    """Attention and perceptron, each after its own normalisation."""

    def __init__(self, width: int, hidden: int, rope: Rotary) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(width, eps=_EPSILON)
        self.attn = Attention(width, rope)
        self.norm2 = nn.LayerNorm(width, eps=_EPSILON)
        self.mlp = GatedPerceptron(width, hidden)

    def forward(self, x: Tensor) -> Tensor:
        """float32 (N, L, C) -> float32 (N, L, C)."""
        x = x + self.attn(self.norm1(x))
        answer: Tensor = x + self.mlp(self.norm2(x))
        return answer


class PatchEmbed(nn.Module):
    """Cuts a picture into patches and makes a token of each."""

    def __init__(self, patch: int, width: int) -> None:
        super().__init__()
        self.proj = nn.Conv2d(3, width, patch, patch)

    def forward(self, pixels: Tensor) -> Tensor:
        """float32 (N, 3, S, S) -> float32 (N, G G, C)."""
        tokens: Tensor = self.proj(pixels).flatten(2).transpose(1, 2)
        return tokens


class Eva02(nn.Module):
    """Pixels to an embedding.

    One rotation serves all blocks; it is stored under each of them, as in the published files.
    """

    def __init__(self, config: Eva02Config) -> None:
        super().__init__()
        self.cls_token = nn.Parameter(torch.zeros(1, 1, config.width))
        self.pos_embed = nn.Parameter(torch.zeros(1, 1 + config.grid**2, config.width))
        self.patch_embed = PatchEmbed(config.patch, config.width)
        self.rope = Rotary(config.grid)
        self.blocks = nn.ModuleList(
            Block(config.width, config.hidden, self.rope) for _ in range(config.layers)
        )
        self.norm = nn.LayerNorm(config.width, eps=_EPSILON)
        self.head = nn.Linear(config.width, config.dimension)

    def forward(self, pixels: Tensor) -> Tensor:
        """float32 (N, 3, S, S) -> ``embedding`` float32 (N, D), not normalised."""
        patches = self.patch_embed(pixels)
        tokens = torch.cat([self.cls_token.expand(pixels.shape[0], -1, -1), patches], dim=1)
        tokens = tokens + self.pos_embed
        for block in self.blocks:
            tokens = block(tokens)
        # A normalisation works token by token, so only the token that is used needs it.
        embedding: Tensor = self.head(self.norm(tokens[:, 0]))
        return embedding.float()
