"""The visual part of X-REM and CXR-ReDonE: ALBEF's ViT-B/16 (Li et al., NeurIPS 2021).

Two shapes are published: 256 px with ``vision_proj`` (pre-training and cosine retrieval) and 384 px
without it (image-text matching, where a text encoder attends to all patch tokens).
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from math import isqrt
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from cxr_edge.errors import CheckpointError
from cxr_edge.export.models.defaults import image_tower, state_of
from cxr_edge.export.models.fitting import fit, require, without_prefix
from cxr_edge.export.spec import ExportSpec
from cxr_edge.preprocess.recipe import Normalise, Pad, Recipe, Repeat, Resize, Scale

NAME = "albef-xrem"
_HEAD = 64
"""Width of one attention head, in every ViT-B."""
_EPSILON = 1e-6


def recipe(size: int) -> Recipe:
    """Its MIMIC-CXR pictures: letterbox to 320, then ``size`` without antialias."""
    return Recipe(
        tone="minmax+equalise",
        steps=(
            Resize(longest=320, kernel="lanczos", rounding="floor", eight_bit=True),
            Pad(),
            Scale(255.0),
            Resize(height=size, width=size, kernel="bicubic", antialias=False),
            Normalise((101.48761,), (83.43944,)),
            Repeat(3),
        ),
        fast=False,
    )


RECIPE = recipe(256)


@dataclass(frozen=True)
class AlbefConfig:
    """The sizes that a checkpoint fixes.

    Attributes:
        size: pixels a side, 256 or 384.
        patch: pixels a side of a patch.
        width: channels of a token; heads are 64 wide.
        depth: blocks.
        hidden: width inside the feed-forward part.
        projection: P, the size of the shared space; None where there is no ``vision_proj``.
    """

    size: int
    patch: int
    width: int
    depth: int
    hidden: int
    projection: int | None

    @property
    def dimension(self) -> int:
        """Size of the embedding."""
        return self.width if self.projection is None else self.projection


class Attention(nn.Module):
    """Self-attention with queries, keys and values in one matrix."""

    def __init__(self, width: int) -> None:
        """Channels of a token."""
        super().__init__()
        self.heads = width // _HEAD
        self.qkv = nn.Linear(width, 3 * width)
        self.proj = nn.Linear(width, width)

    def forward(self, x: Tensor) -> Tensor:
        """float32 (N, T, W) -> (N, T, W)."""
        q, k, v = self.qkv(x).unflatten(2, (3, self.heads, _HEAD)).permute(2, 0, 3, 1, 4)
        mixed = torch.softmax((q @ k.transpose(2, 3) * _HEAD**-0.5).float(), dim=-1) @ v
        out: Tensor = self.proj(mixed.transpose(1, 2).flatten(2))
        return out


class FeedForward(nn.Module):
    """Two layers with the exact GELU between them."""

    def __init__(self, width: int, hidden: int) -> None:
        """Channels of a token, and between the layers."""
        super().__init__()
        self.fc1 = nn.Linear(width, hidden)
        self.fc2 = nn.Linear(hidden, width)

    def forward(self, x: Tensor) -> Tensor:
        """float32 (N, T, W) -> (N, T, W)."""
        out: Tensor = self.fc2(F.gelu(self.fc1(x)))
        return out


class Block(nn.Module):
    """A transformer block that normalises before each part."""

    def __init__(self, width: int, hidden: int) -> None:
        """Channels of a token, and inside its feed-forward part."""
        super().__init__()
        self.norm1 = nn.LayerNorm(width, _EPSILON)
        self.attn = Attention(width)
        self.norm2 = nn.LayerNorm(width, _EPSILON)
        self.mlp = FeedForward(width, hidden)

    def forward(self, x: Tensor) -> Tensor:
        """float32 (N, T, W) -> (N, T, W)."""
        mixed: Tensor = x + self.attn(self.norm1(x))
        out: Tensor = mixed + self.mlp(self.norm2(mixed))
        return out


class PatchEmbedding(nn.Module):
    """Non-overlapping patches to tokens."""

    def __init__(self, patch: int, width: int) -> None:
        """Pixels a side of a patch, and channels of its token."""
        super().__init__()
        self.proj = nn.Conv2d(3, width, patch, patch)

    def forward(self, pixels: Tensor) -> Tensor:
        """float32 (N, 3, S, S) -> (N, (S / patch)^2, W), row by row."""
        grid: Tensor = self.proj(pixels)
        return grid.flatten(2).transpose(1, 2)


class VisionTransformer(nn.Module):
    """Pixels to a class token and one token a patch."""

    def __init__(self, config: AlbefConfig) -> None:
        """Of the sizes that a checkpoint fixes."""
        super().__init__()
        count = (config.size // config.patch) ** 2
        self.cls_token = nn.Parameter(torch.zeros(1, 1, config.width))
        self.pos_embed = nn.Parameter(torch.zeros(1, count + 1, config.width))
        self.patch_embed = PatchEmbedding(config.patch, config.width)
        self.blocks = nn.Sequential(
            *(Block(config.width, config.hidden) for _ in range(config.depth))
        )
        self.norm = nn.LayerNorm(config.width, _EPSILON)

    def forward(self, pixels: Tensor) -> Tensor:
        """float32 (N, 3, S, S) -> float32 (N, 1 + (S / patch)^2, W)."""
        patches = self.patch_embed(pixels)
        first = self.cls_token.expand(patches.shape[0], -1, -1)
        out: Tensor = self.norm(self.blocks(torch.cat([first, patches], dim=1) + self.pos_embed))
        return out


class AlbefVisual(nn.Module):
    """Pixels to an embedding and to the tokens that a text encoder attends to."""

    def __init__(self, config: AlbefConfig) -> None:
        """Of the sizes that a checkpoint fixes."""
        super().__init__()
        self.visual_encoder = VisionTransformer(config)
        self.vision_proj: nn.Module = nn.Identity()
        if config.projection is not None:
            self.vision_proj = nn.Linear(config.width, config.projection)

    def forward(self, pixels: Tensor) -> tuple[Tensor, Tensor]:
        """Encode a batch.

        Args:
            pixels: float32 (N, 3, S, S).

        Returns:
            ``embedding`` float32 (N, P), L2-normalised (of the class token itself where the
            checkpoint has no ``vision_proj``), and ``tokens`` float32 (N, 1 + patches, W).
        """
        tokens = self.visual_encoder(pixels)
        return F.normalize(self.vision_proj(tokens[:, 0]).float(), dim=1), tokens


def _visual(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Leave out the text side, the momentum copies (``visual_encoder_m``) and the queues."""
    bare = without_prefix(state, ("module.",))
    return {k: v for k, v in bare.items() if k.startswith(("visual_encoder.", "vision_proj."))}


def read(state: Mapping[str, Tensor]) -> AlbefConfig:
    """Read all sizes from the weights.

    Raises:
        CheckpointError: the keys are not ALBEF's, or the position table is of no square grid.
    """
    found = _visual(state)
    keys = ("pos_embed", "patch_embed.proj.weight", "blocks.0.mlp.fc1.weight")
    require(NAME, found, [f"visual_encoder.{key}" for key in keys])
    places, kernel, hidden = (found[f"visual_encoder.{key}"].shape for key in keys)
    if len(places) != 3 or len(kernel) != 4:
        raise CheckpointError(
            f"not a {NAME} checkpoint: position table and patch kernel have {len(places)} and "
            f"{len(kernel)} axes, expected 3 and 4"
        )
    side = isqrt(places[1] - 1)
    if side * side != places[1] - 1 or places[2] % _HEAD:
        raise CheckpointError(
            f"not a {NAME} checkpoint: a position table of {places[1]} x {places[2]}, expected one "
            "row more than a square and a multiple of 64 columns"
        )
    projection = found.get("vision_proj.weight")
    return AlbefConfig(
        size=side * kernel[2],
        patch=kernel[2],
        width=places[2],
        depth=len({k.split(".")[2] for k in found if k.startswith("visual_encoder.blocks.")}),
        hidden=hidden[0],
        projection=None if projection is None else projection.shape[0],
    )


def load(state: Mapping[str, Tensor]) -> AlbefVisual:
    """The visual part of a checkpoint, in evaluation mode.

    Args:
        state: tensors of ``checkpoint["model"]``; text side and momentum copies are left out.

    Raises:
        CheckpointError: keys are missing, left over, or of another shape.
    """
    config = read(state)
    return fit(NAME, lambda: AlbefVisual(config), _visual(state))


def export_spec(checkpoint: Path | None, tokenizer: Path | None = None) -> ExportSpec:
    """What the exporter needs; the text side is not exported, so ``tokenizer`` is not used.

    Raises:
        CheckpointError: no checkpoint, or one of something else.
    """
    config = read(state := state_of(NAME, checkpoint))
    network = load(state)
    outputs = ("embedding", "tokens")
    size = config.size
    spec = image_tower(NAME, network, config.dimension, recipe(size), size, outputs)
    return replace(spec, name=f"{NAME}-{size}")
