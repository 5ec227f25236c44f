"""DCCLIP with its language model: a BERT as text tower beside the image tower, in one checkpoint.

Zhou & Wang (EMNLP 2024) take ClinicalBERT's weights, so the text tower is a BERT of 768 channels
and 12 layers. A text's feature t is the last layer's first token; f_t is one Linear over
``concat(t, e_prompt)``, and texts are retrieved with the zero prompt: ``W_t t + b``.

No weights were published. Keys are those of our own reference, :class:`DcclipBert`:
``image.trunk.*`` (torchvision's ResNet-50 names), ``image.head.*``, ``text.bert.*`` (the published
BERT names), ``text.head.*``, and ``log_temperature``, which drafting does not need.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from cxr_edge.errors import CheckpointError
from cxr_edge.export.archive import read_listing
from cxr_edge.export.checkpoints import DESCRIPTION, hash_tensors
from cxr_edge.export.models import dcclip
from cxr_edge.export.models.bert import (
    Bert,
    BertConfig,
    checked_vocabulary,
    random_texts,
    read_bert,
    renamed,
)
from cxr_edge.export.models.dcclip import DcclipConfig, ImageTower, PromptedHead
from cxr_edge.export.models.defaults import (
    IMAGENET_RECIPE,
    IMAGENET_SIZE,
    muted_observations,
    smooth_pictures,
    state_of,
)
from cxr_edge.export.models.fitting import fit, require, without_prefix
from cxr_edge.export.spec import ExportSpec, GraphSpec

NAME = "dcclip"

RECIPE = IMAGENET_RECIPE
"""Of a checkpoint that does not describe its own. The paper trains an ImageNet ResNet-50 on 8-bit
MIMIC-CXR and gives no constants, so these are ImageNet's and a choice of ours."""

_PREFIXES = ("module.", "model.")
_BERT = "text.bert."
_POOLER = f"{_BERT}pooler.dense"


class BertTextTower(nn.Module):
    """Ids to an embedding, with the zero prompt."""

    def __init__(self, config: BertConfig, dimension: int) -> None:
        """Sizes of the checkpoint; P, the size of the shared space."""
        super().__init__()
        self.bert = Bert(config)
        self.head = PromptedHead(config.width, dimension)

    def forward(self, ids: Tensor, mask: Tensor) -> Tensor:
        """Encode texts.

        Args:
            ids: int64 (N, L), L at most 512, from the WordPiece tokenizer.
            mask: int64 (N, L), 1 where an id counts.

        Returns:
            float32 (N, P), L2-normalised.
        """
        first = self.bert(ids, mask)[:, 0]
        return F.normalize(self.head.unprompted(first).float(), dim=1)


class DcclipBert(nn.Module):
    """Both towers."""

    def __init__(self, image: DcclipConfig, text: BertConfig) -> None:
        """Sizes of the checkpoint."""
        super().__init__()
        self.image = ImageTower(image)
        self.text = BertTextTower(text, image.dimension)


def read(
    state: Mapping[str, Tensor], image_size: int = IMAGENET_SIZE
) -> tuple[DcclipConfig, BertConfig]:
    """Read all sizes from the weights.

    Args:
        state: as for :func:`load`.
        image_size: pixels a side of the input, which no key tells.

    Raises:
        CheckpointError: the keys are not those of both towers.
    """
    return _sizes(_bare(state), image_size)


def load(state: Mapping[str, Tensor], image_size: int = IMAGENET_SIZE) -> DcclipBert:
    """Both towers of a checkpoint, in evaluation mode.

    Args:
        state: tensors under the keys above, with or without ``module.`` and ``position_ids``, of
            any floating type; BERT's pooler, which is not used, may be missing.
        image_size: pixels a side of the input.

    Raises:
        CheckpointError: keys are missing, left over, or of another shape.
    """
    bare = _bare(state)
    image, text = _sizes(bare, image_size)
    bare.setdefault(f"{_POOLER}.weight", torch.zeros(text.width, text.width))
    bare.setdefault(f"{_POOLER}.bias", torch.zeros(text.width))
    ignored = ("log_temperature", f"{_BERT}cls.", "image.trunk.fc.")
    return fit(NAME, lambda: DcclipBert(image, text), bare, ignored=ignored)


def export_spec(checkpoint: Path | None, tokenizer: Path | None = None) -> ExportSpec:
    """What the exporter needs of a DCCLIP with either text tower.

    Args:
        checkpoint: a file of ``cxr-train``, which carries its own small text tower; a state dict
            with a BERT; None for the embedded default.
        tokenizer: ``vocab.txt`` of the BERT, given exactly where there is one. A
            ``tokenizer_config.json`` beside it says whether case is kept; without one it is not,
            as in ``transformers``.

    Raises:
        CheckpointError: a file is missing or is something else.
    """
    if tokenizer is None:
        _require_no_bert(checkpoint)
        return dcclip.export_spec(checkpoint)
    state = state_of(NAME, checkpoint)
    described = _description(checkpoint)
    network = load(state, described.get("config", {}).get("image_size", IMAGENET_SIZE))
    image, text = network.image.config, read_bert(NAME, _bare(state), _BERT)
    if image.channels != 3 and "recipe" not in described:
        raise CheckpointError(
            f"{checkpoint} takes {image.channels} channel and does not say how pictures are "
            "prepared; expected a ResNet-50, or a .safetensors file that describes its recipe"
        )
    entry: dict[str, Any] = {"kind": "wordpiece", "file": "vocab.txt", "length": text.positions}
    if not _lower_case(tokenizer):
        entry["lower"] = False
    length = {1: "length"}
    return ExportSpec(
        name=f"dcclip-{image.arch}-bert",
        architecture=NAME,
        space=f"dcclip-{image.arch}-bert/{hash_tensors(network.state_dict())[:16]}",
        metric="cosine",
        dimension=image.dimension,
        recipe=described.get("recipe", RECIPE.to_json()),
        graphs=(
            GraphSpec(
                "image",
                network.image,
                ("pixels",),
                ("embedding", "probabilities"),
                smooth_pictures(image.channels, image.image_size),
            ),
            GraphSpec(
                "text",
                network.text,
                ("ids", "mask"),
                ("embedding",),
                random_texts(text),
                {"ids": length, "mask": length},
            ),
        ),
        observations=described.get("observations", muted_observations()),
        tokenizer=entry,
        files={"vocab.txt": checked_vocabulary(tokenizer, text, "the BERT it was trained with")},
        provenance=described.get("provenance", {}),
    )


def _bare(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return renamed(without_prefix(state, _PREFIXES))


def _sizes(bare: Mapping[str, Tensor], image_size: int) -> tuple[DcclipConfig, BertConfig]:
    require(NAME, bare, ("image.head.project.weight", "text.head.project.weight"))
    text = read_bert(NAME, bare, _BERT)
    stem = bare.get("image.trunk.stem.0.weight")
    dimension = bare["image.head.project.weight"].shape[0]
    if stem is None:
        return DcclipConfig("resnet50", image_size, 3, dimension=dimension), text
    width, channels = stem.shape[:2]
    return DcclipConfig("small", image_size, channels, width, dimension), text


def _require_no_bert(checkpoint: Path | None) -> None:
    if checkpoint is not None and any(_BERT in key for key in read_listing(checkpoint).tensors):
        raise CheckpointError(
            f"{checkpoint} has a BERT as text tower: {NAME} needs --tokenizer then, the vocab.txt "
            "of that BERT"
        )


def _description(checkpoint: Path | None) -> dict[str, Any]:
    """What a ``.safetensors`` file says of itself as ``cxr-train`` writes it; empty otherwise."""
    found = None if checkpoint is None else read_listing(checkpoint).metadata.get(DESCRIPTION)
    if found is None:
        return {}
    try:
        return dict(json.loads(found))
    except ValueError:
        raise CheckpointError(
            f"{checkpoint} describes itself in something else than JSON; write it again"
        ) from None


def _lower_case(vocabulary: Path) -> bool:
    beside = vocabulary.with_name("tokenizer_config.json")
    if not beside.is_file():
        return True
    try:
        return bool(json.loads(beside.read_bytes()).get("do_lower_case", True))
    except (ValueError, AttributeError):
        raise CheckpointError(
            f"{beside} is not JSON with do_lower_case; restore it or give a vocab.txt without it"
        ) from None
