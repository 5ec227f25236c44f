"""Reports that a decoder of the bundle writes, word by word, instead of retrieving them.

``generate`` asks for whole reports: of the decoder of DCRRG (Zhou & Wang, EMNLP 2024) one text from
all fourteen prompted embeddings, of that of Liu et al. (MLHC 2019) sentence after sentence.
``describe`` asks the former for a description of each observation, which is what its decoder
learns before the soft prompt.

Nothing that is written so was ever said by a radiologist. Every sentence is read by the rule
labeler, and its score is the geometric mean of the probabilities of its tokens, the end of the text
included: 1 where the decoder had no doubt about any of them.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from cxr_edge.decoding import CachedDecoder, Decoded, open_decoder, without_repeats
from cxr_edge.errors import MethodError
from cxr_edge.labelers import get_labeler
from cxr_edge.labelers.attributes import attributes
from cxr_edge.labels import OBSERVATIONS
from cxr_edge.methods.base import Parts
from cxr_edge.tokenizers import get_detokenizer
from cxr_edge.tokenizers.prose import Spoken, sentences
from cxr_edge.types import Draft, Encoding, Hit

SOURCE = "generated"
NOTE = (
    "The sentences were written by a decoder, not retrieved; their scores say how sure it was of "
    "its words, not whether they are true."
)


@dataclass(frozen=True)
class Written:
    """One text of a decoder and what it is about."""

    decoded: Decoded
    source: str


class Generate:
    """Writes whole reports; takes no index and no ``k``."""

    needs_index: ClassVar[bool] = False
    scores_every_row: ClassVar[bool] = False
    _name: ClassVar[str] = "generate"

    def __init__(self, parts: Parts) -> None:
        """Load the decoder.

        Raises:
            MethodError: the bundle has no decoder, no image network for it to read, or no words for
                its tokens.
            BundleError: the decoder's networks or its tokenizer cannot be loaded.
        """
        bundle = parts.bundle
        if not bundle.decoding:
            raise MethodError(
                f"method {self._name} needs a decoder, which {bundle.name} does not hold; "
                "use select or top-k"
            )
        if not bundle.manifest["tokenizer"]:
            raise MethodError(
                f"method {self._name} needs words for the decoder's tokens, and {bundle.name} was "
                "exported without them; export it again with: cxr-export --tokenizer FILE"
            )
        self._bundle = bundle
        self._decoder = open_decoder(bundle.decoding, parts.networks.open)
        missing = set(self._decoder.reads) - set(bundle.network("image").outputs)
        if missing:
            raise MethodError(
                f"method {self._name}: the decoder of {bundle.name} reads {', '.join(missing)}, "
                "which its image network does not return; export the bundle again"
            )
        self._tokenizer = get_detokenizer(bundle.manifest["tokenizer"], bundle.directory)
        self._labeler = get_labeler("rules")

    def search(self, encoding: Encoding) -> list[Written]:
        """Let the decoder write; this is where the time goes."""
        seen = {name: array[None] for name, array in encoding.extras.items()}
        return [Written(decoded, SOURCE) for decoded in self._decoder.write(seen)[0]]

    def compose(self, _encoding: Encoding, found: Sequence[Written]) -> Draft:
        """Spell the words out and read what they say; papers generate the findings section."""
        hits = [hit for written in found for hit in self._hits(written)]
        notes = [NOTE]
        if not hits:
            notes.append("The decoder wrote no word about this picture.")
        cut = sum(not written.decoded.ended for written in found)
        if cut:
            notes.append(f"{cut} of {len(found)} texts reached the decoder's limit and break off.")
        return Draft(findings=tuple(self._kept(hits)), impression=(), notes=tuple(notes))

    def _kept(self, hits: list[Hit]) -> list[Hit]:
        """One text is left as it was written; of several, repeats are left out (Liu et al.)."""
        if self._bundle.decoding["kind"] == "cached":
            return hits
        return without_repeats(hits, lambda hit: hit.text)

    def _hits(self, written: Written) -> list[Hit]:
        decoded = written.decoded
        spoken = sentences(self._tokenizer.words(decoded.tokens))
        return [
            self._hit(sentence, written, last=place == len(spoken) - 1)
            for place, sentence in enumerate(spoken)
        ]

    def _hit(self, sentence: Spoken, written: Written, *, last: bool) -> Hit:
        text = sentence.text
        if text[-1] not in ".!?":
            text += "." if written.decoded.ended or not last else " ..."
        return Hit(
            row=None,
            text=text,
            score=_confidence(written.decoded, sentence, last=last),
            source=written.source,
            labels=tuple(int(value) for value in self._labeler.label(text)),
            attributes=attributes(text),
        )


class Describe(Generate):
    """Writes a description of each of the fourteen observations; repeats are left out."""

    _name: ClassVar[str] = "describe"

    def __init__(self, parts: Parts) -> None:
        """See ``Generate``.

        Raises:
            MethodError: the decoder has no such mode.
        """
        super().__init__(parts)
        if not isinstance(self._decoder, CachedDecoder):
            raise MethodError(
                f"method describe needs a decoder of prompted embeddings, {self._bundle.name} "
                "writes whole reports only; use generate"
            )
        self._describing = self._decoder

    def search(self, encoding: Encoding) -> list[Written]:
        """All fourteen in one batch."""
        seen = {name: array[None] for name, array in encoding.extras.items()}
        (described,) = self._describing.describe(seen)
        return [
            Written(decoded, f"{SOURCE} for {name}")
            for name, decoded in zip(OBSERVATIONS, described, strict=True)
        ]

    def _kept(self, hits: list[Hit]) -> list[Hit]:
        return without_repeats(hits, lambda hit: hit.text)


def _confidence(decoded: Decoded, sentence: Spoken, *, last: bool) -> float:
    """The geometric mean of the probabilities of a sentence's tokens, 0..1."""
    first, behind = sentence.first, sentence.last
    before = decoded.sums[first - 1] if first else 0.0
    if last:  # what comes after the last word, such as the end, belongs to it
        after, count = decoded.score, len(decoded.tokens) - first + decoded.ended
    else:
        after, count = decoded.sums[behind - 1], behind - first
    return float(np.exp((after - before) / count))
