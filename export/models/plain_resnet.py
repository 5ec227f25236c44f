"""Residual trunks of any published depth, their sizes read from the weights.

He et al., "Deep residual learning for image recognition", CVPR 2016, in the variant whose 3x3
convolution carries the stride. State-dict keys are the widespread ones: ``conv1``, ``bn1``,
``layer1.0.conv1`` and so on.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import cast

import torch
from torch import Tensor, nn

from cxr_edge.export.models.fitting import require
from cxr_edge.export.models.resnet import Bottleneck

STAGES = ("layer1", "layer2", "layer3", "layer4")


@dataclass(frozen=True)
class TrunkConfig:
    """The sizes of a trunk.

    Attributes:
        bottleneck: three convolutions a block (ResNet-50 and deeper) or two (ResNet-18, -34).
        stem: channels after the first convolution; 64 as published.
        planes: channels inside the blocks of each stage; (64, 128, 256, 512) as published.
        counts: blocks of each stage; (2, 2, 2, 2) is ResNet-18, (3, 4, 6, 3) ResNet-34 or -50.
    """

    bottleneck: bool
    stem: int
    planes: tuple[int, ...]
    counts: tuple[int, ...]

    @property
    def features(self) -> int:
        """D, the size of the mean over the last grid."""
        return self.planes[-1] * (4 if self.bottleneck else 1)


def read_trunk(architecture: str, state: Mapping[str, Tensor]) -> TrunkConfig:
    """Read the sizes of a trunk whose keys bear no prefix.

    Raises:
        CheckpointError: the keys are not those of a residual trunk.
    """
    require(architecture, state, ["conv1.weight", *(f"{stage}.0.conv1.weight" for stage in STAGES)])
    blocks = [{key.split(".")[1] for key in state if key.startswith(f"{s}.")} for s in STAGES]
    return TrunkConfig(
        bottleneck="layer1.0.conv3.weight" in state,
        stem=state["conv1.weight"].shape[0],
        planes=tuple(state[f"{stage}.0.conv1.weight"].shape[0] for stage in STAGES),
        counts=tuple(map(len, blocks)),
    )


class TwoConvolutions(nn.Module):
    """The block of ResNet-18 and -34: 3x3 (strided), 3x3; a strided 1x1 where the shape changes."""

    def __init__(self, inputs: int, planes: int, stride: int) -> None:
        """Channels in and out; the stride of the first convolution."""
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, planes, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(planes)
        self.conv2 = nn.Conv2d(planes, planes, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(planes)
        self.downsample: nn.Module | None = None
        if stride != 1 or inputs != planes:
            self.downsample = nn.Sequential(
                nn.Conv2d(inputs, planes, 1, stride, bias=False), nn.BatchNorm2d(planes)
            )

    def forward(self, x: Tensor) -> Tensor:
        """float32 (N, inputs, H, W) -> (N, planes, H / stride, W / stride)."""
        hidden = torch.relu(self.bn1(self.conv1(x)))
        skip = x if self.downsample is None else self.downsample(x)
        return torch.relu(self.bn2(self.conv2(hidden)) + skip)


class PlainResNet(nn.Module):
    """Stem and four stages, without a classifier."""

    layer1: nn.Sequential
    layer2: nn.Sequential
    layer3: nn.Sequential
    layer4: nn.Sequential

    def __init__(self, config: TrunkConfig) -> None:
        """Of the sizes that a checkpoint fixes."""
        super().__init__()
        self.conv1 = nn.Conv2d(3, config.stem, 7, 2, 3, bias=False)
        self.bn1 = nn.BatchNorm2d(config.stem)
        self.maxpool = nn.MaxPool2d(3, 2, 1)
        block: type[Bottleneck | TwoConvolutions]
        block, growth = (Bottleneck, 4) if config.bottleneck else (TwoConvolutions, 1)
        inputs = config.stem
        for stage, planes, count in zip(STAGES, config.planes, config.counts, strict=True):
            blocks: list[nn.Module] = []
            for k in range(count):
                blocks.append(block(inputs, planes, 2 if stage != "layer1" and k == 0 else 1))
                inputs = growth * planes
            setattr(self, stage, nn.Sequential(*blocks))

    def grid(self, pixels: Tensor) -> Tensor:
        """float32 (N, 3, S, S) -> float32 (N, D, S / 32, S / 32)."""
        x = self.maxpool(torch.relu(self.bn1(self.conv1(pixels))))
        return cast(Tensor, self.layer4(self.layer3(self.layer2(self.layer1(x)))))

    def forward(self, pixels: Tensor) -> Tensor:
        """float32 (N, 3, S, S) -> float32 (N, D), the mean over the grid."""
        return self.grid(pixels).mean(dim=(2, 3))
