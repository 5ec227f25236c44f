"""CXR-RePaiR-Select (Endo et al., ML4H 2021, section 4).

If the best sentence says No Finding, it is the report; otherwise the k best sentences are. The
labels were computed when the index was built, so the decision costs nothing here.
"""

from cxr_edge.labels import NO_FINDING, Mention
from cxr_edge.methods.base import MethodInput, retrieved
from cxr_edge.types import Draft


def compose(given: MethodInput) -> Draft:
    """Take one sentence if the best one says No Finding, else the ``k`` best."""
    given.require_unit("select", "sentence")
    hits = given.best(given.k)
    if hits and hits[0].labels[NO_FINDING] == Mention.POSITIVE:
        hits = hits[:1]
    return retrieved(hits)
