"""What a report method is given and what it returns."""

from dataclasses import dataclass
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


@dataclass(frozen=True)
class MethodInput:
    """One encoded picture and the index scored against it."""

    encoding: Encoding
    index: SentenceIndex
    scores: NDArray[np.float32]
    """float32 (N,): the score of every row of the index."""
    bundle: Bundle
    k: int
    """How many sentences a method that retrieves a fixed number takes."""

    def hits(self, rows: NDArray[np.intp]) -> tuple[Hit, ...]:
        """The rows with their evidence, in the order given."""
        return tuple(self.index.hit(row, self.scores[row]) for row in rows)

    def best(self, k: int) -> tuple[Hit, ...]:
        """The ``k`` best rows of the whole index."""
        return self.hits(self.index.best(self.scores, k))

    def require_unit(self, method: str, unit: str) -> None:
        """Refuse an index of the wrong kind of text.

        Raises:
            MethodError: the index holds sentences where reports are needed, or the reverse.
        """
        if self.index.unit != unit:
            raise MethodError(
                f"method {method} needs an index of {unit}s, {self.index.directory} holds "
                f"{self.index.unit}s; build one with: cxr-index build --unit {unit}"
            )


class Method(Protocol):
    """What a file ``runtime/methods/<name>.py`` provides at module level."""

    def compose(self, given: MethodInput) -> Draft:
        """Choose the sentences of the draft.

        Raises:
            MethodError: the bundle or the index lacks what the method needs.
        """
        ...


def retrieved(hits: tuple[Hit, ...]) -> Draft:
    """A draft of retrieved sentences as they stand; the papers retrieve impressions."""
    compares = any(hit.attributes & Attribute.COMPARISON for hit in hits)
    return Draft(findings=(), impression=hits, notes=(COMPARISON_NOTE,) if compares else ())
