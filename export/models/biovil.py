"""BioViL (Boecking et al., ECCV 2022): every place of the last grid projected, then their mean.

The published ``biovil_image_resnet50_proj_size_128.pt`` is a flat state dict. It also holds the
1000-class head of the ImageNet trunk, which nothing uses.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from torch import Tensor, nn
from torch.nn import functional as F

from cxr_edge.export.models.defaults import image_tower, state_of
from cxr_edge.export.models.fitting import fit, require, without_prefix
from cxr_edge.export.models.plain_resnet import PlainResNet, TrunkConfig, read_trunk
from cxr_edge.export.spec import ExportSpec
from cxr_edge.preprocess.recipe import Crop, Quantise, Recipe, Repeat, Resize

NAME = "biovil"
SIZE = 480

PREFIXES = ("module.", "model.", "image_model.", "image_encoder.")
UNUSED = ("encoder.encoder.fc.", "classifier.")
TRUNK = "encoder.encoder."


def recipe(size: int) -> Recipe:
    """The released code's preprocessing: its own grey levels (rounded down), no mean or deviation.

    Args:
        size: pixels a side of the centre crop; 480 for BioViL, 448 for BioViL-T.
    """
    return Recipe(
        tone="minmax",
        steps=(
            Quantise("floor"),
            Resize(shortest=512, kernel="bilinear", rounding="floor", eight_bit=True),
            Crop(size, size, rounding="nearest"),
            Repeat(3),
        ),
        fast=False,
    )


RECIPE = recipe(SIZE)


@dataclass(frozen=True)
class BiovilConfig:
    """The sizes that a checkpoint fixes.

    Attributes:
        trunk: of the ResNet.
        hidden: channels inside the projection; 128 as published.
        dimension: P, the size of the embedding; 128 as published.
    """

    trunk: TrunkConfig
    hidden: int
    dimension: int


class Trunk(nn.Module):
    """The level ``encoder.`` of the published keys."""

    def __init__(self, config: TrunkConfig) -> None:
        super().__init__()
        self.encoder = PlainResNet(config)


class Projector(nn.Module):
    """Two 1x1 convolutions with a batch normalisation between: a perceptron at each place."""

    def __init__(self, features: int, hidden: int, dimension: int) -> None:
        super().__init__()
        self.model = nn.Sequential(
            nn.Conv2d(features, hidden, 1, bias=False),
            nn.BatchNorm2d(hidden),
            nn.ReLU(),
            nn.Conv2d(hidden, dimension, 1),
        )

    def forward(self, grid: Tensor) -> Tensor:
        """float32 (N, D, H, W) -> float32 (N, P), the mean over places, L2-normalised."""
        return F.normalize(self.model(grid).float().mean(dim=(2, 3)), dim=1)


class BiovilImage(nn.Module):
    """Pixels to an embedding of unit length."""

    def __init__(self, config: BiovilConfig) -> None:
        super().__init__()
        self.encoder = Trunk(config.trunk)
        self.projector = Projector(config.trunk.features, config.hidden, config.dimension)

    def forward(self, pixels: Tensor) -> Tensor:
        """float32 (N, 3, 480, 480), 0..1 -> ``embedding`` float32 (N, P), L2-normalised."""
        embedding: Tensor = self.projector(self.encoder.encoder.grid(pixels))
        return embedding


def read(state: Mapping[str, Tensor]) -> BiovilConfig:
    """Read all sizes from the weights.

    Raises:
        CheckpointError: the keys are not those of this network.
    """
    return read_sizes(NAME, without_prefix(state, PREFIXES))


def read_sizes(architecture: str, image: Mapping[str, Tensor]) -> BiovilConfig:
    """Read what BioViL and BioViL-T have in common, from keys without a wrapper's prefix.

    Raises:
        CheckpointError: the keys are not those of this network.
    """
    ends = ["projector.model.0.weight", "projector.model.3.weight"]
    require(architecture, image, [f"{TRUNK}conv1.weight", *ends])
    trunk = {k.removeprefix(TRUNK): t for k, t in image.items() if k.startswith(TRUNK)}
    hidden, dimension = (image[key].shape[0] for key in ends)
    return BiovilConfig(read_trunk(architecture, trunk), hidden, dimension)


def load(state: Mapping[str, Tensor]) -> BiovilImage:
    """The network of a checkpoint, in evaluation mode.

    Args:
        state: tensors under the published keys, with or without a wrapper's prefix.

    Raises:
        CheckpointError: keys are missing, left over, or of another shape.
    """
    config = read(state)
    tensors = without_prefix(state, PREFIXES)
    return fit(NAME, lambda: BiovilImage(config), tensors, ignored=UNUSED)


def export_spec(checkpoint: Path | None, tokenizer: Path | None = None) -> ExportSpec:
    """What the exporter needs; its text network is another file, so ``tokenizer`` is not used.

    Raises:
        CheckpointError: no checkpoint, or one of something else.
    """
    network = load(state := state_of(NAME, checkpoint))
    return image_tower(NAME, network, read(state).dimension, RECIPE, SIZE)
