"""The report of the nearest training image: the retrieval baseline of CXR-RePaiR.

Endo et al. (ML4H 2021, section 5) compare ResNet-18 features by cosine; here it is the image
embedding of whatever encoder the index was built with.
"""

from typing import ClassVar

from cxr_edge.methods.base import Parts, retrieved
from cxr_edge.types import Draft, Encoding, Hit


class NearestImage:
    """Takes the report of the one nearest image of an index by image; ``k`` is not used."""

    needs_index: ClassVar[bool] = True
    scores_every_row: ClassVar[bool] = False

    def __init__(self, parts: Parts) -> None:
        """See ``Method``."""
        self._index = parts.require_index("nearest-image", "report", key="image")

    def search(self, encoding: Encoding) -> tuple[Hit, ...]:
        """The nearest image's report; of equally near ones that of the first."""
        return self._index.search(encoding, 1)

    def compose(self, _encoding: Encoding, found: tuple[Hit, ...]) -> Draft:
        """See ``Method``."""
        return retrieved(found)
