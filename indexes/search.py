"""Search in an opened index: exact over all rows, or along its graph where the plan says so."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cxr_edge.errors import SentenceIndexError, SpaceMismatch
from cxr_edge.indexes.container import open_clusters, open_container
from cxr_edge.indexes.contents import Clusters, Member, Sources, Strings
from cxr_edge.indexes.scan import scores_of
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
    plan: str
    """How ``search`` finds its rows, and why; for the provenance of a report."""

    @classmethod
    def open(cls, directory: str | Path) -> "SentenceIndex":
        """Map and verify an index.

        Raises:
            SentenceIndexError: nothing there, damaged, or of another schema.
        """
        directory = Path(directory)
        manifest, arrays = open_container(directory)
        return cls(
            directory=directory,
            manifest=manifest,
            space=str(manifest["space"]),
            metric=str(manifest["metric"]),
            unit=str(manifest["unit"]),
            vectors=arrays["vectors"],
            texts=Strings(arrays["text"], arrays["text_offsets"]),
            sources=_sources(arrays),
            labels=arrays["labels"],
            attributes=arrays["attributes"],
            section=arrays["section"],
            frequency=arrays["frequency"],
            cluster_size=arrays["cluster_size"],
            plan="exact",
        )

    def __len__(self) -> int:
        return int(self.vectors.shape[0])

    @property
    def digest(self) -> str:
        """SHA-256 (hex) of the manifest, and through it of the data."""
        return str(self.manifest["digest"])

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

    def scores(self, encoding: Encoding) -> NDArray[np.float32]:
        """The score of every row for one picture, float32 (N,); exact whatever the plan is."""
        if encoding.space != self.space:
            self.require_space(encoding.space, self.metric)
        return scores_of(self.vectors, encoding.vector)

    def best(
        self, scores: NDArray[np.float32], k: int, rows: NDArray[np.intp] | None = None
    ) -> NDArray[np.intp]:
        """Row numbers of the ``k`` best scores, best first, among ``rows`` where given."""
        candidates = scores if rows is None else scores[rows]
        k = min(k, candidates.size)
        if k == 0:
            return np.empty(0, np.intp)
        # Everything that ties with the k-th score is kept until the final ordering.
        threshold = np.partition(candidates, candidates.size - k)[candidates.size - k]
        chosen = np.flatnonzero(candidates >= threshold)
        chosen = chosen[np.argsort(-candidates[chosen], kind="stable")][:k]
        return chosen if rows is None else rows[chosen]

    def search(self, encoding: Encoding, k: int) -> tuple[Hit, ...]:
        """The ``k`` best rows for one picture, best first; of equal ones the lower row first."""
        scores = self.scores(encoding)
        return tuple(self.hit(row, scores[row]) for row in self.best(scores, k))

    def hit(self, row: int | np.intp, score: float | np.float32) -> Hit:
        """One row with its evidence.

        Raises:
            SentenceIndexError: the row's text is not UTF-8.
        """
        try:
            text, source = self.texts[row], self.sources.first(row)
        except UnicodeDecodeError:
            raise SentenceIndexError(
                f"index {self.directory}: row {row} is not UTF-8; build the index again"
            ) from None
        return Hit(
            row=int(row),
            text=text,
            score=float(score),
            source=source,
            labels=tuple(int(value) for value in self.labels[row]),
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
