"""BERT (Devlin et al., NAACL 2019), under the keys of its published files.

Post-LN blocks, exact GELU, epsilon 1e-12: too small for FP16, so normalisation has to stay FP32.
Attention is written out: under autocast its products become FP16 while the softmax, which autocast
on a CPU would leave in FP16, stays FP32.
"""

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
from cxr_edge.export.models.fitting import count_layers, shapes_of
from cxr_edge.export.spec import Samples
from cxr_edge.tokenizers.wordpiece import WordPieceTokenizer, parse_vocabulary

HEAD_WIDTH = 64
"""Channels of one attention head in BERT-base and BERT-large; no key of a checkpoint tells it."""

BLOCKED = -1e4
"""Added to scores that must not count: finite, and within the range of FP16."""

_EPSILON = 1e-12


@dataclass(frozen=True)
class BertConfig:
    """The sizes that a checkpoint fixes.

    Attributes:
        vocabulary: V, ids there are.
        positions: ids of the longest text.
        width: W, channels.
        hidden: channels inside the feed-forward part.
        layers: blocks.
    """

    vocabulary: int
    positions: int
    width: int
    hidden: int
    layers: int


class _Embeddings(nn.Module):
    """Word, position and the first of two segments."""

    def __init__(self, config: BertConfig) -> None:
        super().__init__()
        self.word_embeddings = nn.Embedding(config.vocabulary, config.width)
        self.position_embeddings = nn.Embedding(config.positions, config.width)
        self.token_type_embeddings = nn.Embedding(2, config.width)
        self.LayerNorm = nn.LayerNorm(config.width, _EPSILON)

    def forward(self, ids: Tensor) -> Tensor:
        # Rows are taken by index: an embedding call would name its result as the graph's output is
        # named, and two values of one name are a broken model.
        places = self.position_embeddings.weight[torch.arange(ids.shape[1], device=ids.device)]
        words = self.word_embeddings.weight[ids] + self.token_type_embeddings.weight[0]
        return cast(Tensor, self.LayerNorm(words + places))


class _SelfAttention(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.query = nn.Linear(width, width)
        self.key = nn.Linear(width, width)
        self.value = nn.Linear(width, width)

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        query, key, value = (
            part.reshape(*part.shape[:2], -1, HEAD_WIDTH).transpose(1, 2)
            for part in (self.query(x), self.key(x), self.value(x))
        )
        scores = (query * HEAD_WIDTH**-0.5) @ key.transpose(2, 3) + mask
        answer: Tensor = torch.softmax(scores.float(), dim=-1) @ value
        return answer.transpose(1, 2).flatten(2)


class _Output(nn.Module):
    """A Linear, the residual and the normalisation after it."""

    def __init__(self, inputs: int, width: int) -> None:
        super().__init__()
        self.dense = nn.Linear(inputs, width)
        self.LayerNorm = nn.LayerNorm(width, _EPSILON)

    def forward(self, hidden: Tensor, x: Tensor) -> Tensor:
        return cast(Tensor, self.LayerNorm(self.dense(hidden) + x))


class _Attention(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.self = _SelfAttention(width)
        self.output = _Output(width, width)

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        return cast(Tensor, self.output(self.self(x, mask), x))


class _Dense(nn.Module):
    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.dense = nn.Linear(inputs, outputs)


class _Layer(nn.Module):
    def __init__(self, config: BertConfig) -> None:
        super().__init__()
        self.attention = _Attention(config.width)
        self.intermediate = _Dense(config.width, config.hidden)
        self.output = _Output(config.hidden, config.width)

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        x = self.attention(x, mask)
        return cast(Tensor, self.output(F.gelu(self.intermediate.dense(x)), x))


class _Encoder(nn.Module):
    def __init__(self, config: BertConfig) -> None:
        super().__init__()
        self.layer = nn.ModuleList(_Layer(config) for _ in range(config.layers))


class Bert(nn.Module):
    """The encoder; ``pooler`` is in every published file and is not used by the towers here."""

    def __init__(self, config: BertConfig) -> None:
        """Sizes of the checkpoint."""
        super().__init__()
        self.embeddings = _Embeddings(config)
        self.encoder = _Encoder(config)
        self.pooler = _Dense(config.width, config.width)

    def forward(self, ids: Tensor, mask: Tensor) -> Tensor:
        """Encode texts.

        Args:
            ids: int64 (N, L).
            mask: int64 (N, L), 1 where an id counts and 0 where it is padding.

        Returns:
            float32 (N, L, W), the last layer.
        """
        x = self.embeddings(ids)
        blocked = (1.0 - mask.float())[:, None, None, :] * BLOCKED
        for layer in self.encoder.layer:
            x = layer(x, blocked)
        return cast(Tensor, x)


def renamed(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Give the keys of old files their later names, and leave out ``position_ids``.

    Old files call a normalisation's weight ``gamma`` and its bias ``beta``; some carry the numbers
    0..511 as a buffer.
    """
    endings = (("LayerNorm.gamma", "LayerNorm.weight"), ("LayerNorm.beta", "LayerNorm.bias"))
    fresh: dict[str, Tensor] = {}
    for key, tensor in state.items():
        if key.endswith("position_ids"):
            continue
        for old, new in endings:
            if key.endswith(old):
                key = key.removesuffix(old) + new
        fresh[key] = tensor
    return fresh


def read_bert(architecture: str, state: Mapping[str, Tensor], beginning: str = "") -> BertConfig:
    """Read all sizes from the weights.

    Args:
        architecture: for the message.
        state: tensors by key, after :func:`renamed`.
        beginning: what stands before the keys of the encoder, such as ``bert.``.

    Raises:
        CheckpointError: the tensors are not those of a BERT.
    """
    keys = (
        f"{beginning}embeddings.word_embeddings.weight",
        f"{beginning}embeddings.position_embeddings.weight",
        f"{beginning}encoder.layer.0.intermediate.dense.weight",
    )
    (vocabulary, width), (positions, _), (hidden, _) = shapes_of(architecture, state, keys)
    if width % HEAD_WIDTH:
        raise CheckpointError(
            f"not a {architecture} checkpoint: width {width} does not divide into heads of "
            f"{HEAD_WIDTH}; check --model and the file"
        )
    layers = count_layers(state, f"{beginning}encoder.layer.")
    return BertConfig(vocabulary, positions, width, hidden, layers)


def random_texts(config: BertConfig) -> Samples:
    """A source of texts of random pieces: ids and mask, int64 (N, 32) each, as the tokenizer pads.

    Every text has another length, the first one the full 32.
    """

    def draw(count: int, chance: np.random.Generator) -> tuple[NDArray[np.generic], ...]:
        lengths = chance.integers(5, 33, size=count)
        lengths[0] = 32
        ids = chance.integers(1000 % config.vocabulary, config.vocabulary, size=(count, 32))
        mask = (np.arange(32) < lengths[:, None]).astype(np.int64)
        return ids.astype(np.int64) * mask, mask

    return draw


def checked_vocabulary(path: Path, config: BertConfig, name: str) -> bytes:
    """Read the ``vocab.txt`` that belongs to a checkpoint.

    Args:
        path: the file.
        config: of the checkpoint.
        name: whose vocabulary is expected, for the message.

    Raises:
        CheckpointError: it cannot be read, is no vocabulary, or has another number of pieces.
    """
    expected = f"expected the vocab.txt of {name}, {config.vocabulary} lines"
    try:
        data = path.read_bytes()
        found = WordPieceTokenizer(parse_vocabulary(data)).vocabulary
    except OSError as problem:
        raise CheckpointError(f"{path}: {problem.strerror}; {expected}") from None
    except ValueError as problem:
        raise CheckpointError(f"{path} is not a vocabulary ({problem}); {expected}") from None
    if found != config.vocabulary:
        raise CheckpointError(f"{path} has {found} pieces; {expected}")
    return data
