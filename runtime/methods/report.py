"""The single best report of the corpus: CXR-RePaiR-R (Endo et al., ML4H 2021, section 4)."""

import numpy as np
from numpy.typing import NDArray

from cxr_edge.bundle import Bundle
from cxr_edge.indexes.search import SentenceIndex
from cxr_edge.methods.base import best, require_unit, retrieved
from cxr_edge.types import Draft, Encoding


class BestReport:
    """Takes the one best report of an index of whole reports; ``k`` is not used."""

    def __init__(self, _bundle: Bundle, index: SentenceIndex, _k: int) -> None:
        """See ``Method``."""
        require_unit(index, "report", "report")
        self._index = index

    def compose(self, _encoding: Encoding, scores: NDArray[np.float32]) -> Draft:
        """See ``Method``."""
        return retrieved(best(self._index, scores, 1))
