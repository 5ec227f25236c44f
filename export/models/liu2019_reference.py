"""Liu 2019 written out in torch, one picture and one hypothesis at a time.

What the exported graphs and ``cxr_edge.decoding.SentenceDecoder`` must write, too.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from cxr_edge.export.models.liu2019 import Sentence, Word, Writer
from cxr_edge.export.plain_search import Tokens, plain_search
from cxr_edge.export.spec import Written

_STOP = 0.5


def write(
    writer: Writer, seen: Mapping[str, NDArray[np.float32]], decoding: Mapping[str, Any]
) -> Written:
    """The sentences of each picture.

    Args:
        writer: the network.
        seen: ``mean_feature`` float32 (N, d) and ``grid`` float32 (N, 49, d).
        decoding: ``start``, ``end``, ``beams``, ``sentences`` and ``words``.
    """
    pictures = zip(seen["mean_feature"], seen["grid"], strict=True)
    with torch.inference_mode():
        return [
            _report(writer, torch.from_numpy(mean[None]), torch.from_numpy(grid[None]), decoding)
            for mean, grid in pictures
        ]


def _report(
    writer: Writer, mean: Tensor, grid: Tensor, decoding: Mapping[str, Any]
) -> list[Tokens]:
    sentence = Sentence(writer)
    hidden, cell = torch.zeros_like(grid[:, 0]), torch.zeros_like(grid[:, 0])
    report: list[Tokens] = []
    for _ in range(decoding["sentences"]):
        topic, stop, hidden, cell = sentence(mean, hidden, cell)
        if stop.item() > _STOP:
            break
        report.append(_words(Word(writer), mean, topic, grid, decoding))
    return report


def _words(
    word: Word, mean: Tensor, topic: Tensor, grid: Tensor, decoding: Mapping[str, Any]
) -> Tokens:
    blank = torch.zeros_like(topic)
    states: dict[Tokens, tuple[Tensor, Tensor]] = {(): (blank, blank)}

    def following(sequences: Sequence[Tokens]) -> NDArray[np.float32]:
        rows = []
        for tokens in sequences:
            state = states[tokens[:-1]]
            token = torch.tensor([tokens[-1]])
            logits, hidden, cell, _ = word(token, mean, topic, grid, *state)
            states[tokens] = (hidden, cell)
            rows.append(logits.float().numpy())
        return np.concatenate(rows)

    names = ("start", "end", "beams")
    return plain_search(following, **{k: decoding[k] for k in names}, limit=decoding["words"])
