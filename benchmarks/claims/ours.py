"""The runtime itself, from the file of a study to the written draft."""

from dataclasses import dataclass, field, replace
from pathlib import Path
from time import perf_counter

import numpy as np
from numpy.typing import NDArray

from cxr_edge.atomic import write_atomically
from cxr_edge.benchmarks.claims.system import Answer, Setup
from cxr_edge.bundle import Bundle
from cxr_edge.dicom import StudyReader
from cxr_edge.indexes.search import SentenceIndex
from cxr_edge.methods import Parts
from cxr_edge.networks import Networks
from cxr_edge.pipeline import Pipeline
from cxr_edge.types import Encoding, Hit
from cxr_edge.writers import get_writer


@dataclass(frozen=True)
class AimedIndex(SentenceIndex):
    """An index that is searched for a given vector instead of the encoder's.

    Synthetic sentences lie around cones of their own, which pictures of a real encoder would miss:
    an exact search takes as long for any vector, a graph does not.
    """

    aim: list[NDArray[np.float32]] = field(default_factory=list)
    """The vector, float32 (D,); one element, set before each draft."""

    def scores(self, encoding: Encoding) -> NDArray[np.float32]:
        """See ``SentenceIndex``."""
        return super().scores(replace(encoding, vector=self.aim[0]))

    def search(self, encoding: Encoding, k: int) -> tuple[Hit, ...]:
        """See ``SentenceIndex``."""
        return super().search(replace(encoding, vector=self.aim[0]), k)


class Ours:
    """A ``Pipeline`` and the text writer, as ``cxr-run STUDY --out FILE`` uses them."""

    def __init__(self, setup: Setup) -> None:
        """Open bundle and index.

        Raises:
            CxrEdgeError: as ``Pipeline.load``.
        """
        self._aims = np.load(setup.aim) if setup.aim else None
        self._index: AimedIndex | None = None
        if setup.aim:
            index = AimedIndex.open(setup.index)
            assert isinstance(index, AimedIndex)
            self._index, self._pipeline = index, _aimed(setup, index)
        else:
            self._pipeline = Pipeline.load(
                setup.bundle,
                setup.index or None,
                engine=setup.engine,
                method=setup.method,
                k=setup.k,
                threads=setup.threads,
            )
        self._writer = get_writer("text")
        made = self._pipeline.provenance
        self.note = f"{made['engine_version']}, {made['provider']}"
        if "search" in made:
            self.note += f"; search {made['search']}"

    def draft(self, study: Path, out: Path, number: int) -> Answer:
        """See ``System``."""
        started = perf_counter()
        opened = self._pipeline.read(study)
        read_ms = (perf_counter() - started) * 1e3
        if self._index is not None and self._aims is not None:
            self._index.aim[:] = [self._aims[number % len(self._aims)]]
        report = self._pipeline.draft(opened, read_ms=read_ms)
        drafted = perf_counter()
        write_atomically(out, self._writer.render(report))
        write_ms = (perf_counter() - drafted) * 1e3
        return Answer(
            tuple(dict.fromkeys(hit.text for hit in report.sentences)),
            {**report.timings_ms, "write": write_ms},
        )

    def close(self) -> None:
        """See ``System``."""
        self._pipeline.close()


def _aimed(setup: Setup, index: AimedIndex) -> Pipeline:
    """As ``Pipeline.load``, over an index that is open already."""
    bundle = Bundle.load(setup.bundle)
    bundle.verify()
    networks, reader = Networks(bundle, setup.engine, setup.threads), StudyReader()
    reader.start()
    try:
        return Pipeline(Parts(bundle, index, networks, setup.k), reader, setup.method)
    except BaseException:
        reader.close()
        networks.close()
        raise
