"""DCCLIP (Zhou & Wang, EMNLP 2024): an image tower, a text tower, and observation prompts.

The head f_v of section 3.1 is one Linear over ``concat(v, e_k)``, e_k the one-hot of observation k.
A one-hot only selects a column, so the fourteen prompted embeddings are ``W_v v + b + W_e[:, k]``
and cost one pass of the trunk. Each observation has its own Linear P -> 1: with one shared by all,
the prompt would add a constant and every observation would rank the pictures alike.
"""

import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import save_file
from torch import Tensor, nn
from torch.nn import functional as F

from cxr_edge.errors import CheckpointError
from cxr_edge.export.checkpoints import DESCRIPTION, hash_tensors, read_safetensors
from cxr_edge.export.models.resnet import ResNet50, SmallResNet
from cxr_edge.export.spec import ExportSpec, GraphSpec
from cxr_edge.labels import OBSERVATIONS
from cxr_edge.tokenizers.ngrams import NgramTokenizer

EMBEDDED = Path(__file__).parents[1] / "weights" / "dcclip-small.safetensors"
"""The weights of the embedded default."""


@dataclass(frozen=True)
class DcclipConfig:
    """The sizes that a checkpoint fixes.

    Attributes:
        arch: ``small`` or ``resnet50``, the image trunk.
        image_size: pixels a side that the image network takes.
        channels: 1 for ``small``, 3 for ``resnet50``.
        width: channels of the first stage of ``small``; ignored by ``resnet50``.
        dimension: P, the size of the shared space.
        vocabulary: number of word n-grams the text tower reads.
        hidden: width of the text tower.
    """

    arch: str = "small"
    image_size: int = 128
    channels: int = 1
    width: int = 32
    dimension: int = 128
    vocabulary: int = 2048
    hidden: int = 256

    def to_json(self) -> dict[str, object]:
        """The config as plain values, the inverse of ``DcclipConfig(**values)``."""
        return asdict(self)


class PromptedHead(nn.Module):
    """f_v and f_t: a feature and an observation prompt to the shared space, and what it says.

    Attributes:
        project: Linear (D + 14) -> P; the last fourteen columns are the prompts W_e.
        observe: one Linear P -> 1 per observation, kept as a (14, P) weight and a (14,) bias.
    """

    def __init__(self, features: int, dimension: int) -> None:
        """D and P."""
        super().__init__()
        self.features = features
        self.project = nn.Linear(features + len(OBSERVATIONS), dimension)
        self.observe = nn.Linear(dimension, len(OBSERVATIONS))

    def unprompted(self, feature: Tensor) -> Tensor:
        """float32 (N, D) -> (N, P): the embedding with the zero prompt, not normalised."""
        return F.linear(feature, self.project.weight[:, : self.features], self.project.bias)

    def prompted(self, unprompted: Tensor) -> Tensor:
        """float32 (N, P) from :meth:`unprompted` -> (N, 14, P): one embedding per observation."""
        return unprompted[:, None, :] + self.project.weight[:, self.features :].T[None]

    def logits(self, unprompted: Tensor) -> Tensor:
        """float32 (N, P) from :meth:`unprompted` -> (N, 14): log-odds of each observation."""
        return (self.prompted(unprompted) * self.observe.weight[None]).sum(2) + self.observe.bias


class ImageTower(nn.Module):
    """Pixels to an embedding and fourteen probabilities."""

    def __init__(self, config: DcclipConfig) -> None:
        """Build the trunk that the config names; ValueError where it names none."""
        super().__init__()
        self.config = config
        self.trunk: SmallResNet | ResNet50
        if config.arch == "small":
            self.trunk = SmallResNet(config.width, config.channels)
        elif config.arch == "resnet50":
            self.trunk = ResNet50()
        else:
            raise ValueError(f"unknown trunk {config.arch!r}, expected small or resnet50")
        self.head = PromptedHead(self.trunk.features, config.dimension)

    def forward(self, pixels: Tensor) -> tuple[Tensor, Tensor]:
        """Encode a batch.

        Args:
            pixels: float32 (N, C, S, S), preprocessed by the recipe of the bundle.

        Returns:
            ``embedding`` float32 (N, P), L2-normalised, and ``probabilities`` float32 (N, 14).
        """
        unprompted = self.head.unprompted(self.trunk(pixels)).float()
        return F.normalize(unprompted, dim=1), torch.sigmoid(self.head.logits(unprompted))


class TextTower(nn.Module):
    """A bag of weighted word n-grams to an embedding.

    The order of words inside an n-gram is all the order a radiology sentence needs here: a small
    transformer was no better in our trial, and sentences are embedded when the index is built.
    """

    def __init__(self, config: DcclipConfig) -> None:
        """Build from the sizes in the config."""
        super().__init__()
        self.body = nn.Sequential(
            nn.Linear(config.vocabulary, config.hidden),
            nn.GELU(),
            nn.Dropout(0.1),
            nn.Linear(config.hidden, config.hidden),
            nn.GELU(),
        )
        self.head = PromptedHead(config.hidden, config.dimension)

    def forward(self, bag: Tensor) -> Tensor:
        """float32 (N, V) from the tokenizer -> float32 (N, P), L2-normalised."""
        return F.normalize(self.head.unprompted(self.body(bag)).float(), dim=1)


class Dcclip(nn.Module):
    """Both towers and the learnable temperature of the matching loss.

    Attributes:
        log_temperature: log tau; tau starts at 0.07 as in section 4.2 of the paper.
    """

    def __init__(self, config: DcclipConfig) -> None:
        """Build both towers, freshly initialised."""
        super().__init__()
        self.config = config
        self.image = ImageTower(config)
        self.text = TextTower(config)
        self.log_temperature = nn.Parameter(torch.tensor(0.07).log())


@dataclass(frozen=True)
class DcclipWeights:
    """A trained DCCLIP with all that its bundle needs.

    Attributes:
        model: in evaluation mode.
        tokenizer: of the text tower.
        recipe: preprocessing, as ``Recipe.to_json`` gives it.
        observations: by name, the manifest's entries.
        provenance: data, recipe, seed, versions, date.
        space: names these very weights.
    """

    model: Dcclip
    tokenizer: NgramTokenizer
    recipe: Mapping[str, Any]
    observations: Mapping[str, Mapping[str, Any]]
    provenance: Mapping[str, Any]
    space: str


_TOKENIZER = "tokenizer.weights"


def save_weights(
    path: Path,
    model: Dcclip,
    tokenizer: NgramTokenizer,
    recipe: Mapping[str, Any],
    observations: Mapping[str, Mapping[str, Any]],
    provenance: Mapping[str, Any],
) -> None:
    """Write everything :func:`load_weights` needs as one ``.safetensors`` file, atomically."""
    tensors = {key: value.contiguous() for key, value in model.state_dict().items()}
    tensors[_TOKENIZER] = torch.from_numpy(tokenizer.weights)
    description = {
        "architecture": "dcclip",
        "config": model.config.to_json(),
        "ngrams": list(tokenizer.ngrams),
        "recipe": dict(recipe),
        "observations": {name: dict(entry) for name, entry in observations.items()},
        "provenance": dict(provenance),
    }
    part = path.with_suffix(".tmp")
    save_file(tensors, part, {DESCRIPTION: json.dumps(description)})
    part.chmod(0o644)  # safetensors leaves it readable by its owner alone
    with part.open("rb") as written:
        os.fsync(written.fileno())
    part.replace(path)


def load_weights(path: Path) -> DcclipWeights:
    """Open a file of :func:`save_weights`.

    Raises:
        CheckpointError: missing, damaged, or of another architecture.
    """
    tensors, description = read_safetensors(path)
    if description.get("architecture") != "dcclip":
        raise CheckpointError(
            f"{path} holds {description.get('architecture')!r}, expected dcclip; "
            "choose the model it was trained as"
        )
    digest = hash_tensors(tensors)
    try:
        config = DcclipConfig(**description["config"])
        tokenizer = NgramTokenizer.of(description["ngrams"], tensors.pop(_TOKENIZER).numpy())
        model = Dcclip(config)
        model.load_state_dict(tensors)
        return DcclipWeights(
            model.eval(),
            tokenizer,
            description["recipe"],
            description["observations"],
            description["provenance"],
            f"dcclip-{config.arch}/{digest[:16]}",
        )
    except (KeyError, TypeError, ValueError, RuntimeError) as problem:
        detail = str(problem).splitlines()[0]
        raise CheckpointError(
            f"{path} is not a whole DCCLIP checkpoint ({detail}); train or fetch it again"
        ) from None


def export_spec(checkpoint: Path | None, tokenizer: Path | None = None) -> ExportSpec:
    """What the exporter needs: of the given checkpoint, or of the embedded default.

    The tokenizer is inside the checkpoint, so ``tokenizer`` is not used.

    Raises:
        CheckpointError: see :func:`load_weights`.
    """
    weights = load_weights(checkpoint or EMBEDDED)
    config = weights.model.config

    def pictures(count: int, chance: np.random.Generator) -> tuple[NDArray[np.generic], ...]:
        """Smooth blobs, standardised: closer to a radiograph's spectrum than white noise."""
        coarse = chance.standard_normal((count, config.channels, 9, 9)).astype(np.float32)
        smooth = F.interpolate(
            torch.from_numpy(coarse), size=(config.image_size,) * 2, mode="bicubic"
        )
        centred = smooth - smooth.mean(dim=(1, 2, 3), keepdim=True)
        return ((centred / centred.std(dim=(1, 2, 3), keepdim=True)).numpy(),)

    def bags(count: int, chance: np.random.Generator) -> tuple[NDArray[np.generic], ...]:
        """Texts of a dozen random n-grams of the vocabulary."""
        picked = chance.integers(config.vocabulary, size=(count, 12))
        texts = [" ".join(weights.tokenizer.ngrams[k] for k in row) for row in picked]
        return (weights.tokenizer.encode(texts)["bag"],)

    return ExportSpec(
        name=f"dcclip-{config.arch}",
        architecture="dcclip",
        space=weights.space,
        metric="cosine",
        dimension=config.dimension,
        recipe=weights.recipe,
        graphs=(
            GraphSpec(
                "image", weights.model.image, ("pixels",), ("embedding", "probabilities"), pictures
            ),
            GraphSpec("text", weights.model.text, ("bag",), ("embedding",), bags),
        ),
        observations=weights.observations,
        tokenizer={"kind": "ngrams", "file": "ngrams.json"},
        files={"ngrams.json": weights.tokenizer.to_bytes()},
        provenance=weights.provenance,
    )
