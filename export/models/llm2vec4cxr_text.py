"""LLM2VEC4CXR: the text tower of LLM2CLIP4CXR, a bidirectional Llama 3.2 1B, from two files.

``--language-model`` is the file of LLM2VEC4CXR: the language model and the latent attention that
pools it. ``--checkpoint`` is LLM2CLIP4CXR's, which holds the image tower, the projection into the
shared space, and the low-rank adapters that the language model was given in that training.

As in the authors' code (``lukeingawesome/llm2vec4cxr``, ``lukeingawesome/llm2clip4cxr``): every
token of the text, but none of the instruction before it, asks 512 trained latents by attention of
eight heads; a perceptron of two layers follows, and the mean over the tokens. The score of a text
is the plain inner product with the image's embedding, so nothing is normalised.

The bundle has no image network. Its space is that of the image tower in the same checkpoint, so
that an index built with this bundle is one for the bundle of ``llm2clip4cxr-vision``.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from cxr_edge.errors import CheckpointError
from cxr_edge.export.checkpoints import hash_tensors
from cxr_edge.export.models import llm2clip4cxr_vision
from cxr_edge.export.models.defaults import muted_observations, state_of
from cxr_edge.export.models.fitting import fit, require, without_prefix
from cxr_edge.export.models.llama import Llama, LlamaConfig, read_llama
from cxr_edge.export.models.lora import is_adapter, merged
from cxr_edge.export.spec import ExportSpec, GraphSpec, Samples

NAME = "llm2vec4cxr-text"

ADAPTER = "llm2clip"
"""Name of the adapters in the authors' training."""
ALPHA = 32.0
"""Of the adapters there; their rank, 16, is in their shapes."""
LENGTH = 512
"""Ids of the longest text."""
INSTRUCTION = "Retrieve the image that best matches the following report.; "
SECTIONS = {
    "[FINDINGS]": "Retrieve the image that best matches the following report for the findings "
    "section.; ",
    "[IMPRESSION]": "Retrieve the image that best matches the following report for the impression "
    "section.; ",
}
"""Instructions of texts that hold such a mark; the first that is found."""

_HEADS = 8
_PREFIXES = ("module.", "text.core.", "text.model.", "base_model.", "model.")
_TOWER = ("embed_tokens.", "layers.", "norm.")
_POOLING = "latent_attn."
_PROJECTION = "text.projection."
_TOKENIZER = "tokenizer.json"


@dataclass(frozen=True)
class TextConfig:
    """The sizes that the checkpoints fix.

    Attributes:
        llama: of the language model.
        latents: rows that tokens attend to.
        dimension: D, the size of the shared space.
    """

    llama: LlamaConfig
    latents: int
    dimension: int


class _MultiheadAttention(nn.Module):
    """Attention of tokens to rows, keys and values, under the keys of torch's own module."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.in_proj_weight = nn.Parameter(torch.empty(3 * width, width))
        self.in_proj_bias = nn.Parameter(torch.empty(3 * width))
        self.out_proj = nn.Linear(width, width)

    def forward(self, x: Tensor, rows: Tensor) -> Tensor:
        """float32 (N, L, W) and (R, W) -> (N, L, W)."""
        weights, biases = self.in_proj_weight.chunk(3), self.in_proj_bias.chunk(3)
        query = F.linear(x, weights[0], biases[0])
        query = query.reshape(*x.shape[:2], _HEADS, -1).transpose(1, 2)
        key, value = (
            F.linear(rows, weights[k], biases[k]).reshape(len(rows), _HEADS, -1).transpose(0, 1)
            for k in (1, 2)
        )
        scores = (query * query.shape[-1] ** -0.5) @ key.transpose(1, 2)
        answer = torch.softmax(scores.float(), dim=-1) @ value
        return cast(Tensor, self.out_proj(answer.transpose(1, 2).flatten(2)))


class LatentAttention(nn.Module):
    """Tokens ask trained latents, a perceptron follows, and the mean over the chosen tokens."""

    def __init__(self, width: int, latents: int) -> None:
        """Sizes of the checkpoint."""
        super().__init__()
        self.latents = nn.Parameter(torch.empty(latents, width))
        self.multihead_attn = _MultiheadAttention(width)
        self.mlp = nn.Sequential(nn.Linear(width, width), nn.GELU(), nn.Linear(width, width))

    def forward(self, x: Tensor, chosen: Tensor) -> Tensor:
        """float32 (N, L, W), and int64 (N, L) that is 1 at the tokens to pool -> (N, W)."""
        answer = cast(Tensor, self.mlp(self.multihead_attn(x, self.latents))).float()
        share = chosen.float()[:, :, None]
        return (answer * share).sum(dim=1) / share.sum(dim=1)


class TextTower(nn.Module):
    """Ids to an embedding."""

    def __init__(self, config: TextConfig) -> None:
        """Sizes of the checkpoints."""
        super().__init__()
        self.model = Llama(config.llama)
        self.latent_attn = LatentAttention(config.llama.width, config.latents)
        self.projection = nn.Sequential(
            nn.LayerNorm(config.llama.width), nn.Linear(config.llama.width, config.dimension)
        )

    def forward(self, ids: Tensor, mask: Tensor, pool: Tensor) -> Tensor:
        """Encode texts.

        Args:
            ids: int64 (N, L), L at most 512, from the tokenizer ``llm2vec``.
            mask: int64 (N, L), 1 where an id counts, 0 where it is padding.
            pool: int64 (N, L), 1 at the ids of the text itself, at least one a row.

        Returns:
            ``embedding`` float32 (N, D), not normalised.
        """
        pooled = self.latent_attn(self.model(ids, mask), pool)
        return cast(Tensor, self.projection(pooled)).float()


def read(state: Mapping[str, Tensor]) -> TextConfig:
    """Read all sizes from the tensors that :func:`joined` gives.

    Raises:
        CheckpointError: they are not those of this network.
    """
    require(NAME, state, ("latent_attn.latents", "projection.1.weight"))
    llama = read_llama(NAME, state, "model.")
    if llama.width % _HEADS:
        raise CheckpointError(
            f"not a {NAME} checkpoint: {llama.width} channels do not divide into {_HEADS} heads; "
            "check --model and the files"
        )
    dimension = state["projection.1.weight"].shape[0]
    return TextConfig(llama, state["latent_attn.latents"].shape[0], dimension)


def joined(
    checkpoint: Mapping[str, Tensor], language_model: Mapping[str, Tensor] | None
) -> tuple[dict[str, Tensor], int]:
    """The text tower's tensors out of both files, and the number of adapted layers.

    Args:
        checkpoint: LLM2CLIP4CXR's: ``text.projection.*`` and, under ``text.core.`` or
            ``text.model.``, adapters; the language model too where ``language_model`` is None.
        language_model: LLM2VEC4CXR's, with or without ``model.``; None where there is no such file.

    Returns:
        Tensors by the keys of :class:`TextTower`.

    Raises:
        CheckpointError: adapters that do not fit.
    """
    trained = without_prefix(checkpoint, _PREFIXES)
    given = trained if language_model is None else without_prefix(language_model, _PREFIXES)
    weights = {
        key.replace(".base_layer.", "."): tensor
        for key, tensor in given.items()
        if key.startswith((*_TOWER, _POOLING)) and not is_adapter(key)
    }
    adapters = {key: tensor for key, tensor in trained.items() if is_adapter(key)}
    weights, count = merged(NAME, weights, adapters, name=ADAPTER, alpha=ALPHA)
    state = {
        key if key.startswith(_POOLING) else f"model.{key}": tensor
        for key, tensor in weights.items()
    }
    for key, tensor in trained.items():
        if key.startswith(_PROJECTION):
            state[key.removeprefix("text.")] = tensor
    return state, count


def load(state: Mapping[str, Tensor]) -> TextTower:
    """The text tower of the tensors that :func:`joined` gives, in evaluation mode and FP32.

    Raises:
        CheckpointError: keys are missing, left over, or of another shape.
    """
    config = read(state)
    # Buffers of older versions; the rotation is computed.
    rotary = tuple(key for key in state if key.endswith("rotary_emb.inv_freq"))
    return fit(NAME, lambda: TextTower(config), state, ignored=rotary)


def export_spec(
    checkpoint: Path | None, tokenizer: Path | None = None, language_model: Path | None = None
) -> ExportSpec:
    """What the exporter needs.

    Args:
        checkpoint: LLM2CLIP4CXR's whole state dict, ``llm2clip4cxr.bin``.
        tokenizer: ``tokenizer.json`` of LLM2VEC4CXR.
        language_model: ``model.safetensors`` or ``pytorch_model.bin`` of LLM2VEC4CXR; None where
            the checkpoint holds the language model as well.

    Raises:
        CheckpointError: a file is missing or is something else.
    """
    state = state_of(NAME, checkpoint)
    if language_model is None and not any(key.endswith("embed_tokens.weight") for key in state):
        raise CheckpointError(
            f"{checkpoint} holds no language model: {NAME} needs --language-model then, the "
            "model.safetensors of lukeingawesome/llm2vec4cxr"
        )
    base = None if language_model is None else state_of(NAME, language_model)
    tensors, adapted = joined(state, base)
    network, config = load(tensors), read(tensors)
    space = llm2clip4cxr_vision.space_of(llm2clip4cxr_vision.load(state))
    if tokenizer is None:
        raise CheckpointError(f"{NAME} needs --tokenizer: the tokenizer.json of the language model")
    content = _checked_tokenizer(tokenizer, config.llama.vocabulary)
    length = {1: "length"}
    names = ("ids", "mask", "pool")
    return ExportSpec(
        name=NAME,
        architecture=NAME,
        space=space,
        metric="inner_product",
        dimension=config.dimension,
        recipe={},
        graphs=(
            GraphSpec(
                "text",
                network,
                names,
                ("embedding",),
                _texts(config),
                dict.fromkeys(names, length),
            ),
        ),
        observations=muted_observations(),
        tokenizer={
            "kind": "llm2vec",
            "file": _TOKENIZER,
            "length": LENGTH,
            "instruction": INSTRUCTION,
            "sections": SECTIONS,
        },
        files={_TOKENIZER: content},
        provenance={
            "text_sha256": hash_tensors(network.state_dict()),
            "adapted_layers": adapted,
        },
    )


def _checked_tokenizer(path: Path, vocabulary: int) -> bytes:
    expected = f"expected the tokenizer.json of the language model, ids below {vocabulary}"
    try:
        content = path.read_bytes()
        tokenizer = json.loads(content)
        ids = [*tokenizer["model"]["vocab"].values(), *(t["id"] for t in tokenizer["added_tokens"])]
        largest = max(map(int, ids))
    except OSError as problem:
        raise CheckpointError(f"{path}: {problem.strerror}; {expected}") from None
    except (ValueError, KeyError, TypeError, AttributeError):
        raise CheckpointError(f"{path} is not a tokenizer.json; {expected}") from None
    if largest >= vocabulary:
        raise CheckpointError(f"{path} has an id {largest}; {expected}")
    return content


def _texts(config: TextConfig) -> Samples:
    """A source of texts of random ids, each of another length, padded on the left."""

    def draw(count: int, chance: np.random.Generator) -> tuple[NDArray[np.generic], ...]:
        lengths = chance.integers(12, 33, size=count)
        lengths[0] = 32
        places = np.arange(32)[None]
        mask = (places >= 32 - lengths[:, None]).astype(np.int64)
        pool = (places >= 32 - chance.integers(1, 11, size=(count, 1))).astype(np.int64)
        ids = chance.integers(config.llama.vocabulary, size=(count, 32))
        return ids * mask, mask, pool

    return draw
