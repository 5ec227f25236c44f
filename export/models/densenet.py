"""DenseNet-121's features (Huang et al., CVPR 2017), its sizes read from the weights.

The children are numbered by position, as in a ``Sequential`` made of them: 0 to 3 the stem, then
dense blocks and transitions in turn, the last normalisation at the end. There is no ReLU after it.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from cxr_edge.export.models.fitting import require

_NAMES = {
    "conv0": "0",
    "norm0": "1",
    **{f"denseblock{k}": str(2 + 2 * k) for k in range(1, 5)},
    **{f"transition{k}": str(3 + 2 * k) for k in range(1, 4)},
    "norm5": "11",
}
"""Published name of each child with parameters -> its position."""


@dataclass(frozen=True)
class DenseConfig:
    """The sizes of the features.

    Attributes:
        stem: channels after the first convolution; 64 as published.
        growth: channels each layer adds; 32.
        bottleneck: channels between the two convolutions of a layer; 128.
        counts: layers of each block; (6, 12, 24, 16).
    """

    stem: int
    growth: int
    bottleneck: int
    counts: tuple[int, ...]

    @property
    def features(self) -> int:
        """Channels of the last grid; 1024."""
        channels = self.stem
        for k, count in enumerate(self.counts):
            channels = (channels if k == 0 else channels // 2) + count * self.growth
        return channels


def by_position(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Rename published keys (``features.denseblock1.denselayer1.conv1.weight``) to positions.

    Old files say ``norm.1`` and ``conv.1`` inside a layer. A ``classifier`` is left out; keys that
    are positional already stay as they are.
    """
    renamed = {}
    for key, tensor in state.items():
        bare = re.sub(r"(denselayer\d+\.(?:norm|conv))\.(\d)\.", r"\1\2.", key)
        child, _, rest = bare.removeprefix("features.").partition(".")
        if child != "classifier":
            renamed[f"{_NAMES.get(child, child)}.{rest}"] = tensor
    return renamed


def read_dense(architecture: str, state: Mapping[str, Tensor]) -> DenseConfig:
    """Read the sizes from positional keys without a prefix.

    Raises:
        CheckpointError: the keys are not DenseNet's.
    """
    blocks = ("4", "6", "8", "10")
    first = "4.denselayer1.conv2.weight"
    require(architecture, state, ["0.weight", first])
    layers = [{key.split(".")[1] for key in state if key.startswith(f"{b}.dense")} for b in blocks]
    return DenseConfig(
        stem=state["0.weight"].shape[0],
        growth=state[first].shape[0],
        bottleneck=state[first].shape[1],
        counts=tuple(map(len, layers)),
    )


class DenseLayer(nn.Module):
    """Normalise, 1x1, normalise, 3x3; the result is put beside the input."""

    def __init__(self, inputs: int, bottleneck: int, growth: int) -> None:
        """Channels in, between the convolutions, and added."""
        super().__init__()
        self.norm1 = nn.BatchNorm2d(inputs)
        self.conv1 = nn.Conv2d(inputs, bottleneck, 1, bias=False)
        self.norm2 = nn.BatchNorm2d(bottleneck)
        self.conv2 = nn.Conv2d(bottleneck, growth, 3, 1, 1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """float32 (N, inputs, H, W) -> (N, inputs + growth, H, W)."""
        hidden = self.conv1(torch.relu(self.norm1(x)))
        return torch.cat([x, self.conv2(torch.relu(self.norm2(hidden)))], dim=1)


class DenseBlock(nn.Sequential):
    """Layers named from ``denselayer1``."""

    def __init__(self, inputs: int, count: int, config: DenseConfig) -> None:
        """Channels in, and how many layers."""
        super().__init__()
        for k in range(count):
            layer = DenseLayer(inputs + k * config.growth, config.bottleneck, config.growth)
            self.add_module(f"denselayer{k + 1}", layer)


class Transition(nn.Module):
    """Halves the channels and the sides."""

    def __init__(self, inputs: int) -> None:
        """Channels in."""
        super().__init__()
        self.norm = nn.BatchNorm2d(inputs)
        self.conv = nn.Conv2d(inputs, inputs // 2, 1, bias=False)
        self.pool = nn.AvgPool2d(2)

    def forward(self, x: Tensor) -> Tensor:
        """float32 (N, inputs, H, W) -> (N, inputs / 2, H / 2, W / 2)."""
        out: Tensor = self.pool(self.conv(torch.relu(self.norm(x))))
        return out


class DenseFeatures(nn.Sequential):
    """float32 (N, 3, S, S) -> (N, features, S / 32, S / 32)."""

    def __init__(self, config: DenseConfig) -> None:
        """Of the sizes that a checkpoint fixes."""
        channels = config.stem
        children: list[nn.Module] = [
            nn.Conv2d(3, channels, 7, 2, 3, bias=False),
            nn.BatchNorm2d(channels),
            nn.ReLU(),
            nn.MaxPool2d(3, 2, 1),
        ]
        for k, count in enumerate(config.counts):
            if k > 0:
                children.append(Transition(channels))
                channels //= 2
            children.append(DenseBlock(channels, count, config))
            channels += count * config.growth
        super().__init__(*children, nn.BatchNorm2d(channels))
