"""MedCLIP's ResNet-50 (Wang et al., EMNLP 2022): a trunk whose classifier is a projection.

The published ``pytorch_model.bin`` holds both towers. The image side stands under
``vision_model.model.``, its projection in the place of the classifier, ``fc``, without a bias.
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
from cxr_edge.preprocess.recipe import Normalise, Pad, Recipe, Repeat, Resize

NAME = "medclip-rn50"
SIZE = 224

RECIPE = Recipe(
    tone="minmax+equalise",
    steps=(
        Pad(0.0),
        Resize(height=SIZE, width=SIZE, kernel="bicubic", eight_bit=True),
        Normalise((0.5862785803043838,), (0.27950088968644304,)),
        Repeat(3),
    ),
    fast=False,
)
"""The authors' image processor, on pictures made like the 8-bit releases it was trained on."""

_PREFIXES = ("module.", "vision_model.")
_TEXT = ("text_model.", "logit_scale")


@dataclass(frozen=True)
class MedclipConfig:
    """The sizes that a checkpoint fixes.

    Attributes:
        trunk: of the ResNet.
        dimension: P, the size of the embedding; 512 as published.
    """

    trunk: TrunkConfig
    dimension: int


class ProjectedTrunk(PlainResNet):
    """A trunk that ends in a projection without bias."""

    def __init__(self, config: MedclipConfig) -> None:
        super().__init__(config.trunk)
        self.fc = nn.Linear(config.trunk.features, config.dimension, bias=False)

    def forward(self, pixels: Tensor) -> Tensor:
        """float32 (N, 3, S, S) -> float32 (N, P), not normalised."""
        return F.linear(super().forward(pixels), self.fc.weight)


class MedclipImage(nn.Module):
    """Pixels to an embedding of unit length."""

    def __init__(self, config: MedclipConfig) -> None:
        super().__init__()
        self.model = ProjectedTrunk(config)

    def forward(self, pixels: Tensor) -> Tensor:
        """float32 (N, 3, 224, 224) -> ``embedding`` float32 (N, P), L2-normalised."""
        return F.normalize(self.model(pixels).float(), dim=1)


def read(state: Mapping[str, Tensor]) -> MedclipConfig:
    """Read all sizes from the weights.

    Raises:
        CheckpointError: the keys are not those of this network.
    """
    image = without_prefix(state, _PREFIXES)
    require(NAME, image, ["model.conv1.weight", "model.fc.weight"])
    trunk = {key[6:]: tensor for key, tensor in image.items() if key.startswith("model.")}
    return MedclipConfig(read_trunk(NAME, trunk), trunk["fc.weight"].shape[0])


def load(state: Mapping[str, Tensor]) -> MedclipImage:
    """The image side of a checkpoint, in evaluation mode.

    Args:
        state: tensors of the whole model or of its image side, under the published keys, with or
            without ``module.`` and ``vision_model.``.

    Raises:
        CheckpointError: keys are missing, left over, or of another shape.
    """
    config = read(state)
    tensors = without_prefix(state, _PREFIXES)
    return fit(NAME, lambda: MedclipImage(config), tensors, ignored=_TEXT)


def export_spec(checkpoint: Path | None, tokenizer: Path | None = None) -> ExportSpec:
    """What the exporter needs; the text side is not exported, so ``tokenizer`` is not used.

    Raises:
        CheckpointError: no checkpoint, or one of something else.
    """
    network = load(state := state_of(NAME, checkpoint))
    return image_tower(NAME, network, read(state).dimension, RECIPE, SIZE)
