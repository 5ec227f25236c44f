"""CheXbert (Smit et al., EMNLP 2020): BERT with one linear head for each of fourteen observations.

A head reads the last layer's first token. Heads 0..12 tell blank, positive, negative and uncertain
apart, the last one (No Finding) only blank and positive. The graph gives their logits side by side
and the first token itself, which CXR-RePaiR compares texts with.
"""

from collections.abc import Mapping
from itertools import accumulate
from pathlib import Path

import torch
from torch import Tensor, nn

from cxr_edge.errors import CheckpointError
from cxr_edge.export.checkpoints import hash_tensors
from cxr_edge.export.models.bert import (
    Bert,
    BertConfig,
    checked_vocabulary,
    random_texts,
    read_bert,
    renamed,
)
from cxr_edge.export.models.defaults import muted_observations, state_of
from cxr_edge.export.models.fitting import fit, require, without_prefix
from cxr_edge.export.spec import ExportSpec, GraphSpec
from cxr_edge.labels import OBSERVATIONS

NAME = "chexbert"

HEADS: tuple[str, ...] = (
    "Enlarged Cardiomediastinum",
    "Cardiomegaly",
    "Lung Opacity",
    "Lung Lesion",
    "Edema",
    "Consolidation",
    "Pneumonia",
    "Atelectasis",
    "Pneumothorax",
    "Pleural Effusion",
    "Pleural Other",
    "Fracture",
    "Support Devices",
    "No Finding",
)
"""What each of ``linear_heads.0`` .. ``.13`` speaks of, in the released code's order."""

CLASSES: tuple[int, ...] = (4,) * 13 + (2,)
"""Logits of each head: blank, positive and, but for No Finding, negative, uncertain."""

_PREFIXES = ("module.", "model.")
_VOCABULARY = "vocab.txt"


def columns() -> dict[str, tuple[int, int]]:
    """By observation, the columns first .. last (half open) of the logits, in the project's order.

    Heads are found by name, never by place: other code lists the same names alphabetically.
    """
    ends = list(accumulate(CLASSES))
    spans = {name: (end - n, end) for name, end, n in zip(HEADS, ends, CLASSES, strict=True)}
    return {name: spans[name] for name in OBSERVATIONS}


class CheXbert(nn.Module):
    """Reports to labels."""

    def __init__(self, config: BertConfig) -> None:
        """Sizes of the checkpoint."""
        super().__init__()
        self.bert = Bert(config)
        self.linear_heads = nn.ModuleList(nn.Linear(config.width, n) for n in CLASSES)

    def forward(self, ids: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        """Label reports.

        Args:
            ids: int64 (N, L), L at most 512, from the WordPiece tokenizer.
            mask: int64 (N, L), 1 where an id counts.

        Returns:
            ``logits`` float32 (N, 54), head after head as :func:`columns` says, and ``embedding``
            float32 (N, 768), the first token, not normalised.
        """
        first = self.bert(ids, mask)[:, 0]
        logits = torch.cat([head(first) for head in self.linear_heads], dim=1)
        return logits.float(), first.float()


def _bare(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return renamed(without_prefix(state, _PREFIXES))


def read(state: Mapping[str, Tensor]) -> BertConfig:
    """Read all sizes from the weights.

    Raises:
        CheckpointError: the keys are not those of CheXbert.
    """
    bare = _bare(state)
    require(NAME, bare, (f"linear_heads.{number}.weight" for number in range(len(CLASSES))))
    return read_bert(NAME, bare, "bert.")


def load(state: Mapping[str, Tensor]) -> CheXbert:
    """The network of a checkpoint, in evaluation mode: dropout is off.

    Args:
        state: the tensors under ``model_state_dict`` of the published file, with or without
            ``module.`` and ``position_ids``, with LayerNorm under its old or new names.

    Raises:
        CheckpointError: keys are missing, left over, or of another shape.
    """
    config = read(state)
    return fit(NAME, lambda: CheXbert(config), _bare(state), ignored=("bert.cls.", "cls."))


def export_spec(checkpoint: Path | None, tokenizer: Path | None = None) -> ExportSpec:
    """What the exporter needs.

    Args:
        checkpoint: ``chexbert.pth``, or the same weights in another form.
        tokenizer: ``vocab.txt`` of bert-base-uncased.

    Raises:
        CheckpointError: either is missing or is something else.
    """
    state = state_of(NAME, checkpoint)
    network, config = load(state), read(state)
    if tokenizer is None:
        raise CheckpointError(f"{NAME} needs --tokenizer: the vocab.txt of bert-base-uncased")
    vocabulary = checked_vocabulary(tokenizer, config, "bert-base-uncased")
    length = {1: "length"}
    return ExportSpec(
        name=NAME,
        architecture=NAME,
        space=f"{NAME}/{hash_tensors(network.state_dict())[:16]}",
        metric="cosine",
        dimension=config.width,
        recipe={},
        graphs=(
            GraphSpec(
                "labels",
                network,
                ("ids", "mask"),
                ("logits", "embedding"),
                random_texts(config),
                {"ids": length, "mask": length},
            ),
        ),
        observations=muted_observations(),
        tokenizer={"kind": "wordpiece", "file": _VOCABULARY, "length": config.positions},
        files={_VOCABULARY: vocabulary},
        provenance={"classes": {name: list(span) for name, span in columns().items()}},
    )
