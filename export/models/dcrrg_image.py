"""The image side of DCRRG: a ResNet DCCLIP tower that also gives the decoder's memory.

Memory is the fourteen prompted embeddings ``v_p`` (section 3.1), which cost one pass of the trunk;
see ``dcclip.PromptedHead``. Keys are those of ``dcclip`` under ``image.``.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from cxr_edge.export.models.dcclip import PromptedHead
from cxr_edge.export.models.fitting import fit, require
from cxr_edge.export.models.plain_resnet import PlainResNet, TrunkConfig, read_trunk

PREFIX = "image."


@dataclass(frozen=True)
class ImageConfig:
    """The sizes that a checkpoint fixes.

    Attributes:
        trunk: of the ResNet.
        dimension: P, size of a prompted embedding.
    """

    trunk: TrunkConfig
    dimension: int


class PromptedImage(nn.Module):
    """Pixels to the embedding, the fourteen probabilities and the decoder's memory."""

    def __init__(self, config: ImageConfig) -> None:
        """Of the sizes that a checkpoint fixes."""
        super().__init__()
        self.trunk = PlainResNet(config.trunk)
        self.head = PromptedHead(config.trunk.features, config.dimension)

    def forward(self, pixels: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Encode a batch.

        Args:
            pixels: float32 (N, 3, 224, 224).

        Returns:
            ``embedding`` (N, P), L2-normalised; ``probabilities`` (N, 14); ``memory`` (N, 14, P).
        """
        unprompted = self.head.unprompted(self.trunk(pixels)).float()
        probabilities = torch.sigmoid(self.head.logits(unprompted))
        return F.normalize(unprompted, dim=1), probabilities, self.head.prompted(unprompted)


def load_image(architecture: str, state: Mapping[str, Tensor]) -> PromptedImage | None:
    """The image side of a checkpoint, or None where it has no keys under ``image.``.

    Args:
        architecture: for messages.
        state: tensors of the whole checkpoint.

    Raises:
        CheckpointError: keys are missing, left over, or of another shape.
    """
    own = {key[len(PREFIX) :]: t for key, t in state.items() if key.startswith(PREFIX)}
    if not own:
        return None
    trunk = {key[len("trunk.") :]: t for key, t in own.items() if key.startswith("trunk.")}
    require(architecture, own, ["head.project.weight"])
    config = ImageConfig(
        read_trunk(architecture, trunk), dimension=own["head.project.weight"].shape[0]
    )
    return fit(architecture, lambda: PromptedImage(config), own, ignored=("trunk.fc.",))
