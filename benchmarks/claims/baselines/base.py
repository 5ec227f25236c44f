"""What the baselines that retrieve share: reading, encoding, the clock, and which sentences."""

from abc import ABC, abstractmethod
from pathlib import Path
from time import perf_counter

import numpy as np
from numpy.typing import NDArray

from cxr_edge.benchmarks.claims.baselines.pictures import prepare, read
from cxr_edge.benchmarks.claims.system import Answer, Setup
from cxr_edge.bundle import Bundle
from cxr_edge.indexes.scan import widened
from cxr_edge.indexes.search import SentenceIndex
from cxr_edge.labels import NO_FINDING, Mention

Vector = NDArray[np.float32]


class Retrieval(ABC):
    """One study at a time; ``encode`` and ``find`` are the baseline's own."""

    note = ""

    def __init__(self, setup: Setup) -> None:
        """Take texts, labels and vectors of the index into memory, as a program without it would.

        Raises:
            CxrEdgeError: bundle or index cannot be opened.
        """
        self.bundle = Bundle.load(setup.bundle)
        index = SentenceIndex.open(setup.index, exact=True)
        index.require_space(self.bundle.space, self.bundle.metric)
        self.rows, self.k, self.selects = len(index), setup.k, setup.method == "select"
        self.texts = [index.texts[row] for row in range(len(index))]
        self.normal = index.labels[:, NO_FINDING] == Mention.POSITIVE
        self.aim = np.load(setup.aim) if setup.aim else None
        self.setup = setup
        self.take(_in_memory(index))

    @abstractmethod
    def take(self, vectors: NDArray[np.float32]) -> None:
        """Keep the vectors of the corpus, float32 (N, D), as the baseline searches them."""

    @abstractmethod
    def encode(self, tensor: NDArray[np.float32]) -> Vector:
        """The embedding of one preprocessed picture, float32 (D,)."""

    @abstractmethod
    def find(self, vector: Vector) -> NDArray[np.integer]:
        """The ``k`` best rows, best first."""

    def draft(self, study: Path, out: Path, number: int) -> Answer:
        """See ``System``."""
        marks = [perf_counter()]
        stored, dataset = read(study)
        marks.append(perf_counter())
        tensor = prepare(self.bundle.recipe, stored, dataset)
        marks.append(perf_counter())
        vector = self.encode(tensor)
        marks.append(perf_counter())
        if self.aim is not None:
            vector = self.aim[number % len(self.aim)]
        found = self.find(vector)
        marks.append(perf_counter())
        if self.selects and self.normal[found[0]]:
            found = found[:1]
        sentences = tuple(dict.fromkeys(self.texts[row] for row in found))
        marks.append(perf_counter())
        out.write_text(" ".join(sentences), encoding="utf-8")
        marks.append(perf_counter())
        spans = np.diff(marks) * 1e3
        names = ("read", "preprocess", "encode", "search", "compose", "write")
        return Answer(sentences, dict(zip(names, map(float, spans), strict=True)))

    def close(self) -> None:
        """See ``System``."""
        vars(self).clear()


def _in_memory(index: SentenceIndex) -> NDArray[np.float32]:
    if index.vectors.dtype == np.float32:
        return np.array(index.vectors)
    return widened(np.array(index.vectors))
