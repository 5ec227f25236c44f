"""Retrieval baseline of CXR-RePaiR (Endo et al., ML4H 2021): nearest ResNet-18 feature by cosine.

Two kinds of checkpoint were used by its authors: a classifier trained on CheXpert (keys under
``model.model.``) and a momentum-contrast encoder (under ``module.encoder_q.``, beside its momentum
copy ``module.encoder_k.``). The feature is the mean over the last grid; a final ``fc`` is not used.
"""

from collections.abc import Mapping
from pathlib import Path

from torch import Tensor, nn
from torch.nn import functional as F

from cxr_edge.export.models.defaults import image_tower, state_of
from cxr_edge.export.models.fitting import fit, without_prefix
from cxr_edge.export.models.plain_resnet import PlainResNet, TrunkConfig, read_trunk
from cxr_edge.export.spec import ExportSpec
from cxr_edge.preprocess.recipe import Normalise, Pad, Recipe, Repeat, Resize, Scale

NAME = "resnet18-baseline"
SIZE = 320

RECIPE = Recipe(
    tone="minmax+equalise",
    steps=(
        Resize(longest=SIZE, kernel="lanczos", rounding="floor", eight_bit=True),
        Pad(),
        Scale(255.0),
        Normalise((101.48761,), (83.43944,)),
        Repeat(3),
    ),
    fast=False,
)
"""Its MIMIC-CXR pictures: 8-bit release, longest side to 320, zero padding, no second resize."""

_PREFIXES = ("module.", "model.", "encoder_q.", "backbone.")
_COPIES = ("module.encoder_k.", "encoder_k.", "module.queue", "queue")


class Baseline(nn.Module):
    """Pixels to a feature of unit length."""

    def __init__(self, config: TrunkConfig) -> None:
        """Of the sizes that a checkpoint fixes."""
        super().__init__()
        self.trunk = PlainResNet(config)

    def forward(self, pixels: Tensor) -> Tensor:
        """float32 (N, 3, 320, 320) -> ``embedding`` float32 (N, D), L2-normalised."""
        return F.normalize(self.trunk(pixels).float(), dim=1)


def _bare(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return without_prefix({k: v for k, v in state.items() if not k.startswith(_COPIES)}, _PREFIXES)


def read(state: Mapping[str, Tensor]) -> TrunkConfig:
    """Read all sizes from the weights.

    Raises:
        CheckpointError: the keys are not those of a residual trunk.
    """
    return read_trunk(NAME, _bare(state))


def load(state: Mapping[str, Tensor]) -> Baseline:
    """The network of a checkpoint, in evaluation mode.

    Args:
        state: tensors under bare keys or a prefix named at the head of this file.

    Raises:
        CheckpointError: keys are missing, left over, or of another shape.
    """
    config = read(state)
    tensors = {f"trunk.{key}": tensor for key, tensor in _bare(state).items()}
    return fit(NAME, lambda: Baseline(config), tensors, ignored=("trunk.fc.",))


def export_spec(checkpoint: Path | None, tokenizer: Path | None = None) -> ExportSpec:
    """What the exporter needs; there is no text network, so ``tokenizer`` is not used.

    Raises:
        CheckpointError: no checkpoint, or one of something else.
    """
    network = load(state := state_of(NAME, checkpoint))
    return image_tower(NAME, network, read(state).features, RECIPE, SIZE)
