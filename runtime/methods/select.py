"""CXR-RePaiR-Select (Endo et al., ML4H 2021, section 4).

If the best sentence says No Finding, it is the report; otherwise the k best sentences are. The
labels were computed when the index was built, so the decision costs nothing here.
"""

import numpy as np
from numpy.typing import NDArray

from cxr_edge.bundle import Bundle
from cxr_edge.indexes.search import SentenceIndex
from cxr_edge.labels import NO_FINDING, Mention
from cxr_edge.methods.base import best, require_unit, retrieved
from cxr_edge.types import Draft, Encoding


class Select:
    """Takes one sentence if the best one says No Finding, else the ``k`` best."""

    def __init__(self, _bundle: Bundle, index: SentenceIndex, k: int) -> None:
        """See ``Method``."""
        require_unit(index, "select", "sentence")
        self._index, self._k = index, k

    def compose(self, _encoding: Encoding, scores: NDArray[np.float32]) -> Draft:
        """See ``Method``."""
        hits = best(self._index, scores, self._k)
        if hits and hits[0].labels[NO_FINDING] == Mention.POSITIVE:
            hits = hits[:1]
        return retrieved(hits)
