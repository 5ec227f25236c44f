"""The CLIP that CXR-RePaiR trained from scratch (Endo et al., ML4H 2021): ViT-B/16 at 320 pixels.

150,105,089 parameters; the keys are those of ViT-B/32. Pictures are used at the size they are kept
in, so there is no second resize."""

from collections.abc import Mapping
from pathlib import Path

from torch import Tensor

from cxr_edge.export.models import clip
from cxr_edge.export.models.clip_bundle import clip_spec, mimic_recipe
from cxr_edge.export.spec import ExportSpec

NAME = "cxr-repair-vit-b16-320"
SIZE = 320
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
