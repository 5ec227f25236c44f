"""The k best sentences of the index: CXR-RePaiR-k (Endo et al., ML4H 2021, section 4)."""

from typing import ClassVar

from cxr_edge.methods.base import Parts, retrieved
from cxr_edge.types import Draft, Encoding, Hit


class TopK:
    """Takes the ``k`` best sentences, best first, whatever they say."""

    needs_index: ClassVar[bool] = True
    scores_every_row: ClassVar[bool] = False

    def __init__(self, parts: Parts) -> None:
        """See ``Method``."""
        self._index, self._k = parts.require_index("top-k", "sentence"), parts.k

    def search(self, encoding: Encoding) -> tuple[Hit, ...]:
        """The ``k`` best sentences."""
        return self._index.search(encoding, self._k)

    def compose(self, _encoding: Encoding, found: tuple[Hit, ...]) -> Draft:
        """See ``Method``."""
        return retrieved(found)
