"""CXR-RePaiR (Endo et al., ML4H 2021): OpenAI's CLIP ViT-B/32, trained further on MIMIC-CXR.

151,277,313 parameters, 87,849,216 of them in the image tower. Its file is a bare state dict of 302
keys, as a rule in mixed FP16 and FP32."""

from collections.abc import Mapping
from pathlib import Path

from torch import Tensor

from cxr_edge.export.models import clip
from cxr_edge.export.models.clip_bundle import clip_spec, mimic_recipe
from cxr_edge.export.spec import ExportSpec

NAME = "cxr-repair-vit-b32"
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
