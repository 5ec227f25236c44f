"""BioViL-T (Bannur et al., CVPR 2023): BioViL with a second half that tells of change.

Half of what each place says comes from the picture, half from comparing it with an earlier one;
without an earlier one the second half is one learned vector. A study is drafted from a single
picture here, so that is the form which is exported.

The published ``biovil_t_image_model_proj_size_128.pt`` is a flat state dict. The positions inside
the pooler are no key of it and are computed.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from cxr_edge.export.models.biovil import (
    PREFIXES,
    UNUSED,
    BiovilConfig,
    Projector,
    read_sizes,
    recipe,
)
from cxr_edge.export.models.defaults import image_tower, state_of
from cxr_edge.export.models.fitting import fit, require, without_prefix
from cxr_edge.export.models.plain_resnet import PlainResNet
from cxr_edge.export.models.temporal_pooler import TemporalPooler
from cxr_edge.export.spec import ExportSpec

NAME = "biovil-t"
SIZE = 448

RECIPE = recipe(SIZE)

_POOLER = "encoder.vit_pooler.blocks."


@dataclass(frozen=True)
class BiovilTConfig:
    """The sizes that a checkpoint fixes.

    Attributes:
        image: what BioViL has too.
        width: C, channels of each half; 256 as published.
        layers: blocks of the pooler; 3 as published.
    """

    image: BiovilConfig
    width: int
    layers: int


class PairEncoder(nn.Module):
    """One or two pictures to a grid whose places tell what is there and what changed."""

    def __init__(self, config: BiovilTConfig) -> None:
        super().__init__()
        self.encoder = PlainResNet(config.image.trunk)
        self.backbone_to_vit = nn.Conv2d(config.image.trunk.features, config.width, 1, bias=False)
        self.vit_pooler = TemporalPooler(config.width, config.layers)
        self.missing_previous_emb = nn.Parameter(torch.zeros(1, config.width, 1, 1))

    def forward(self, pixels: Tensor, previous: Tensor | None) -> Tensor:
        """float32 (N, 3, S, S), once or twice -> float32 (N, 2 C, S / 32, S / 32)."""
        current = self.backbone_to_vit(self.encoder.grid(pixels))
        if previous is None:
            change = self.missing_previous_emb.expand_as(current)
        else:
            change = self.vit_pooler(current, self.backbone_to_vit(self.encoder.grid(previous)))
        return torch.cat([current, change], dim=1)


class BiovilTImage(nn.Module):
    """Pixels to an embedding of unit length."""

    def __init__(self, config: BiovilTConfig) -> None:
        super().__init__()
        self.encoder = PairEncoder(config)
        self.projector = Projector(2 * config.width, config.image.hidden, config.image.dimension)

    def forward(self, pixels: Tensor, previous: Tensor | None = None) -> Tensor:
        """Encode a batch.

        Args:
            pixels: float32 (N, 3, 448, 448), 0..1.
            previous: earlier pictures of the same patients, of the same shape; None where there
                are none.

        Returns:
            ``embedding`` float32 (N, P), L2-normalised.
        """
        embedding: Tensor = self.projector(self.encoder(pixels, previous))
        return embedding


def read(state: Mapping[str, Tensor]) -> BiovilTConfig:
    """Read all sizes from the weights.

    Raises:
        CheckpointError: the keys are not those of this network.
    """
    image = without_prefix(state, PREFIXES)
    require(NAME, image, ["encoder.backbone_to_vit.weight", f"{_POOLER}0.norm1.weight"])
    layers = {key.removeprefix(_POOLER).split(".")[0] for key in image if key.startswith(_POOLER)}
    width = image["encoder.backbone_to_vit.weight"].shape[0]
    return BiovilTConfig(read_sizes(NAME, image), width, len(layers))


def load(state: Mapping[str, Tensor]) -> BiovilTImage:
    """The network of a checkpoint, in evaluation mode.

    Args:
        state: tensors under the published keys, with or without a wrapper's prefix.

    Raises:
        CheckpointError: keys are missing, left over, or of another shape.
    """
    config = read(state)
    tensors = {
        key: tensor
        for key, tensor in without_prefix(state, PREFIXES).items()
        if key != "encoder.vit_pooler.pos_embed"
    }
    return fit(NAME, lambda: BiovilTImage(config), tensors, ignored=UNUSED)


def export_spec(checkpoint: Path | None, tokenizer: Path | None = None) -> ExportSpec:
    """What the exporter needs; its text network is another file, so ``tokenizer`` is not used.

    Raises:
        CheckpointError: no checkpoint, or one of something else.
    """
    network = load(state := state_of(NAME, checkpoint))
    return image_tower(NAME, network, read(state).image.dimension, RECIPE, SIZE)
