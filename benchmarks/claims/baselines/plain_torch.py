"""Torch in its usual, eager way: the network, one matrix product, ``topk``."""

import numpy as np
import torch
from numpy.typing import NDArray

from cxr_edge.benchmarks.claims.baselines.base import Retrieval, Vector
from cxr_edge.benchmarks.claims.baselines.torch_graph import TorchGraph


class PlainTorch(Retrieval):
    """The bundle's own graph and weights, run by torch."""

    def take(self, vectors: NDArray[np.float32]) -> None:
        """See ``Retrieval``."""
        torch.set_num_threads(self.setup.threads)
        self.vectors = torch.from_numpy(vectors)
        image = self.bundle.network("image")
        self._graph = TorchGraph.load(self.bundle.directory / image.file)
        self._input = image.inputs[0]

    def encode(self, tensor: NDArray[np.float32]) -> Vector:
        """See ``Retrieval``."""
        found = self._graph.run({self._input: tensor}, ("embedding",))["embedding"][0]
        return np.asarray(found, np.float32)

    def find(self, vector: Vector) -> NDArray[np.integer]:
        """See ``Retrieval``."""
        with torch.inference_mode():
            scores = self.vectors @ torch.from_numpy(vector)
            return torch.topk(scores, min(self.k, self.rows)).indices.numpy()
