"""CXR-RePaiR-Select (Endo et al., ML4H 2021, section 4).

If the best sentence says No Finding, it is the report; otherwise the k best sentences are. The
labels were computed when the index was built, so the decision costs nothing here.
"""

from typing import ClassVar

from cxr_edge.labels import NO_FINDING, Mention
from cxr_edge.methods.base import Parts, retrieved
from cxr_edge.types import Draft, Encoding, Hit


class Select:
    """Takes one sentence if the best one says No Finding, else the ``k`` best."""

    needs_index: ClassVar[bool] = True
    scores_every_row: ClassVar[bool] = False

    def __init__(self, parts: Parts) -> None:
        """See ``Method``."""
        self._index, self._k = parts.require_index("select", "sentence"), parts.k

    def search(self, encoding: Encoding) -> tuple[Hit, ...]:
        """The ``k`` best sentences."""
        return self._index.search(encoding, self._k)

    def compose(self, _encoding: Encoding, found: tuple[Hit, ...]) -> Draft:
        """See ``Method``."""
        normal = found and found[0].labels[NO_FINDING] == Mention.POSITIVE
        return retrieved(found[:1] if normal else found)
