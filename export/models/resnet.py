"""Residual trunks: a small one for training from scratch, and ResNet-50 under its usual key names.

He et al., "Deep residual learning for image recognition", CVPR 2016.
"""

from typing import cast

import torch
from torch import Tensor, nn


class BasicBlock(nn.Module):
    """Two 3x3 convolutions; a strided shortcut averages first, so no pixel is thrown away."""

    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        """Channels in and out; the stride of the first convolution."""
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(outputs)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(outputs)
        self.shortcut: nn.Module = nn.Identity()
        if stride != 1 or inputs != outputs:
            self.shortcut = nn.Sequential(
                nn.AvgPool2d(stride),
                nn.Conv2d(inputs, outputs, 1, bias=False),
                nn.BatchNorm2d(outputs),
            )

    def forward(self, x: Tensor) -> Tensor:
        """float32 (N, inputs, H, W) -> (N, outputs, H / stride, W / stride)."""
        hidden = torch.relu(self.bn1(self.conv1(x)))
        return torch.relu(self.bn2(self.conv2(hidden)) + cast(Tensor, self.shortcut(x)))


class SmallResNet(nn.Module):
    """ResNet-10 in layout: a stem and four stages of one basic block.

    Attributes:
        features: D, twice the width of the last stage: the mean keeps what is diffuse (an enlarged
            heart), the maximum what is small (a nodule, a tube).
    """

    def __init__(self, width: int, channels: int) -> None:
        """Channels of the first stage, and of the picture."""
        super().__init__()
        self.stem = nn.Sequential(
            nn.Conv2d(channels, width, 7, 2, 3, bias=False),
            nn.BatchNorm2d(width),
            nn.ReLU(),
            nn.MaxPool2d(3, 2, 1),
        )
        widths = [width, width, 2 * width, 4 * width, 8 * width]
        self.stages = nn.Sequential(
            *(
                BasicBlock(widths[k], widths[k + 1], 1 if k == 0 else 2)
                for k in range(len(widths) - 1)
            )
        )
        self.features = 2 * widths[-1]

    def forward(self, pixels: Tensor) -> Tensor:
        """float32 (N, C, S, S) -> float32 (N, D)."""
        grid = self.stages(self.stem(pixels))
        return torch.cat([grid.mean(dim=(2, 3)), grid.amax(dim=(2, 3))], dim=1)


class Bottleneck(nn.Module):
    """1x1, 3x3 (strided), 1x1, as torchvision names them."""

    def __init__(self, inputs: int, planes: int, stride: int) -> None:
        """Channels in and inside; four times as many come out."""
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, planes, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(planes)
        self.conv2 = nn.Conv2d(planes, planes, 3, stride, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(planes)
        self.conv3 = nn.Conv2d(planes, 4 * planes, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(4 * planes)
        self.downsample: nn.Module | None = None
        if stride != 1 or inputs != 4 * planes:
            self.downsample = nn.Sequential(
                nn.Conv2d(inputs, 4 * planes, 1, stride, bias=False), nn.BatchNorm2d(4 * planes)
            )

    def forward(self, x: Tensor) -> Tensor:
        """float32 (N, inputs, H, W) -> (N, 4 planes, H / stride, W / stride)."""
        hidden = torch.relu(self.bn1(self.conv1(x)))
        hidden = torch.relu(self.bn2(self.conv2(hidden)))
        skip = x if self.downsample is None else self.downsample(x)
        return torch.relu(self.bn3(self.conv3(hidden)) + skip)


class ResNet50(nn.Module):
    """ResNet-50 without its classifier; state-dict keys are those torchvision publishes.

    Attributes:
        features: D = 2048, the mean over the last grid.
    """

    features = 2048

    def __init__(self) -> None:
        """Build it, freshly initialised."""
        super().__init__()
        self.conv1 = nn.Conv2d(3, 64, 7, 2, 3, bias=False)
        self.bn1 = nn.BatchNorm2d(64)
        self.maxpool = nn.MaxPool2d(3, 2, 1)
        inputs = 64
        for stage, (planes, count) in enumerate(((64, 3), (128, 4), (256, 6), (512, 3)), start=1):
            blocks: list[nn.Module] = []
            for block in range(count):
                blocks.append(Bottleneck(inputs, planes, 2 if stage > 1 and block == 0 else 1))
                inputs = 4 * planes
            setattr(self, f"layer{stage}", nn.Sequential(*blocks))

    def forward(self, pixels: Tensor) -> Tensor:
        """float32 (N, 3, S, S) -> float32 (N, 2048)."""
        x = self.maxpool(torch.relu(self.bn1(self.conv1(pixels))))
        for stage in (self.layer1, self.layer2, self.layer3, self.layer4):
            x = cast(nn.Module, stage)(x)
        return cast(Tensor, x.mean(dim=(2, 3)))
