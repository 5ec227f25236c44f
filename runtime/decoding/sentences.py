"""A report sentence by sentence: a sentence LSTM gives topics, a word LSTM the words (Liu 2019)."""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import ClassVar, TypeVar

import numpy as np
from numpy.typing import NDArray

from cxr_edge.decoding.beam import Decoded, State, Step, beam_search
from cxr_edge.engines.base import Engine

Said = TypeVar("Said")


@dataclass(frozen=True)
class SentenceDecoder:
    """The two single-step graphs of ``liu2019`` and what its vocabulary says.

    Attributes:
        sentence: ``mean_feature``, ``hidden`` and ``cell``, float32 (N, D), to ``topic`` float32
            (N, D), ``stop`` float32 (N,), a probability, ``next_hidden`` and ``next_cell``.
        word: ``token`` int64 (N,), ``mean_feature``, ``topic``, ``grid`` float32 (N, G, D),
            ``hidden`` and ``cell`` to ``logits`` float32 (N, V), ``next_hidden``, ``next_cell`` and
            ``attention`` float32 (N, G + 1), the last column being the visual sentinel's share.
        start: token that begins a sentence.
        end: token that ends one.
        sentences: most sentences of a report.
        words: most words of a sentence.
        beams: hypotheses kept; 1 is greedy.
    """

    reads: ClassVar[tuple[str, ...]] = ("mean_feature", "grid")
    sentence: Engine
    word: Engine
    start: int
    end: int
    sentences: int
    words: int
    beams: int = 1

    def write(self, seen: Mapping[str, NDArray[np.float32]]) -> list[list[Decoded]]:
        """Write N reports.

        Args:
            seen: ``mean_feature`` float32 (N, D) and ``grid`` float32 (N, G, D), of the image
                network.

        Returns:
            For each picture its sentences, in order; ``notes`` are the attention maps, float32
            (G + 1,) a word. A picture's report ends before the first sentence whose stop
            probability is above 0.5; other pictures go on.
        """
        mean, grid = seen["mean_feature"], seen["grid"]
        reports: list[list[Decoded]] = [[] for _ in mean]
        writing = np.arange(len(mean))
        hidden, cell = np.zeros_like(grid[:, 0]), np.zeros_like(grid[:, 0])
        for _ in range(self.sentences):
            said = self.sentence.run(
                {"mean_feature": mean[writing], "hidden": hidden, "cell": cell}
            )
            going = said["stop"].reshape(-1) <= 0.5
            if not going.any():
                break
            writing = writing[going]
            hidden, cell = said["next_hidden"][going], said["next_cell"][going]
            written = self._words(mean[writing], grid[writing], said["topic"][going])
            for picture, sentence in zip(writing, written, strict=True):
                reports[picture].append(sentence)
        return reports

    def _words(
        self,
        mean: NDArray[np.float32],
        grid: NDArray[np.float32],
        topic: NDArray[np.float32],
    ) -> list[Decoded]:
        def advance(
            tokens: NDArray[np.int64], state: State, of: NDArray[np.int64], position: int
        ) -> Step:
            fixed = {"mean_feature": mean[of], "topic": topic[of], "grid": grid[of]}
            after = self.word.run({"token": tokens, **fixed, **state})
            memory = {"hidden": after["next_hidden"], "cell": after["next_cell"]}
            return Step(after["logits"], memory, after["attention"])

        blank = np.zeros_like(topic)
        first = advance(
            np.full(len(topic), self.start, np.int64),
            {"hidden": blank, "cell": blank},
            np.arange(len(topic)),
            0,
        )
        return beam_search(first, advance, beams=self.beams, end=self.end, limit=self.words)


def without_repeats(said: Iterable[Said], text: Callable[[Said], str] = str) -> list[Said]:
    """Leave out sentences that were said before.

    Two are the same where they differ only in case, spaces and a full stop at the end; the first
    is kept as it is, empty ones are left out.

    Args:
        said: sentences, or what holds one each.
        text: gives the sentence.
    """
    kept: dict[str, Said] = {}
    for one in said:
        plain = re.sub(r"\s+", " ", text(one).lower()).strip(" .")
        if plain:
            kept.setdefault(plain, one)
    return list(kept.values())
