"""The single best report of the corpus: CXR-RePaiR-R (Endo et al., ML4H 2021, section 4)."""

from cxr_edge.methods.base import MethodInput, retrieved
from cxr_edge.types import Draft


def compose(given: MethodInput) -> Draft:
    """Take the one best report of an index of whole reports."""
    given.require_unit("report", "report")
    return retrieved(given.best(1))
