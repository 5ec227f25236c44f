"""CLIP with a vision transformer (Radford et al., ICML 2021), under its published keys.

CXR-RePaiR (Endo et al., ML4H 2021) and CheXzero (Tiu et al., Nature BME 2022) train this network on
radiographs and their impressions. Both towers are pre-LN transformers with QuickGELU. Attention is
written out: under autocast its products become FP16 while the softmax, which autocast on a CPU
would leave in FP16, stays FP32; so does the final normalisation.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from math import isqrt
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from cxr_edge.errors import CheckpointError
from cxr_edge.export.models.fitting import fit, require, without_prefix

HEAD_WIDTH = 64
"""Channels of one attention head in every published CLIP; no key of a checkpoint tells it."""

BLOCKED = -1e4
"""Added to scores that must not count: finite, and within the range of FP16."""

PREFIXES = ("module.", "model.", "clip_model.", "clip.")
ARCHIVE_SCALARS = ("input_resolution", "context_length", "vocab_size")
"""Three scalars that OpenAI's TorchScript archives hold beside the weights."""


@dataclass(frozen=True)
class ClipConfig:
    """The sizes that a checkpoint fixes.

    Attributes:
        image_size: S, pixels a side of the input.
        patch: pixels a side of one patch.
        width: channels of the image tower.
        layers: blocks of the image tower.
        context: T, ids of one text.
        vocabulary: V, ids there are.
        text_width: channels of the text tower.
        text_layers: blocks of the text tower.
        dimension: D, the size of the shared space.
    """

    image_size: int
    patch: int
    width: int
    layers: int
    context: int
    vocabulary: int
    text_width: int
    text_layers: int
    dimension: int


class Attention(nn.Module):
    """Multi-head self-attention with q, k and v in one matrix."""

    def __init__(self, width: int) -> None:
        """Channels, a multiple of ``HEAD_WIDTH``."""
        super().__init__()
        self.heads = width // HEAD_WIDTH
        self.in_proj_weight = nn.Parameter(torch.empty(3 * width, width))
        self.in_proj_bias = nn.Parameter(torch.empty(3 * width))
        self.out_proj = nn.Linear(width, width)

    def forward(self, x: Tensor, mask: Tensor | None) -> Tensor:
        """float32 (N, T, W), and (T, T) added to the scores -> (N, T, W)."""
        length, width = x.shape[1], x.shape[2]
        packed = F.linear(x, self.in_proj_weight, self.in_proj_bias)
        parts = packed.reshape(-1, length, 3, self.heads, HEAD_WIDTH).permute(2, 0, 3, 1, 4)
        query, key, value = parts.unbind(0)
        scores = (query * HEAD_WIDTH**-0.5) @ key.transpose(2, 3)
        scores = scores if mask is None else scores + mask
        shares = torch.softmax(scores.float(), dim=-1)
        joined = (shares @ value).transpose(1, 2).reshape(-1, length, width)
        return cast(Tensor, self.out_proj(joined))


class Mlp(nn.Module):
    """Two Linear layers with QuickGELU, x * sigmoid(1.702 x), which is not GELU."""

    def __init__(self, width: int) -> None:
        """Channels in and out."""
        super().__init__()
        self.c_fc = nn.Linear(width, 4 * width)
        self.c_proj = nn.Linear(4 * width, width)

    def forward(self, x: Tensor) -> Tensor:
        """float32 (N, T, W) -> (N, T, W)."""
        hidden = self.c_fc(x)
        return cast(Tensor, self.c_proj(hidden * torch.sigmoid(1.702 * hidden)))


class Block(nn.Module):
    """One pre-LN transformer block."""

    def __init__(self, width: int) -> None:
        """Channels of the stream."""
        super().__init__()
        self.attn = Attention(width)
        self.ln_1 = nn.LayerNorm(width)
        self.mlp = Mlp(width)
        self.ln_2 = nn.LayerNorm(width)

    def forward(self, x: Tensor, mask: Tensor | None) -> Tensor:
        """float32 (N, T, W), and (T, T) added to the scores -> (N, T, W)."""
        x = x + self.attn(self.ln_1(x), mask)
        return cast(Tensor, x + self.mlp(self.ln_2(x)))


class Transformer(nn.Module):
    """A stack of blocks."""

    def __init__(self, width: int, layers: int) -> None:
        """Channels and number of blocks."""
        super().__init__()
        self.resblocks = nn.ModuleList(Block(width) for _ in range(layers))

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        """float32 (N, T, W), and (T, T) added to the scores -> (N, T, W)."""
        for block in self.resblocks:
            x = block(x, mask)
        return x


class ImageTower(nn.Module):
    """A vision transformer read out at its class token."""

    def __init__(self, config: ClipConfig) -> None:
        """Sizes of the checkpoint."""
        super().__init__()
        width, patch = config.width, config.patch
        places = (config.image_size // patch) ** 2 + 1
        self.class_embedding = nn.Parameter(torch.empty(width))
        self.positional_embedding = nn.Parameter(torch.empty(places, width))
        self.proj = nn.Parameter(torch.empty(width, config.dimension))
        self.conv1 = nn.Conv2d(3, width, patch, patch, bias=False)
        self.ln_pre = nn.LayerNorm(width)
        self.transformer = Transformer(width, config.layers)
        self.ln_post = nn.LayerNorm(width)

    def forward(self, pixels: Tensor) -> Tensor:
        """float32 (N, 3, S, S), preprocessed -> (N, D), L2-normalised."""
        patches = self.conv1(pixels).flatten(2).transpose(1, 2)
        first = self.class_embedding.expand(patches.shape[0], 1, -1)
        x = torch.cat([first, patches], dim=1) + self.positional_embedding
        x = self.transformer(self.ln_pre(x))
        return F.normalize((self.ln_post(x[:, 0]) @ self.proj).float(), dim=1)


class Clip(nn.Module):
    """Image tower under ``visual``; the text tower's parameters stand at the root, as published."""

    def __init__(self, config: ClipConfig) -> None:
        """Sizes of the checkpoint."""
        super().__init__()
        width = config.text_width
        self.positional_embedding = nn.Parameter(torch.empty(config.context, width))
        self.text_projection = nn.Parameter(torch.empty(width, config.dimension))
        self.logit_scale = nn.Parameter(torch.empty(()))
        self.visual = ImageTower(config)
        self.transformer = Transformer(width, config.text_layers)
        self.token_embedding = nn.Embedding(config.vocabulary, width)
        self.ln_final = nn.LayerNorm(width)

    def forward(self, ids: Tensor) -> Tensor:
        """Encode texts.

        Args:
            ids: int64 (N, T): start, tokens, end, zeros. The end has the largest id of all, so its
                place is the ``argmax``.

        Returns:
            float32 (N, D), L2-normalised.
        """
        length = self.positional_embedding.shape[0]
        mask = torch.full((length, length), BLOCKED, device=ids.device).triu(1)
        # An embedding call would name its result as the graph's output is named: a broken model.
        words = self.token_embedding.weight[ids]
        x = self.transformer(words + self.positional_embedding, mask)
        end = ids.argmax(dim=1)
        last = x[torch.arange(x.shape[0], device=ids.device), end]
        return F.normalize((self.ln_final(last) @ self.text_projection).float(), dim=1)


def read(architecture: str, state: Mapping[str, Tensor]) -> ClipConfig:
    """Read all sizes from the weights.

    Args:
        architecture: for the message.
        state: tensors under the published keys, or the same behind a prefix of ``PREFIXES``.

    Raises:
        CheckpointError: the tensors are not those of a CLIP with a vision transformer.
    """
    bare = without_prefix(state, PREFIXES)
    require(
        architecture,
        bare,
        (
            "visual.conv1.weight",
            "visual.positional_embedding",
            "visual.proj",
            "positional_embedding",
            "token_embedding.weight",
        ),
    )
    shapes = {key: tuple(tensor.shape) for key, tensor in bare.items()}
    try:
        width, _, patch, _ = shapes["visual.conv1.weight"]
        places, _ = shapes["visual.positional_embedding"]
        _, dimension = shapes["visual.proj"]
        context, _ = shapes["positional_embedding"]
        vocabulary, text_width = shapes["token_embedding.weight"]
    except ValueError:
        raise _wrong(architecture, "its embeddings have another number of axes") from None
    grid = isqrt(max(places - 1, 0))
    if grid * grid != places - 1 or grid == 0:
        raise _wrong(architecture, f"{places} image positions are not a square grid and a class")
    if width % HEAD_WIDTH or text_width % HEAD_WIDTH:
        raise _wrong(architecture, f"widths {width} and {text_width} do not divide into heads")
    return ClipConfig(
        image_size=grid * patch,
        patch=patch,
        width=width,
        layers=_count(bare, "visual.transformer.resblocks."),
        context=context,
        vocabulary=vocabulary,
        text_width=text_width,
        text_layers=_count(bare, "transformer.resblocks."),
        dimension=dimension,
    )


def load(architecture: str, image_size: int, state: Mapping[str, Tensor]) -> Clip:
    """The network of a checkpoint, in evaluation mode and FP32.

    Args:
        architecture: for the message.
        image_size: pixels a side that the architecture's recipe makes.
        state: tensors under the published keys, in FP16, FP32 or a mixture, with or without the
            scalars of a TorchScript archive.

    Raises:
        CheckpointError: of another network, of another input size, or not whole.
    """
    config = read(architecture, state)
    if config.image_size != image_size:
        raise _wrong(
            architecture,
            f"it takes {config.image_size} pixels a side in patches of {config.patch}, "
            f"expected {image_size}",
        )
    bare = without_prefix(state, PREFIXES)
    return fit(architecture, lambda: Clip(config), bare, ignored=ARCHIVE_SCALARS)


def _count(state: Mapping[str, Tensor], beginning: str) -> int:
    pattern = re.compile(re.escape(beginning) + r"(\d+)\.")
    return len({found[1] for key in state if (found := pattern.match(key))})


def _wrong(architecture: str, reason: str) -> CheckpointError:
    return CheckpointError(f"not a {architecture} checkpoint: {reason}; check --model and the file")
