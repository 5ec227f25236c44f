"""What a report method is: bound to a bundle and an index once, then asked for drafts."""

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from cxr_edge.bundle import Bundle
from cxr_edge.errors import MethodError
from cxr_edge.indexes.search import SentenceIndex
from cxr_edge.types import Attribute, Draft, Encoding, Hit

COMPARISON_NOTE = (
    "A retrieved sentence speaks of an earlier study; this draft was made from one picture only."
)


class Method(Protocol):
    """What the class in ``runtime/methods/<name>.py`` provides."""

    def __init__(self, bundle: Bundle, index: SentenceIndex, k: int) -> None:
        """Bind the method; whatever does not depend on the picture is computed here.

        Args:
            bundle: says how far each observation may be trusted.
            index: the sentences or reports to choose from.
            k: how many a method that retrieves a fixed number takes.

        Raises:
            MethodError: the bundle or the index lacks what the method needs.
        """
        ...

    def compose(self, encoding: Encoding, scores: NDArray[np.float32]) -> Draft:
        """Choose the sentences of one draft.

        Args:
            encoding: what the encoder says of the picture.
            scores: float32 (N,), the score of every row of the index for it.
        """
        ...


def require_unit(index: SentenceIndex, method: str, unit: str) -> None:
    """Refuse an index of the wrong kind of text.

    Raises:
        MethodError: the index holds sentences where reports are needed, or the reverse.
    """
    if index.unit != unit:
        raise MethodError(
            f"method {method} needs an index of {unit}s, {index.directory} holds "
            f"{index.unit}s; build one with: cxr-index build --unit {unit}"
        )


def best(index: SentenceIndex, scores: NDArray[np.float32], k: int) -> tuple[Hit, ...]:
    """The ``k`` best rows of the whole index with their evidence, best first."""
    return tuple(index.hit(row, scores[row]) for row in index.best(scores, k))


def retrieved(hits: tuple[Hit, ...]) -> Draft:
    """A draft of retrieved sentences as they stand; the papers retrieve impressions."""
    compares = any(hit.attributes & Attribute.COMPARISON for hit in hits)
    return Draft(findings=(), impression=hits, notes=(COMPARISON_NOTE,) if compares else ())
