"""The authors' released code, re-implemented from its description.

CXR-RePaiR (Endo et al., ML4H 2021), first release: each study is scored alone, all logits are
copied to the CPU, standardised in float64, soft-maxed with Python's builtin ``sum``, and fully
sorted. Softmax and standardisation do not change the order; they are what the time went to.
"""

import numpy as np
from numpy.typing import NDArray

from cxr_edge.benchmarks.claims.baselines.base import Vector
from cxr_edge.benchmarks.claims.baselines.plain_torch import PlainTorch


class ReleasedCode(PlainTorch):
    """Torch for the networks and the product, numpy and Python for what comes after it."""

    def find(self, vector: Vector) -> NDArray[np.integer]:
        """See ``Retrieval``."""
        import torch

        with torch.inference_mode():
            logits = torch.from_numpy(vector)[None] @ self.vectors.T
        values = logits.cpu().numpy()[0].astype(np.float64)
        values = (values - values.mean()) / values.std()
        raised = np.exp(values)
        probabilities = raised / sum(raised)
        # Stable, so that of equal sentences the first is taken, as ours does.
        return np.argsort(-probabilities, kind="stable")[: self.k]
