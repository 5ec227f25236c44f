"""The CNN-RNN-RNN report writer of Liu et al. (MLHC 2019), a sentence and then its words.

The authors published neither weights nor layer sizes. The key lists are those of the public
re-implementation in ``ysmiura/ifcc``, in both of its variants: class defaults (``image_proj2``, a
ReLU after each projection, a sentence LSTM cell) and its training script's defaults (no
``image_proj2``, no ReLU, an LSTM over all sentences, three image slots merged by maximum). An LSTM
that reads the same input at every step is its cell, applied step by step, so both become the same
three graphs: ``image``, ``sentence``, ``word``. ``cxr_edge.decoding.SentenceDecoder`` is the loop.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from cxr_edge.errors import CheckpointError
from cxr_edge.export.checkpoints import hash_tensors
from cxr_edge.export.models.defaults import (
    IMAGENET_RECIPE,
    IMAGENET_SIZE,
    muted_observations,
    smooth_pictures,
    state_of,
)
from cxr_edge.export.models.densenet import DenseConfig, DenseFeatures, by_position, read_dense
from cxr_edge.export.models.fitting import fit, require, without_prefix
from cxr_edge.export.spec import ExportSpec, GraphSpec
from cxr_edge.export.vocabulary import read_vocabulary

NAME = "liu2019"
_IMAGE = "image_feats."
_LIMITS = {"sentences": 4, "words": 32, "beams": 1}
"""Of a report and of a sentence. The paper's appendix with them is missing; a choice of ours."""
_SPECIAL = {"start": 1, "unknown": 2, "end": 3}
"""Ids of ``ysmiura/ifcc``; 0 is the padding."""

RECIPE = IMAGENET_RECIPE
"""Shorter side to 256, centre 224, ImageNet's constants, from the MIMIC-CXR 8-bit release."""


@dataclass(frozen=True)
class WriterConfig:
    """The sizes that a checkpoint fixes.

    Attributes:
        dense: of the image features.
        width: d of topics, states and the projected grid; 256 or 512 as published.
        embedding: size of a word vector.
        vocabulary: V, special tokens included: 0 pad, 1 start, 2 unknown, 3 end.
        places: G, cells of the grid that the attention reads; 49.
        second: there is an ``image_proj2`` for the mean, and a ReLU after both projections.
        whole: the sentence LSTM is stored as one of ``torch.nn.LSTM``.
        slots: image slots merged by maximum; a study with one picture leaves the others empty.
            Not visible in the weights: 3 for the variant without ``image_proj2``, else 1.
    """

    dense: DenseConfig
    width: int
    embedding: int
    vocabulary: int
    places: int
    second: bool
    whole: bool
    slots: int


class Writer(nn.Module):
    """All parameters under their published keys."""

    def __init__(self, config: WriterConfig) -> None:
        """Of the sizes that a checkpoint fixes."""
        super().__init__()
        width, features = config.width, config.dense.features
        self.config = config
        self.image_feats = DenseFeatures(config.dense)
        self.image_proj = nn.Linear(features, width)
        self.image_proj2 = nn.Linear(features, width) if config.second else None
        self.lstm_sent: nn.LSTM | nn.LSTMCell
        self.lstm_sent = nn.LSTM(width, width) if config.whole else nn.LSTMCell(width, width)
        self.topic_dense = nn.Linear(width, width)
        self.stop_dense = nn.Linear(width, 1)
        word = 2 * width + config.embedding
        self.vs_att_h = nn.Linear(config.places, 1, bias=False)
        self.vs_att_v = nn.Linear(width, config.places, bias=False)
        self.vs_att_g = nn.Linear(width, config.places, bias=False)
        self.vs_att_s = nn.Linear(width, config.places, bias=False)
        self.vs_dense1 = nn.Linear(word, width, bias=False)
        self.vs_dense2 = nn.Linear(width, width, bias=False)
        self.lstm_word = nn.LSTMCell(word, width)
        self.embeddings = nn.Embedding(config.vocabulary, config.embedding)
        self.word_dense = nn.Linear(width, config.vocabulary, bias=False)


def lstm_step(
    lstm: nn.LSTM | nn.LSTMCell, x: Tensor, hidden: Tensor, cell: Tensor
) -> tuple[Tensor, Tensor]:
    """One step of an LSTM in plain products, (N, d) each: no LSTM or loop node comes of it."""
    if isinstance(lstm, nn.LSTM):
        own = (lstm.weight_ih_l0, lstm.weight_hh_l0, lstm.bias_ih_l0, lstm.bias_hh_l0)
    else:
        own = (lstm.weight_ih, lstm.weight_hh, lstm.bias_ih, lstm.bias_hh)
    weight_ih, weight_hh, bias_ih, bias_hh = (cast(Tensor, part) for part in own)
    gates = F.linear(x, weight_ih, bias_ih) + F.linear(hidden, weight_hh, bias_hh)
    width = hidden.shape[1]
    enter, forget, new, leave = (gates[:, k * width : (k + 1) * width] for k in range(4))
    cell = torch.sigmoid(forget) * cell + torch.sigmoid(enter) * torch.tanh(new)
    return torch.sigmoid(leave) * torch.tanh(cell), cell


class Image(nn.Module):
    """Pixels to the grid and its mean."""

    def __init__(self, writer: Writer) -> None:
        """The image side of a network."""
        super().__init__()
        self.writer = writer

    def forward(self, pixels: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Encode a batch.

        Args:
            pixels: float32 (N, 3, 224, 224).

        Returns:
            ``embedding`` (N, d), the mean at unit length; ``mean_feature`` (N, d); ``grid``
            (N, 49, d).
        """
        writer = self.writer
        cells = writer.image_feats(pixels).flatten(2).transpose(1, 2)
        if writer.image_proj2 is None:
            grid = writer.image_proj(cells)
            mean = grid.mean(dim=1)
        else:
            grid = torch.relu(writer.image_proj(cells))
            mean = torch.relu(writer.image_proj2(cells).mean(dim=1))
        if writer.config.slots > 1:
            mean = torch.relu(mean)  # the maximum with an empty slot's mean, which is zero
        return F.normalize(mean.float(), dim=1), mean, grid


class Sentence(nn.Module):
    """The next sentence's topic, and whether the report ends before it."""

    def __init__(self, writer: Writer) -> None:
        """The sentence LSTM of a network."""
        super().__init__()
        self.writer = writer

    def forward(self, mean: Tensor, hidden: Tensor, cell: Tensor) -> tuple[Tensor, ...]:
        """(N, d) each -> ``topic`` (N, d), ``stop`` (N,) 0..1, ``next_hidden``, ``next_cell``."""
        writer = self.writer
        hidden, cell = lstm_step(writer.lstm_sent, mean, hidden, cell)
        topic = torch.relu(writer.topic_dense(hidden))
        return topic, torch.sigmoid(writer.stop_dense(hidden)[:, 0]), hidden, cell


class Word(nn.Module):
    """The next word, attending to the grid and to a visual sentinel (Lu et al., CVPR 2017)."""

    def __init__(self, writer: Writer) -> None:
        """The word LSTM of a network."""
        super().__init__()
        self.writer = writer

    def forward(
        self, token: Tensor, mean: Tensor, topic: Tensor, grid: Tensor, hidden: Tensor, cell: Tensor
    ) -> tuple[Tensor, ...]:
        """One word further.

        Args:
            token: int64 (N,), the word before, or the start.
            mean: float32 (N, d).
            topic: float32 (N, d).
            grid: float32 (N, 49, d).
            hidden: float32 (N, d), zero at the start of a sentence.
            cell: float32 (N, d), likewise.

        Returns:
            ``logits`` (N, V), ``next_hidden``, ``next_cell`` (N, d), and ``attention`` (N, 50),
            whose rows sum to 1, the sentinel last.
        """
        writer = self.writer
        read = torch.cat([mean, topic, writer.embeddings(token)], dim=1)
        # The grid is scored with the state before this word, the sentinel with the one after it.
        asked = writer.vs_att_g(hidden)
        scores = writer.vs_att_h(torch.tanh(writer.vs_att_v(grid) + asked[:, None]))[:, :, 0]
        gate = torch.sigmoid(writer.vs_dense1(read) + writer.vs_dense2(hidden))
        hidden, cell = lstm_step(writer.lstm_word, read, hidden, cell)
        sentinel = gate * torch.tanh(cell)
        own = writer.vs_att_h(torch.tanh(writer.vs_att_s(sentinel) + writer.vs_att_g(hidden)))
        attention = torch.softmax(torch.cat([scores, own], dim=1).float(), dim=1)
        seen = (torch.softmax(scores.float(), dim=1)[:, :, None] * grid).sum(dim=1)
        share = attention[:, -1:]
        if writer.config.slots > 1:
            # An empty slot has a grid of zeros: it adds a zero to the maximum of what is seen, and
            # its own share of the sentinel to the minimum of the shares.
            empty = writer.vs_att_h(torch.tanh(asked)).expand(-1, writer.config.places)
            blind = torch.softmax(torch.cat([empty, own], dim=1).float(), dim=1)[:, -1:]
            seen, share = torch.relu(seen), torch.minimum(share, blind)
        context = share * sentinel + (1.0 - share) * seen
        return writer.word_dense(context + hidden), hidden, cell, attention


def _bare(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    bare = without_prefix(state, ("module.", "model."))
    image = {k[len(_IMAGE) :]: v for k, v in bare.items() if k.startswith(_IMAGE)}
    rest = {key: tensor for key, tensor in bare.items() if not key.startswith(_IMAGE)}
    return {**{_IMAGE + key: tensor for key, tensor in by_position(image).items()}, **rest}


def read(state: Mapping[str, Tensor]) -> WriterConfig:
    """Read all sizes from the weights.

    Raises:
        CheckpointError: the keys are not those of the network, or it reads more than one picture
            (the view position, or the topic as a state), which no published key list has.
    """
    found = _bare(state)
    image = {k[len(_IMAGE) :]: v for k, v in found.items() if k.startswith(_IMAGE)}
    dense = read_dense(NAME, image)
    require(NAME, found, ("image_proj.weight", "embeddings.weight", "vs_att_v.weight"))
    width = found["image_proj.weight"].shape[0]
    vocabulary, embedding = found["embeddings.weight"].shape
    whole = "lstm_sent.weight_ih_l0" in found
    sentence = f"lstm_sent.weight_ih{'_l0' if whole else ''}"
    require(NAME, found, (sentence, "lstm_word.weight_ih"))
    inputs = (found[sentence].shape[1], found["lstm_word.weight_ih"].shape[1])
    if inputs != (width, 2 * width + embedding):
        raise CheckpointError(
            f"not a {NAME} checkpoint of a published variant: its LSTMs read {inputs[0]} and "
            f"{inputs[1]} numbers, expected {width} and {2 * width + embedding} (view position or "
            "topic as state are not supported)"
        )
    second = "image_proj2.weight" in found
    places = found["vs_att_v.weight"].shape[0]
    return WriterConfig(
        dense, width, embedding, vocabulary, places, second, whole, 1 if second else 3
    )


def load(state: Mapping[str, Tensor]) -> Writer:
    """The network of a checkpoint, in evaluation mode (dropout is off).

    Args:
        state: tensors of ``state["model"]``; DenseNet's old and published names are accepted too.

    Raises:
        CheckpointError: keys are missing, left over, or of another shape.
    """
    config = read(state)
    return fit(NAME, lambda: Writer(config), _bare(state))


def graphs(writer: Writer) -> tuple[GraphSpec, ...]:
    """Image, sentence and word, with samples."""
    config = writer.config

    def states(count: int, chance: np.random.Generator) -> list[NDArray[np.generic]]:
        shape = (count, config.width)
        return [chance.uniform(-1, 1, shape).astype(np.float32) for _ in range(2)]

    def means(count: int, chance: np.random.Generator) -> NDArray[np.generic]:
        return np.abs(chance.standard_normal((count, config.width), dtype=np.float32))

    def sentences(count: int, chance: np.random.Generator) -> tuple[NDArray[np.generic], ...]:
        return (means(count, chance), *states(count, chance))

    def words(count: int, chance: np.random.Generator) -> tuple[NDArray[np.generic], ...]:
        grid = (count, config.places, config.width)
        return (
            chance.integers(config.vocabulary, size=count),
            means(count, chance),
            means(count, chance),
            np.abs(chance.standard_normal(grid, dtype=np.float32)),
            *states(count, chance),
        )

    state = ("hidden", "cell")
    after = ("next_hidden", "next_cell")
    return (
        GraphSpec(
            "image",
            Image(writer).eval(),
            ("pixels",),
            ("embedding", "mean_feature", "grid"),
            smooth_pictures(3, IMAGENET_SIZE),
        ),
        GraphSpec(
            "sentence",
            Sentence(writer).eval(),
            ("mean_feature", *state),
            ("topic", "stop", *after),
            sentences,
        ),
        GraphSpec(
            "word",
            Word(writer).eval(),
            ("token", "mean_feature", "topic", "grid", *state),
            ("logits", *after, "attention"),
            words,
        ),
    )


def export_spec(checkpoint: Path | None, tokenizer: Path | None = None) -> ExportSpec:
    """What the exporter needs: three graphs.

    Args:
        checkpoint: the weights.
        tokenizer: the words; without them the bundle cannot write.

    Raises:
        CheckpointError: no checkpoint, one of something else, or words that are not its own.
    """
    from cxr_edge.export.models.liu2019_reference import write

    writer = load(state_of(NAME, checkpoint))
    decoding: dict[str, Any] = {"kind": "sentences", **_LIMITS}
    words = None
    if tokenizer is not None:
        words = read_vocabulary(NAME, tokenizer, writer.config.vocabulary, _SPECIAL)
        decoding |= {"start": words.start, "end": words.end}
    return ExportSpec(
        name=NAME,
        architecture=NAME,
        space=f"{NAME}/{hash_tensors(writer.state_dict())[:16]}",
        metric="cosine",
        dimension=writer.config.width,
        recipe=RECIPE.to_json(),
        graphs=graphs(writer),
        observations=muted_observations(),
        tokenizer=words.tokenizer if words else {},
        files=words.files if words else {},
        decoding=decoding,
        writer=partial(write, writer),
    )
