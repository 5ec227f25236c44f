"""GLoRIA (Huang et al., ICCV 2021): one embedding of the picture and one of each place in it.

The network enlarges its input to 299 pixels itself, corners aligned, and takes the places from the
third stage (19 x 19) and the whole from the mean over the fourth. The published Lightning
checkpoint keeps the image side under ``gloria.img_encoder.``.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from cxr_edge.export.models.defaults import image_tower, state_of
from cxr_edge.export.models.fitting import fit, require, without_prefix
from cxr_edge.export.models.plain_resnet import STAGES, PlainResNet, TrunkConfig, read_trunk
from cxr_edge.export.spec import ExportSpec
from cxr_edge.preprocess.recipe import Crop, Normalise, Pad, Recipe, Repeat, Resize

NAME = "gloria"
SIZE = 224
ENLARGED = 299
"""Pixels a side that the trunk sees; a constant of the released code."""

RECIPE = Recipe(
    tone="minmax+equalise",
    steps=(
        Resize(longest=256, kernel="area", rounding="floor", eight_bit=True),
        Pad(0.0),
        Crop(SIZE, SIZE, rounding="nearest"),
        Normalise((0.5,), (0.5,)),
        Repeat(3),
    ),
    fast=False,
)
"""The released code's, on pictures made like the 8-bit release it was trained on."""

_PREFIXES = ("module.", "model.gloria.", "gloria.")
_IMAGE = "img_encoder."


@dataclass(frozen=True)
class GloriaConfig:
    """The sizes that a checkpoint fixes.

    Attributes:
        trunk: of the ResNet.
        dimension: P, the size of both embeddings; 768 as published.
    """

    trunk: TrunkConfig
    dimension: int


class GloriaImage(nn.Module):
    """Pixels to a global embedding of unit length and a grid of local ones."""

    def __init__(self, config: GloriaConfig) -> None:
        super().__init__()
        self.model = PlainResNet(config.trunk)
        features = config.trunk.features
        self.global_embedder = nn.Linear(features, config.dimension)
        self.local_embedder = nn.Conv2d(features // 2, config.dimension, 1, bias=False)

    def forward(self, pixels: Tensor) -> tuple[Tensor, Tensor]:
        """Encode a batch.

        Args:
            pixels: float32 (N, 3, 224, 224), -1..1.

        Returns:
            ``embedding`` float32 (N, P), L2-normalised, and ``local`` float32 (N, P, 19, 19), as
            the released code compares it with words: not normalised.
        """
        trunk = self.model
        size = (ENLARGED, ENLARGED)
        x = F.interpolate(pixels, size=size, mode="bilinear", align_corners=True)
        x = trunk.maxpool(torch.relu(trunk.bn1(trunk.conv1(x))))
        for stage in STAGES[:3]:
            x = trunk.get_submodule(stage)(x)
        whole = trunk.get_submodule(STAGES[3])(x).mean(dim=(2, 3))
        embedding = F.normalize(self.global_embedder(whole).float(), dim=1)
        return embedding, self.local_embedder(x).float()


def _bare(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The tensors of the image side under the module's own keys."""
    short = without_prefix(state, _PREFIXES)
    if any(key.startswith(_IMAGE) for key in short):
        short = {k.removeprefix(_IMAGE): t for k, t in short.items() if k.startswith(_IMAGE)}
    return short


def read(state: Mapping[str, Tensor]) -> GloriaConfig:
    """Read all sizes from the weights.

    Raises:
        CheckpointError: the keys are not those of this network.
    """
    image = _bare(state)
    require(NAME, image, ["model.conv1.weight", "global_embedder.weight", "local_embedder.weight"])
    trunk = {key[6:]: tensor for key, tensor in image.items() if key.startswith("model.")}
    return GloriaConfig(read_trunk(NAME, trunk), image["global_embedder.weight"].shape[0])


def load(state: Mapping[str, Tensor]) -> GloriaImage:
    """The image side of a checkpoint, in evaluation mode.

    Args:
        state: tensors of the whole model or of its image side, under the published keys, with or
            without ``module.``, ``gloria.`` and ``img_encoder.``.

    Raises:
        CheckpointError: keys are missing, left over, or of another shape.
    """
    config = read(state)
    return fit(NAME, lambda: GloriaImage(config), _bare(state), ignored=("model.fc.",))


def export_spec(checkpoint: Path | None, tokenizer: Path | None = None) -> ExportSpec:
    """What the exporter needs; the text side is not exported, so ``tokenizer`` is not used.

    Raises:
        CheckpointError: no checkpoint, or one of something else.
    """
    network = load(state := state_of(NAME, checkpoint))
    return image_tower(NAME, network, read(state).dimension, RECIPE, SIZE, ("embedding", "local"))
