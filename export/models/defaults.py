"""What an image tower without an observation head tells the exporter."""

from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from cxr_edge.errors import CheckpointError
from cxr_edge.export.checkpoints import hash_tensors, read_state_dict
from cxr_edge.export.spec import ExportSpec, GraphSpec, Samples
from cxr_edge.labels import OBSERVATIONS
from cxr_edge.preprocess.recipe import Crop, Normalise, Recipe, Repeat, Resize

IMAGENET_SIZE = 224
"""Pixels a side of what ``IMAGENET_RECIPE`` gives."""

IMAGENET_RECIPE = Recipe(
    tone="minmax+equalise",
    steps=(
        Resize(shortest=256, kernel="bilinear", rounding="floor", eight_bit=True),
        Crop(IMAGENET_SIZE, IMAGENET_SIZE, rounding="nearest"),
        Repeat(3),
        Normalise((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)),
    ),
    fast=False,
)
"""Of networks that go on from ImageNet's weights on the 8-bit release of MIMIC-CXR, whose pictures
are equalised: torchvision's evaluation (shorter side to 256, centre 224) with ImageNet's mean and
deviation."""


def muted_observations() -> dict[str, dict[str, Any]]:
    """All fourteen observations, none of which the network was measured on."""
    entry: dict[str, Any] = {
        "auroc": None,
        "gate": 1.0,
        "clear": 0.0,
        "muted": True,
        "attributes": [],
    }
    return {name: dict(entry) for name in OBSERVATIONS}


def smooth_pictures(channels: int, size: int) -> Samples:
    """A source of blurred noise, standardised: nearer to a radiograph's spectrum than white noise.

    Args:
        channels: C.
        size: S, pixels a side.

    Returns:
        A function of a count N and a generator that gives ``(float32 (N, C, S, S),)``.
    """

    def draw(count: int, chance: np.random.Generator) -> tuple[NDArray[np.generic], ...]:
        coarse = torch.from_numpy(chance.standard_normal((count, 1, 9, 9), dtype=np.float32))
        smooth = F.interpolate(coarse, size=(size, size), mode="bicubic")
        centred = smooth - smooth.mean(dim=(1, 2, 3), keepdim=True)
        grey = centred / centred.std(dim=(1, 2, 3), keepdim=True)
        return (grey.expand(-1, channels, -1, -1).contiguous().numpy(),)

    return draw


def state_of(architecture: str, checkpoint: Path | None) -> dict[str, Tensor]:
    """The tensors of the user's checkpoint.

    Raises:
        CheckpointError: there is none, and this package carries no weights of that network.
    """
    if checkpoint is None:
        raise CheckpointError(
            f"{architecture} needs --checkpoint: this package carries no weights of it"
        )
    return read_state_dict(checkpoint)


def image_tower(
    architecture: str,
    network: nn.Module,
    dimension: int,
    recipe: Recipe,
    size: int,
    outputs: tuple[str, ...] = ("embedding",),
) -> ExportSpec:
    """What the exporter needs of an image tower alone, whose embeddings are compared by cosine.

    Args:
        architecture: the registry name.
        network: takes ``pixels`` float32 (N, 3, S, S); in evaluation mode.
        dimension: size of the embedding.
        recipe: makes the pixels.
        size: S, pixels a side.
        outputs: in the order in which the network returns them, the embedding among them.
    """
    return ExportSpec(
        name=architecture,
        architecture=architecture,
        space=f"{architecture}/{hash_tensors(network.state_dict())[:16]}",
        metric="cosine",
        dimension=dimension,
        recipe=recipe.to_json(),
        graphs=(GraphSpec("image", network, ("pixels",), outputs, smooth_pictures(3, size)),),
        observations=muted_observations(),
    )
