"""From words to sentences: spaces, full stops and capital letters put back.

A decoder writes lower-case words with every punctuation mark as a word of its own, as its training
texts were cut up. Which spaces were there before is not recorded; these rules put them where a
typist would.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

UNKNOWN = "[unknown]"
"""Stands for a token that is no word: the decoder meant one that its vocabulary lacks."""

_LEFT = frozenset(".,;:!?)]}%")
"""Marks that stand close behind the word before them."""
_RIGHT = frozenset("([{#")
"""Marks that stand close before the word behind them."""
_BOTH = frozenset("-/'’")
"""Marks that stand close on both sides, as in x-ray and ap/pa."""
_ABBREVIATIONS = frozenset(("dr", "mr", "mrs", "ms", "vs", "approx", "e.g", "i.e"))
_ENDS = re.compile(r"[.!?]$")


@dataclass(frozen=True)
class Spoken:
    """A word or a sentence, and which tokens it comes from."""

    text: str
    first: int
    """Place of its first token."""
    last: int
    """Place behind its last token."""


def sentences(words: Sequence[Spoken]) -> list[Spoken]:
    """Cut words into sentences and spell each: spaces, and a capital letter first.

    A sentence ends with a full stop, a question or an exclamation mark; not with the point of a
    number (``2 . 5``), of an abbreviation (``dr .``) or of an enumeration (``1 .`` at the start).
    Marks alone are no sentence.
    """
    found: list[Spoken] = []
    begin = 0
    for place, word in enumerate(words):
        behind = words[place + 1].text if place + 1 < len(words) else None
        if _ENDS.search(word.text) and not _goes_on(words[begin : place + 1], behind):
            found.append(_spelled(words[begin : place + 1]))
            begin = place + 1
    if begin < len(words):
        found.append(_spelled(words[begin:]))
    return [sentence for sentence in found if any(map(str.isalnum, sentence.text))]


def _goes_on(said: Sequence[Spoken], behind: str | None) -> bool:
    """Whether the point that ends ``said`` does not end a sentence; ``behind`` follows it."""
    if said[-1].text != "." or len(said) < 2:
        return False
    before = said[-2].text.lower()
    if before in _ABBREVIATIONS:
        return behind is not None
    if not before.isdigit() or behind is None:
        return False
    return behind.isdigit() or (len(said) == 2 and len(before) <= 2)


def _spelled(words: Sequence[Spoken]) -> Spoken:
    text = ""
    close = True
    for place, word in enumerate(words):
        point = _is_point(words, place)
        both = word.text in _BOTH or point
        # A dash at the start or the end joins nothing.
        both = both and 0 < place < len(words) - 1
        if not (close or both or word.text in _LEFT):
            text += " "
        text += word.text
        close = both or word.text in _RIGHT
    return Spoken(text[:1].upper() + text[1:], words[0].first, words[-1].last)


def _is_point(words: Sequence[Spoken], place: int) -> bool:
    """Whether a point or a colon stands between two numbers: 2.5, 10:30."""
    if words[place].text not in (".", ":") or not 0 < place < len(words) - 1:
        return False
    return words[place - 1].text.isdigit() and words[place + 1].text.isdigit()
