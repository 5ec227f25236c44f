"""ConVIRT (Zhang et al., MLHC 2022): ResNet-50 and a projection of two layers, g_v of section 3.2.

The authors published no weights and no key list, so every size is read from the file and these
layouts are accepted: trunk keys bare or under ``trunk.``, ``img_encoder.``, ``image_encoder.``,
``backbone.``; a trunk stored by position (``res_features.0`` for ``conv1``, as in a public
re-implementation); the projection as ``projection.0`` / ``projection.2``, as ``res_l1`` /
``res_l2``, or one layer alone. A checkpoint without a projection gives the trunk's feature.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from torch import Tensor, nn
from torch.nn import functional as F

from cxr_edge.export.models.defaults import IMAGENET_RECIPE, IMAGENET_SIZE, image_tower, state_of
from cxr_edge.export.models.fitting import fit, without_prefix
from cxr_edge.export.models.plain_resnet import PlainResNet, TrunkConfig, read_trunk
from cxr_edge.export.spec import ExportSpec

NAME = "convirt"

RECIPE = IMAGENET_RECIPE
"""Trained on the MIMIC-CXR 8-bit release from ImageNet weights; the paper gives no constants, so
these are ImageNet's and a choice of ours."""

_PREFIXES = ("module.", "model.", "img_encoder.", "image_encoder.", "backbone.", "trunk.")
_BY_POSITION = {
    "0": "conv1",
    "1": "bn1",
    "4": "layer1",
    "5": "layer2",
    "6": "layer3",
    "7": "layer4",
}
_RENAMED = {"res_l1.": "projection.0.", "res_l2.": "projection.2."}
_TEXT = ("bert_", "text_", "txt_")


@dataclass(frozen=True)
class ConvirtConfig:
    """The sizes that a checkpoint fixes.

    Attributes:
        trunk: of the ResNet.
        projection: sizes from the trunk's feature to the embedding: (2048, 2048, 512) for the
            paper's two layers, (2048,) where there is no projection.
    """

    trunk: TrunkConfig
    projection: tuple[int, ...]

    @property
    def dimension(self) -> int:
        """P, the size of the embedding."""
        return self.projection[-1]


class Convirt(nn.Module):
    """Pixels to an embedding of unit length."""

    def __init__(self, config: ConvirtConfig) -> None:
        """Of the sizes that a checkpoint fixes."""
        super().__init__()
        self.trunk = PlainResNet(config.trunk)
        layers: list[nn.Module] = []
        for inputs, outputs in zip(config.projection, config.projection[1:], strict=False):
            layers += [nn.ReLU()] if layers else []
            layers.append(nn.Linear(inputs, outputs))
        self.projection = nn.Sequential(*layers)

    def forward(self, pixels: Tensor) -> Tensor:
        """float32 (N, 3, 224, 224) -> ``embedding`` float32 (N, P), L2-normalised."""
        return F.normalize(self.projection(self.trunk(pixels)).float(), dim=1)


def _bare(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The tensors of the image side under one set of names: the trunk's bare, ``projection.*``."""
    image: dict[str, Tensor] = {}
    for key, tensor in without_prefix(state, _PREFIXES).items():
        if key.startswith(_TEXT) or key.startswith("fc."):
            continue
        position = re.match(r"res_features\.(\d+)\.", key)
        if position and position[1] in _BY_POSITION:
            key = f"{_BY_POSITION[position[1]]}.{key[position.end() :]}"
        for old, new in _RENAMED.items():
            key = new + key[len(old) :] if key.startswith(old) else key
        image[re.sub(r"^projection\.(weight|bias)$", r"projection.0.\1", key)] = tensor
    return image


def read(state: Mapping[str, Tensor]) -> ConvirtConfig:
    """Read all sizes from the weights.

    Raises:
        CheckpointError: the keys are not those of a residual trunk.
    """
    image = _bare(state)
    trunk = read_trunk(NAME, image)
    layers = [
        image[k].shape[0] for k in ("projection.0.weight", "projection.2.weight") if k in image
    ]
    return ConvirtConfig(trunk, (trunk.features, *layers))


def load(state: Mapping[str, Tensor]) -> Convirt:
    """The image side of a checkpoint, in evaluation mode.

    Args:
        state: tensors in one of the layouts named at the head of this file.

    Raises:
        CheckpointError: keys are missing, left over, or of another shape.
    """
    config = read(state)
    tensors = {
        key if key.startswith("projection.") else f"trunk.{key}": tensor
        for key, tensor in _bare(state).items()
    }
    return fit(NAME, lambda: Convirt(config), tensors)


def export_spec(checkpoint: Path | None, tokenizer: Path | None = None) -> ExportSpec:
    """What the exporter needs; the text side is not exported, so ``tokenizer`` is not used.

    Raises:
        CheckpointError: no checkpoint, or one of something else.
    """
    network = load(state := state_of(NAME, checkpoint))
    return image_tower(NAME, network, read(state).dimension, RECIPE, IMAGENET_SIZE)
