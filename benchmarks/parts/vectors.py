"""Synthetic sentences and pictures: two cones of one space, as contrastive encoders make them.

A sentence is a point near the axis of the text cone, moved by what it says: a meaning drawn from a
cluster of frequent and rare phrases (their sizes fall as a power law). A picture shows several
things, so its meaning is the mean of several draws; it is moved along axes that only partly agree
with those of the sentences, which is what makes its best sentences lie far apart. The defaults are
chosen so that a plain HNSW graph (M 32) finds about nine tenths of a picture's best ten of 20,000
sentences with a beam of 64, and nearly all of a sentence's, with a median image-text cosine of
about -0.11.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cxr_edge.indexes.contents import Columns, Sources, Strings

_BLOCK = 65_536


@dataclass(frozen=True)
class Cones:
    """What the two cones are like; all angles as cosines."""

    dimension: int = 512
    meanings: int = 32
    """Dimensions of meaning, each with its own axis for sentences and for pictures."""
    agreement: float = 0.3
    """Cosine between the two axes of one dimension of meaning."""
    axes: float = -0.25
    """Cosine between the axes of the two cones."""
    text_axis: float = 0.6
    """Part of a sentence's vector along the axis of its cone; the rest is meaning and noise."""
    image_axis: float = 0.7
    clusters: int = 2000
    skew: float = 0.8
    """Cluster number i holds a share that falls as i ** -skew."""
    spread: float = 0.6
    """How far a sentence's meaning is from that of its cluster, 0..1."""
    shown: int = 3
    """Things a picture shows."""
    noise: float = 0.2
    """Part of what is not the axis that is noise in all dimensions."""

    def sentences(self, count: int, seed: int) -> NDArray[np.float32]:
        """float32 (count, dimension), unit rows."""
        axis, _, text, _ = self._frame()
        rng = np.random.default_rng([seed, 1])
        return self._around(axis, self.text_axis, text, self._meaning(count, rng), rng)

    def pictures(self, count: int, seed: int) -> NDArray[np.float32]:
        """float32 (count, dimension), unit rows."""
        _, axis, _, image = self._frame()
        rng = np.random.default_rng([seed, 2])
        meaning = sum(self._meaning(count, rng) for _ in range(self.shown))
        meaning = np.asarray(meaning / np.sqrt(self.shown), np.float32)
        return self._around(axis, self.image_axis, image, meaning, rng)

    def _frame(self) -> tuple[NDArray[np.float32], ...]:
        """Both axes (D,), then the axes of meaning of sentences and pictures (meanings, D)."""
        m = self.meanings
        rng = np.random.default_rng([self.dimension, m])
        square = np.linalg.qr(rng.standard_normal((self.dimension, 2 * m + 2)))[0]
        q = square.T.astype(np.float32)
        image_axis = self.axes * q[0] + np.float32(np.sqrt(1 - self.axes**2)) * q[1]
        text, other = q[2 : 2 + m], q[2 + m :]
        across = np.float32(np.sqrt(1 - self.agreement**2))
        return q[0], image_axis, text, np.float32(self.agreement) * text + across * other

    def _meaning(self, count: int, rng: np.random.Generator) -> NDArray[np.float32]:
        centres = np.random.default_rng(self.clusters).standard_normal(
            (self.clusters, self.meanings), np.float32
        )
        shares = np.arange(1, self.clusters + 1) ** -self.skew
        which = rng.choice(self.clusters, count, p=shares / shares.sum())
        own = rng.standard_normal((count, self.meanings), np.float32)
        return (
            np.float32(np.sqrt(1 - self.spread**2)) * centres[which] + np.float32(self.spread) * own
        )

    def _around(
        self,
        axis: NDArray[np.float32],
        along: float,
        axes: NDArray[np.float32],
        meaning: NDArray[np.float32],
        rng: np.random.Generator,
    ) -> NDArray[np.float32]:
        rows = np.empty((len(meaning), self.dimension), np.float32)
        for start in range(0, len(rows), _BLOCK):
            part = meaning[start : start + _BLOCK] / np.float32(np.sqrt(self.meanings))
            noise = rng.standard_normal((len(part), self.dimension), np.float32)
            moved = np.float32(np.sqrt(1 - self.noise**2)) * (part @ axes)
            moved += np.float32(self.noise / np.sqrt(self.dimension)) * noise
            block = along * axis + np.float32(np.sqrt(1 - along**2)) * moved
            rows[start : start + _BLOCK] = block / np.linalg.norm(block, axis=1, keepdims=True)
        return rows


def plain_columns(vectors: NDArray[np.float32]) -> Columns:
    """Contents of an index of these vectors (N, D) whose sentences say nothing."""
    rows = len(vectors)
    return Columns(
        vectors=vectors,
        texts=Strings.of(f"Sentence {row}." for row in range(rows)),
        sources=Sources.of([f"report-{row}"] for row in range(rows)),
        labels=np.zeros((rows, 14), np.int8),
        attributes=np.zeros(rows, np.uint8),
        section=np.zeros(rows, np.uint8),
        frequency=np.ones(rows, np.uint32),
        cluster_size=np.ones(rows, np.uint32),
    )
