"""Small changes that leave the report true: no mirror image, the heart stays on its side."""

import math
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F


@dataclass(frozen=True)
class Jitter:
    """How far a training picture may be moved.

    Attributes:
        degrees: rotation, plus or minus.
        scale: relative size, plus or minus.
        shift: relative offset of the frame, plus or minus.
        gamma: log of the exponent on intensities 0..1, plus or minus.
        noise: standard deviation of added noise, in units of the standardised picture.
        erase: probability that one rectangle is blanked.
    """

    degrees: float = 9.0
    scale: float = 0.12
    shift: float = 0.06
    gamma: float = 0.35
    noise: float = 0.05
    erase: float = 0.3


def standardise(pictures: Tensor) -> Tensor:
    """float32 (N, C, H, W) -> zero mean and unit deviation over each picture."""
    centred = pictures - pictures.mean(dim=(1, 2, 3), keepdim=True)
    return centred / centred.square().mean(dim=(1, 2, 3), keepdim=True).sqrt().clamp_min(1e-6)


def jittered(pictures: Tensor, size: int, jitter: Jitter, chance: torch.Generator) -> Tensor:
    """Move, re-tone, resample to ``size`` and standardise.

    Args:
        pictures: float32 (N, C, H, W), intensities 0..1.
        size: pixels a side of the result, at most H.
        jitter: how far.
        chance: source of every random number used.

    Returns:
        float32 (N, C, size, size).
    """
    count = pictures.shape[0]

    def spread(*shape: int) -> Tensor:
        return torch.rand(*shape, generator=chance) * 2 - 1

    angle = spread(count) * math.radians(jitter.degrees)
    zoom = 1 + spread(count) * jitter.scale
    cosine, sine = angle.cos() * zoom, angle.sin() * zoom
    offset = spread(count, 2) * jitter.shift * 2
    rows = (
        torch.stack([cosine, -sine, offset[:, 0]], 1),
        torch.stack([sine, cosine, offset[:, 1]], 1),
    )
    grid = F.affine_grid(torch.stack(rows, 1), [count, 1, size, size], align_corners=False)
    if size < pictures.shape[-1]:
        pictures = F.interpolate(pictures, size=(size, size), mode="area")
    moved = F.grid_sample(
        pictures, grid, mode="bilinear", padding_mode="zeros", align_corners=False
    )
    exponent = (spread(count) * jitter.gamma).exp()[:, None, None, None]
    result = standardise(moved.clamp_min(1e-4) ** exponent)
    result = result + jitter.noise * torch.randn(result.shape, generator=chance)
    return _erased(result, jitter.erase, chance)


def _erased(pictures: Tensor, probability: float, chance: torch.Generator) -> Tensor:
    count, _, height, width = pictures.shape
    draws = torch.rand(count, 5, generator=chance)
    for index in torch.nonzero(draws[:, 0] < probability).flatten().tolist():
        tall, wide = (
            int(side * (0.1 + 0.2 * draw))
            for side, draw in ((height, draws[index, 1]), (width, draws[index, 2]))
        )
        top = int((height - tall) * draws[index, 3])
        left = int((width - wide) * draws[index, 4])
        pictures[index, :, top : top + tall, left : left + wide] = 0.0
    return pictures
