"""The image tower of LLM2CLIP4CXR: EVA02-L/14 at 448 pixels with 1,280 outputs.

Its text tower is a language model that is needed only to build an index: ``llm2vec4cxr_text``. The
score of a text is the plain inner product with the embedding, so nothing is normalised.

Accepted are the project's own files and the stock EVA02-CLIP-L/14-336 ones, whose positions are
interpolated to the finer grid and whose biases bear older names.
"""

from collections.abc import Mapping
from math import isqrt
from pathlib import Path

import torch
from torch import Tensor
from torch.nn import functional as F

from cxr_edge.errors import CheckpointError
from cxr_edge.export.checkpoints import hash_tensors
from cxr_edge.export.models.defaults import muted_observations, smooth_pictures, state_of
from cxr_edge.export.models.eva02 import HEAD_WIDTH, Eva02, Eva02Config, rotary_tables
from cxr_edge.export.models.fitting import fit, require, without_prefix
from cxr_edge.export.spec import ExportSpec, GraphSpec
from cxr_edge.preprocess.recipe import Crop, Normalise, Recipe, Repeat, Resize

NAME = "llm2clip4cxr-vision"
SIZE = 448

RECIPE = Recipe(
    tone="minmax+equalise",
    steps=(
        Resize(shortest=SIZE, kernel="bicubic", rounding="floor", eight_bit=True),
        Crop(SIZE, SIZE, rounding="nearest"),
        Repeat(3),
        Normalise((0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711)),
    ),
    fast=False,
)
"""CLIP's preprocessing, on pictures made as those it was trained on (MIMIC-CXR, 8 bit)."""

_PREFIXES = ("module.", "model.")
_VISUAL = "visual."
_TABLE_ERROR = 0.01
"""More than bfloat16 rounds off a cosine."""
_TEXT = ("text.", "logit_scale", "mask_token")


def read(state: Mapping[str, Tensor], image_size: int = SIZE) -> Eva02Config:
    """Read all sizes from the weights.

    Args:
        state: as for :func:`load`.
        image_size: pixels a side of the input, which no key tells: positions are interpolated.

    Raises:
        CheckpointError: the keys are not those of this network.
    """
    return _sizes(_bare(state), image_size)


def load(state: Mapping[str, Tensor], image_size: int = SIZE) -> Eva02:
    """The image tower of a checkpoint, in evaluation mode.

    Args:
        state: tensors of the whole model or of the image tower, with or without ``module.`` and
            ``visual.``, of any floating type.
        image_size: pixels a side of the input.

    Raises:
        CheckpointError: keys are missing, left over, or of another shape; or the file's rotary
            tables are not those this network computes.
    """
    tensors = _bare(state)
    config = _sizes(tensors, image_size)
    positions = tensors["pos_embed"]
    # Anything but a square grid is left as it is, and `fit` says what it is.
    square = positions.ndim == 3 and isqrt(positions.shape[1] - 1) ** 2 == positions.shape[1] - 1
    if square and positions.shape[1] != 1 + config.grid**2:
        tensors["pos_embed"] = _interpolated(positions.detach().float(), config.grid)
    cosines, sines = rotary_tables(config.grid)
    for key in [key for key in tensors if "rope.freqs_" in key]:
        table = cosines if key.endswith("freqs_cos") else sines
        stored = tensors.pop(key)
        if stored.shape == table.shape and (stored.float() - table).abs().max() > _TABLE_ERROR:
            raise CheckpointError(
                f"not a {NAME} checkpoint: {key} rotates otherwise than a {config.grid} x "
                f"{config.grid} grid trained at 16 x 16; check --model and the file"
            )
    for place in ("", *(f"blocks.{k}.attn." for k in range(config.layers))):
        tensors[f"{place}rope.freqs_cos"] = cosines
        tensors[f"{place}rope.freqs_sin"] = sines
    return fit(NAME, lambda: Eva02(config), tensors, ignored=_TEXT)


def space_of(network: Eva02) -> str:
    """The space that the image tower and the text tower trained with it share."""
    return f"{NAME}/{hash_tensors(network.state_dict())[:16]}"


def export_spec(checkpoint: Path | None, tokenizer: Path | None = None) -> ExportSpec:
    """What the exporter needs; ``tokenizer`` is not used: the text tower has a bundle of its own.

    Raises:
        CheckpointError: no checkpoint, one of something else, or one shard of several.
    """
    if checkpoint is not None and "mp_rank_" in checkpoint.name:
        raise CheckpointError(
            f"{checkpoint} is one DeepSpeed shard, expected a whole state dict; "
            "merge the shards with DeepSpeed's zero_to_fp32 first"
        )
    network = load(state_of(NAME, checkpoint))
    return ExportSpec(
        name=NAME,
        architecture=NAME,
        space=space_of(network),
        metric="inner_product",
        dimension=network.head.out_features,
        recipe=RECIPE.to_json(),
        graphs=(
            GraphSpec("image", network, ("pixels",), ("embedding",), smooth_pictures(3, SIZE)),
        ),
        observations=muted_observations(),
    )


def _bare(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The tensors of the image tower under the module's own keys."""
    short = without_prefix(state, _PREFIXES)
    if any(key.startswith(_VISUAL) for key in short):
        short = {k.removeprefix(_VISUAL): t for k, t in short.items() if k.startswith(_VISUAL)}
    renamed: dict[str, Tensor] = {}
    for key, tensor in short.items():
        for letter in "qv":
            key = key.replace(f"attn.{letter}_bias", f"attn.{letter}_proj.bias")
        renamed.setdefault(key, tensor)
    return renamed


def _sizes(tensors: Mapping[str, Tensor], image_size: int) -> Eva02Config:
    sized = ("patch_embed.proj.weight", "pos_embed", "blocks.0.mlp.w1.weight", "head.weight")
    require(NAME, tensors, sized)
    width, _, patch, _ = tensors["patch_embed.proj.weight"].shape
    if image_size % patch or width % HEAD_WIDTH:
        raise CheckpointError(
            f"not a {NAME} checkpoint: patches of {patch} pixels and {width} channels, expected a "
            f"divisor of {image_size} and a multiple of {HEAD_WIDTH}; check --model and the file"
        )
    blocks = {key.split(".")[1] for key in tensors if key.startswith("blocks.")}
    return Eva02Config(
        image_size=image_size,
        patch=patch,
        width=width,
        layers=len(blocks),
        hidden=tensors["blocks.0.mlp.w1.weight"].shape[0],
        dimension=tensors["head.weight"].shape[0],
    )


def _interpolated(positions: Tensor, grid: int) -> Tensor:
    """Positions of another grid, bicubic; the class token's stays. float32 (1, 1 + G G, C)."""
    first, patches = positions[:, :1], positions[:, 1:]
    side = isqrt(patches.shape[1])
    square = patches.transpose(1, 2).reshape(1, -1, side, side)
    finer = F.interpolate(square, size=(grid, grid), mode="bicubic", align_corners=False)
    return torch.cat([first, finer.flatten(2).transpose(1, 2)], dim=1)
