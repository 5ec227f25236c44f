"""Search in an opened index. Exact: every row is scored, recall is 1, ties go to the lower row."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cxr_edge.errors import SentenceIndexError, SpaceMismatch
from cxr_edge.indexes.container import open_container
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
    vectors: NDArray[np.float32]
    """float32 (N, D), mapped."""
    labels: NDArray[np.int8]
    """int8 (N, 14), ``Mention`` values."""
    attributes: NDArray[np.uint8]
    """uint8 (N,), ``Attribute`` flags."""
    section: NDArray[np.uint8]
    """uint8 (N,), position in ``container.SECTION_NAMES``."""
    cluster_size: NDArray[np.uint32]
    _arrays: Mapping[str, NDArray[Any]]

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
            labels=arrays["labels"],
            attributes=arrays["attributes"],
            section=arrays["section"],
            cluster_size=arrays["cluster_size"],
            _arrays=arrays,
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
        """The score of every row for one picture, float32 (N,)."""
        if encoding.space != self.space:
            self.require_space(encoding.space, self.metric)
        scores: NDArray[np.float32] = self.vectors @ encoding.vector
        return scores

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
        """The ``k`` best rows for one picture, best first."""
        scores = self.scores(encoding)
        return tuple(self.hit(row, scores[row]) for row in self.best(scores, k))

    def hit(self, row: int | np.intp, score: float | np.float32) -> Hit:
        """One row with its evidence.

        Raises:
            SentenceIndexError: the row's text is not UTF-8.
        """
        return Hit(
            row=int(row),
            text=self._string("text", row),
            score=float(score),
            source=self._string("source", row),
            labels=tuple(int(value) for value in self.labels[row]),
            attributes=Attribute(int(self.attributes[row])),
            cluster_size=int(self.cluster_size[row]),
        )

    def _string(self, name: str, row: int | np.intp) -> str:
        offsets = self._arrays[f"{name}_offsets"]
        raw = self._arrays[name][int(offsets[row]) : int(offsets[row + 1])].tobytes()
        try:
            return raw.decode()
        except UnicodeDecodeError:
            raise SentenceIndexError(
                f"index {self.directory}: row {row} is not UTF-8; build the index again"
            ) from None
