"""Turns one sentence into the events that matter: mentions, parts, judgements and cues."""

import re
import unicodedata
from dataclasses import dataclass

from cxr_edge.labelers.cues import CUES, PUNCTUATION, Cue
from cxr_edge.labelers.surroundings import ANATOMY, NEUTRAL, OTHER_ABNORMAL
from cxr_edge.labelers.vocabulary import MENTIONS, OTHER
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
    rows: list[tuple[_Kind, str]] = [((Cue.SKIP, (), Mention.BLANK), NEUTRAL)]
    rows += [((None, columns, default), row) for columns, default, row in MENTIONS]
    rows.append(((None, (OTHER,), Mention.POSITIVE), OTHER_ABNORMAL))
    rows += [((cue, (), Mention.BLANK), row) for cue, row in CUES]
    rows += [((None, columns, Mention.BLANK), row) for columns, row in ANATOMY]
    # A row that ends in a letter must end its word; rows with \w* take the ending themselves.
    words = "|".join(f"(?:({row})(?![a-z]))" for _, row in rows)
    marks = "|".join(re.escape(mark) for mark in PUNCTUATION)
    pattern = re.compile(rf"(?<![a-z])(?:{words})|(?P<mark>{marks})")
    return pattern, tuple(kind for kind, _ in rows)


_PATTERN, _KINDS = _compile()
# Hyphens and dashes of Unicode (U+2010 to U+2014) and the typographic apostrophe, made plain.
_PLAIN = {**dict.fromkeys(range(0x2010, 0x2015), "-"), 0x2019: "'"}


def normalise(text: str) -> str:
    """Lower case (by case folding), compatibility forms joined, plain dashes, single blanks."""
    return " ".join(unicodedata.normalize("NFKC", text).translate(_PLAIN).casefold().split())


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
