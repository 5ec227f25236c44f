"""CheXzero (Tiu et al., Nature Biomedical Engineering 2022): CLIP ViT-B/32 on MIMIC-CXR.

Network, file format and preprocessing are those of ``cxr-repair-vit-b32``; the weights, and with
them the space of the embeddings, are not."""

from collections.abc import Mapping
from pathlib import Path

from torch import Tensor

from cxr_edge.export.models import clip
from cxr_edge.export.models.clip_bundle import clip_spec, mimic_recipe
from cxr_edge.export.spec import ExportSpec

NAME = "chexzero"
SIZE = 224
RECIPE = mimic_recipe(SIZE)


def read(state: Mapping[str, Tensor]) -> clip.ClipConfig:
    """Read all sizes from the weights; see :func:`cxr_edge.export.models.clip.read`."""
    return clip.read(NAME, state)


def load(state: Mapping[str, Tensor]) -> clip.Clip:
    """The network of a checkpoint; see :func:`cxr_edge.export.models.clip.load`."""
    return clip.load(NAME, SIZE, state)


def export_spec(checkpoint: Path | None, tokenizer: Path | None = None) -> ExportSpec:
    """What the exporter needs; see :func:`cxr_edge.export.models.clip_bundle.clip_spec`."""
    return clip_spec(NAME, SIZE, RECIPE, checkpoint, tokenizer)
