"""Search in an opened index: exact over all rows, or along its graph where the plan says so."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cxr_edge.errors import SpaceMismatch
from cxr_edge.indexes.container import open_clusters, open_container
from cxr_edge.indexes.contents import NO_ROW, Clusters, Graph, Member, Sources, Strings
from cxr_edge.indexes.current import resolve
from cxr_edge.indexes.planner import BUDGET_MS, MEASURED, Plan, choose
from cxr_edge.indexes.scan import best_of, scan, scores_of, threads_for, walk
from cxr_edge.types import Attribute, Encoding, Hit


@dataclass(frozen=True)
class SentenceIndex:
    """A mapped index of sentences, or of whole reports (``unit``)."""

    directory: Path
    manifest: Mapping[str, Any]
    space: str
    metric: str
    unit: str
    """``sentence`` or ``report``."""
    key: str
    """What the vectors are of: ``text``, the row's own, or ``image``, the one it reports on."""
    vectors: NDArray[Any]
    """float32 or float16 (N, D), mapped."""
    texts: Strings
    sources: Sources
    """The report ids of each row: ``index.sources[row]``."""
    labels: NDArray[np.int8]
    """int8 (N, 14), ``Mention`` values."""
    attributes: NDArray[np.uint8]
    """uint8 (N,), ``Attribute`` flags."""
    section: NDArray[np.uint8]
    """uint8 (N,), position in ``container.SECTION_NAMES``."""
    frequency: NDArray[np.uint32]
    """uint32 (N,), how often the corpus holds this very text."""
    cluster_size: NDArray[np.uint32]
    """uint32 (N,), how many different texts the row stands for."""
    graph: Graph | None
    chosen: Plan

    @classmethod
    def open(
        cls, directory: str | Path, *, exact: bool = False, budget_ms: float = BUDGET_MS
    ) -> "SentenceIndex":
        """Map and verify an index.

        Args:
            directory: an index, or a directory of versions whose ``CURRENT`` names one.
            exact: score every row in every search, whatever the index offers.
            budget_ms: how long a search of every row may take before a graph is preferred.

        Raises:
            SentenceIndexError: nothing there, damaged, or of another schema.
        """
        directory = resolve(Path(directory))
        manifest, arrays = open_container(directory)
        about = manifest.get("graph", {})
        graph = (
            Graph(arrays["links"], arrays["entry"], arrays["codes"], arrays["steps"], about)
            if "links" in arrays
            else None
        )
        return cls(
            directory=directory,
            manifest=manifest,
            space=manifest["space"],
            metric=manifest["metric"],
            unit=manifest["unit"],
            key=manifest.get("key", "text"),
            vectors=arrays["vectors"],
            texts=Strings(arrays["text"], arrays["text_offsets"]),
            sources=_sources(arrays),
            labels=arrays["labels"],
            attributes=arrays["attributes"],
            section=arrays["section"],
            frequency=arrays["frequency"],
            cluster_size=arrays["cluster_size"],
            graph=graph,
            chosen=choose(arrays["vectors"], graph, about, exact=exact, budget_ms=budget_ms),
        )

    def __len__(self) -> int:
        return int(self.vectors.shape[0])

    @property
    def digest(self) -> str:
        """SHA-256 (hex) of the manifest, and through it of the data."""
        return str(self.manifest["digest"])

    @property
    def plan(self) -> str:
        """How ``search`` finds its rows, and why; for the provenance of a report."""
        return self.chosen.reason

    def require_space(self, space: str, metric: str) -> None:
        """Refuse to be searched with another encoder's vectors.

        Raises:
            SpaceMismatch: the index was built with another encoder, or for another metric.
        """
        if (self.space, self.metric) != (space, metric):
            raise SpaceMismatch(
                f"index {self.directory} was built for {self.space} ({self.metric}), the bundle is "
                f"{space} ({metric}); build the index with this bundle: cxr-index build"
            )

    def _require_fit(self, encoding: Encoding) -> None:
        if encoding.space != self.space:
            self.require_space(encoding.space, self.metric)
        if encoding.vector.shape != self.vectors.shape[1:]:
            raise SpaceMismatch(
                f"index {self.directory} has vectors of {self.vectors.shape[1]} numbers, the "
                f"encoder gives {encoding.vector.size}; build the index with this bundle: "
                "cxr-index build"
            )

    def scores(self, encoding: Encoding) -> NDArray[np.float32]:
        """The score of every row for one picture, float32 (N,); exact whatever the plan is."""
        self._require_fit(encoding)
        return scores_of(self.vectors, encoding.vector, threads=threads_for(self.vectors))

    def best(
        self, scores: NDArray[np.float32], k: int, rows: NDArray[np.intp] | None = None
    ) -> NDArray[np.intp]:
        """Row numbers of the ``k`` best scores, best first, among ``rows`` where given."""
        if rows is None:
            return best_of(scores, k)
        return rows[best_of(scores[rows], k)]

    def search(self, encoding: Encoding, k: int) -> tuple[Hit, ...]:
        """The ``k`` best rows for one picture, best first; of equal ones the lower row first.

        Raises:
            SpaceMismatch: the encoding is of another encoder.
            SentenceIndexError: the graph is damaged.
        """
        self._require_fit(encoding)
        k = min(k, len(self))
        if k == 0:
            return ()
        near = encoding.nearest
        if near is not None and near.index == self.digest and k <= len(near.rows):
            return tuple(self.hit(*pair) for pair in zip(near.rows[:k], near.scores, strict=False))
        queries = encoding.vector[None]
        if self.chosen.graph and self.graph is not None and k <= MEASURED:
            found = walk(self.vectors, self.graph, queries, k, ef=self.chosen.ef)
        else:
            found = scan(self.vectors, queries, k, threads=threads_for(self.vectors))
        pairs = zip(found.rows[0], found.scores[0], strict=True)
        return tuple(self.hit(int(row), score) for row, score in pairs if row != NO_ROW)

    def hit(self, row: int | np.intp, score: float | np.float32) -> Hit:
        """One row with its evidence.

        Raises:
            SentenceIndexError: the row's text is not UTF-8.
        """
        return Hit(
            row=int(row),
            text=self.texts[row],
            score=float(score),
            source=self.sources.first(row),
            labels=tuple(self.labels[row].tolist()),
            attributes=Attribute(int(self.attributes[row])),
            cluster_size=int(self.cluster_size[row]),
        )

    @cached_property
    def clusters(self) -> Clusters:
        """What the rows stand for; mapped and verified when it is first asked for.

        Raises:
            SentenceIndexError: the index has no clusters, or they are damaged.
        """
        arrays = open_clusters(self.directory, self.manifest)
        return Clusters(
            Strings(arrays["text"], arrays["text_offsets"]),
            _sources(arrays),
            arrays["frequency"],
            arrays["members"],
            arrays["members_offsets"],
        )

    def members(self, row: int | np.intp) -> tuple[Member, ...]:
        """The texts that one row stands for, its own first.

        Raises:
            SentenceIndexError: as ``clusters``.
        """
        held = self.clusters
        begin, end = int(held.members_offsets[row]), int(held.members_offsets[row + 1])
        return tuple(
            Member(held.texts[one], held.sources[one], int(held.frequency[one]))
            for one in held.members[begin:end]
        )


def _sources(arrays: Mapping[str, NDArray[Any]]) -> Sources:
    ids = Strings(arrays["report_ids"], arrays["report_ids_offsets"])
    return Sources(ids, arrays["sources"], arrays["sources_offsets"])
