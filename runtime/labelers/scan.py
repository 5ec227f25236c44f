"""Turns one sentence into the events that matter: mentions, parts, judgements and cues, in order."""

import re
import unicodedata
from dataclasses import dataclass

from cxr_edge.labelers.cues import CUES, PUNCTUATION, Cue
from cxr_edge.labelers.vocabulary import ANATOMY, MENTIONS, NEUTRAL
from cxr_edge.labels import Mention


@dataclass(frozen=True, slots=True)
class Event:
    """One meaningful stretch of a sentence."""

    start: int
    stop: int
    cue: Cue | None = None
    """What it does to others; None for a mention or a part of the body."""
    columns: tuple[int, ...] = ()
    """Columns of ``OBSERVATIONS`` it speaks of, -1 for other abnormalities."""
    default: Mention = Mention.BLANK
    """What a mention asserts when nothing qualifies it; BLANK for a part of the body."""


_Kind = tuple[Cue | None, tuple[int, ...], Mention]


def _compile() -> tuple[re.Pattern[str], tuple[_Kind, ...]]:
    rows: list[tuple[_Kind, str]] = [((Cue.SKIP, (), Mention.BLANK), row) for row in NEUTRAL]
    rows += [((None, columns, default), row) for columns, default, row in MENTIONS]
    rows += [((cue, (), Mention.BLANK), row) for cue, row in CUES]
    rows += [((None, columns, Mention.BLANK), row) for columns, row in ANATOMY]
    # A row that ends in a letter must end its word; rows with \w* take the ending themselves.
    words = "|".join(f"(?:({row})(?![a-z]))" for _, row in rows)
    marks = "|".join(re.escape(mark) for mark in PUNCTUATION)
    pattern = re.compile(rf"(?<![a-z])(?:{words})|(?P<mark>{marks})")
    return pattern, tuple(kind for kind, _ in rows)


_PATTERN, _KINDS = _compile()
_DASHES = str.maketrans({"‐": "-", "‑": "-", "‒": "-", "–": "-", "—": "-", "’": "'", "/": "/"})


def normalise(text: str) -> str:
    """Lower case (by case folding), compatibility forms joined, plain dashes, single blanks."""
    return " ".join(unicodedata.normalize("NFKC", text).translate(_DASHES).casefold().split())


def scan(sentence: str) -> list[Event]:
    """The events of one sentence that was normalised, left to right, not overlapping."""
    events: list[Event] = []
    for match in _PATTERN.finditer(sentence):
        mark = match.group("mark")
        if mark is not None:
            events.append(Event(match.start(), match.end(), PUNCTUATION[mark]))
            continue
        cue, columns, default = _KINDS[match.lastindex - 1 if match.lastindex else 0]
        if cue is not Cue.SKIP:
            events.append(Event(match.start(), match.end(), cue, columns, default))
    return events
