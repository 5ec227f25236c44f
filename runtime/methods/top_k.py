"""The k best sentences of the index: CXR-RePaiR-k (Endo et al., ML4H 2021, section 4)."""

import numpy as np
from numpy.typing import NDArray

from cxr_edge.bundle import Bundle
from cxr_edge.indexes.search import SentenceIndex
from cxr_edge.methods.base import best, require_unit, retrieved
from cxr_edge.types import Draft, Encoding


class TopK:
    """Takes the ``k`` best sentences, best first, whatever they say."""

    def __init__(self, _bundle: Bundle, index: SentenceIndex, k: int) -> None:
        """See ``Method``."""
        require_unit(index, "top-k", "sentence")
        self._index, self._k = index, k

    def compose(self, _encoding: Encoding, scores: NDArray[np.float32]) -> Draft:
        """See ``Method``."""
        return retrieved(best(self._index, scores, self._k))
