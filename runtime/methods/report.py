"""The single best report of the corpus: CXR-RePaiR-R (Endo et al., ML4H 2021, section 4)."""

from typing import ClassVar

from cxr_edge.methods.base import Parts, retrieved
from cxr_edge.types import Draft, Encoding, Hit


class BestReport:
    """Takes the one best report of an index of whole reports; ``k`` is not used."""

    needs_index: ClassVar[bool] = True
    scores_every_row: ClassVar[bool] = False

    def __init__(self, parts: Parts) -> None:
        """See ``Method``."""
        self._index = parts.require_index("report", "report")

    def search(self, encoding: Encoding) -> tuple[Hit, ...]:
        """The best report."""
        return self._index.search(encoding, 1)

    def compose(self, _encoding: Encoding, found: tuple[Hit, ...]) -> Draft:
        """See ``Method``."""
        return retrieved(found)
