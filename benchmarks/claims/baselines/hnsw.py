"""ONNX Runtime for the network and hnswlib, in memory, for the search."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from cxr_edge.benchmarks.claims.baselines.base import Retrieval, Vector
from cxr_edge.engines import load_network

CONNECTIVITY, EXPANSION_ADD, EXPANSION_SEARCH = 32, 400, 256
SKIP_ABOVE = 50_000
"""Rows above which the graph is built only when the baseline is named: it takes minutes."""


class OrtHnswlib(Retrieval):
    """What an engineer would put together from two good libraries."""

    note = f"M {CONNECTIVITY}, efConstruction {EXPANSION_ADD}, ef {EXPANSION_SEARCH}"

    def take(self, vectors: NDArray[np.float32]) -> None:
        """See ``Retrieval``; the graph is built once and then loaded from ``Setup.work``."""
        import hnswlib

        self._engine = load_network(self.bundle, "image", "cpu", self.setup.threads)
        self._input = self.bundle.network("image").inputs[0]
        kept = Path(self.setup.work) / f"{len(vectors)}.hnsw"
        self._graph = hnswlib.Index("ip", vectors.shape[1])
        if kept.exists():
            self._graph.load_index(str(kept), max_elements=len(vectors))
        else:
            self._graph.init_index(
                len(vectors), M=CONNECTIVITY, ef_construction=EXPANSION_ADD, random_seed=0
            )
            self._graph.add_items(vectors, num_threads=self.setup.threads)
            self._graph.save_index(str(kept))
        self._graph.set_num_threads(1)
        self._graph.set_ef(EXPANSION_SEARCH)

    def encode(self, tensor: NDArray[np.float32]) -> Vector:
        """See ``Retrieval``."""
        return np.asarray(self._engine.run({self._input: tensor})["embedding"][0], np.float32)

    def find(self, vector: Vector) -> NDArray[np.integer]:
        """See ``Retrieval``."""
        rows: NDArray[np.integer] = self._graph.knn_query(vector[None], k=min(self.k, self.rows))[
            0
        ][0]
        return rows

    def close(self) -> None:
        """See ``System``."""
        self._engine.close()
        super().close()
