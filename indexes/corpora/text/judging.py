"""Decides for each sentence whether it is kept, and brings what is kept into its final wording."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

from cxr_edge.indexes.corpora import CorpusOptions
from cxr_edge.indexes.corpora.text.acronyms import expand_acronyms
from cxr_edge.indexes.corpora.text.normalise import normalise_sentence
from cxr_edge.indexes.corpora.text.redaction import has_redaction, strip_redaction
from cxr_edge.indexes.corpora.text.screening import (
    is_notification,
    is_recommendation,
    is_signature,
    is_title,
)
from cxr_edge.labelers.attributes import attributes
from cxr_edge.types import Attribute

RECOMMENDATION = "sentence that recommends something"
NOTIFICATION = "sentence that says whom a finding was told to"
SIGNATURE = "sentence that says who read or signed the report"
EARLIER = "sentence that speaks of an earlier study"
REDACTED = "sentence that holds a redaction mark"
WORDLESS = "sentence without words, or a heading with nothing under it"
TITLE = "sentence that only names the views"

_FEWEST_WORDS = 2
"""Words that must be left where a redaction mark was taken out."""


@dataclass(frozen=True, slots=True)
class Judged:
    """What became of one sentence."""

    text: str
    """Final wording; as far as it came where the sentence is left out."""
    reason: str | None
    """Why it is left out; None where it is kept."""
    attributes: Attribute | None = None


@dataclass(frozen=True)
class Language:
    """How sentences of one language are judged and labelled."""

    judge: Callable[[str, bool, CorpusOptions], Judged]
    """Sentence, whether its text is written in capitals, options."""
    labels: tuple[int, ...] | None = None
    """The labels of every sentence, where no labeler reads this language; None otherwise."""


@lru_cache(maxsize=1 << 15)
def judge_english(sentence: str, capitals: bool, options: CorpusOptions) -> Judged:
    """Judge an English sentence; the first reason that holds is the one that is counted.

    Radiologists repeat themselves, so the latest sentences are remembered.
    """
    text = normalise_sentence(sentence, capitals=capitals)
    if not any(map(str.isalpha, text)) or (sentence.rstrip().endswith(":") and _brief(text)):
        return Judged(text, WORDLESS)
    if is_title(text):
        return Judged(text, TITLE)
    if is_notification(text):
        return Judged(text, NOTIFICATION)
    if is_signature(text):
        return Judged(text, SIGNATURE)
    if is_recommendation(text):
        return Judged(text, RECOMMENDATION)
    found = attributes(text)
    if options.earlier_studies == "drop" and found & Attribute.COMPARISON:
        return Judged(text, EARLIER)
    plain = text
    if options.redaction != "keep" and has_redaction(text):
        text = normalise_sentence(strip_redaction(text))
        if options.redaction == "drop" or len(text.split()) < _FEWEST_WORDS:
            return Judged(text, REDACTED)
    if options.acronyms:
        text = expand_acronyms(text)
    if options.lower:
        text = text.lower()
    return Judged(text, None, found if text == plain else attributes(text))


def _brief(text: str) -> bool:
    """Whether a text is as short as a heading."""
    return len(text.split()) <= 4


ENGLISH = Language(judge_english)
