"""What a report method is: bound to its parts once, then asked for drafts."""

from dataclasses import dataclass
from typing import ClassVar, Protocol, TypeVar

from cxr_edge.bundle import Bundle
from cxr_edge.errors import MethodError
from cxr_edge.indexes.search import SentenceIndex
from cxr_edge.networks import Networks
from cxr_edge.types import Attribute, Draft, Encoding, Hit

COMPARISON_NOTE = (
    "A retrieved sentence speaks of an earlier study; this draft was made from one picture only."
)

Found = TypeVar("Found")
"""What a method's search hands to its composition; nobody else looks into it."""


@dataclass(frozen=True)
class Parts:
    """What a report method may be made of."""

    bundle: Bundle
    index: SentenceIndex | None
    """The sentences or reports to choose from; None where the method needs none."""
    networks: Networks
    """Further networks of the bundle, such as a decoder's."""
    k: int
    """How many a method that retrieves a fixed number takes."""

    def require_index(self, method: str, unit: str, key: str = "text") -> SentenceIndex:
        """The index, which must be of the right kind of text, under the right kind of key.

        Raises:
            MethodError: there is none, or it holds sentences where reports are needed, or the
                reverse, or its vectors are of images where texts are needed, or the reverse.
        """
        if self.index is None:
            raise MethodError(f"method {method} needs an index of {unit}s; name one with --index")
        if self.index.unit != unit:
            raise MethodError(
                f"method {method} needs an index of {unit}s, {self.index.directory} holds "
                f"{self.index.unit}s; build one with: cxr-index build --unit {unit} --key {key}"
            )
        if self.index.key != key:
            raise MethodError(
                f"method {method} compares the picture with {key}s, {self.index.directory} is an "
                f"index by {self.index.key}; build one with: cxr-index build --key {key}"
            )
        return self.index


class Method(Protocol[Found]):
    """What the class in ``runtime/methods/<name>.py`` provides.

    A draft is made in two steps, which the report times as ``search`` and ``compose``.
    """

    needs_index: ClassVar[bool]
    """False where the method writes its own sentences; no index is opened then."""
    scores_every_row: ClassVar[bool]
    """True where the method asks the index for all scores, so that a graph is of no use to it."""

    def __init__(self, parts: Parts) -> None:
        """Bind the method; whatever does not depend on the picture is computed here.

        Raises:
            MethodError: the bundle or the index lacks what the method needs.
        """
        ...

    def search(self, encoding: Encoding) -> Found:
        """Look up, or generate, what one draft may be made of.

        Args:
            encoding: what the encoder says of the picture.
        """
        ...

    def compose(self, encoding: Encoding, found: Found) -> Draft:
        """Choose the sentences of one draft.

        Args:
            encoding: as given to ``search``.
            found: what ``search`` returned for it.
        """
        ...


def retrieved(hits: tuple[Hit, ...]) -> Draft:
    """A draft of retrieved sentences as they stand; the papers retrieve impressions."""
    compares = any(hit.attributes & Attribute.COMPARISON for hit in hits)
    return Draft(findings=(), impression=hits, notes=(COMPARISON_NOTE,) if compares else ())
