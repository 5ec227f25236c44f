"""The k best sentences of the index: CXR-RePaiR-k (Endo et al., ML4H 2021, section 4)."""

from cxr_edge.methods.base import MethodInput, retrieved
from cxr_edge.types import Draft


def compose(given: MethodInput) -> Draft:
    """Take the ``k`` best sentences, best first, whatever they say."""
    given.require_unit("top-k", "sentence")
    return retrieved(given.best(given.k))
