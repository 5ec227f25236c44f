"""Noun phrases and the frames that make sentences of them."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from cxr_edge.indexes.corpora.grammar.meaning import Entry, Meaning, claims
from cxr_edge.labels import Mention

_VOWELS = "aeiou"


@dataclass(frozen=True)
class Phrase:
    """A finding as a noun phrase: "small left pleural effusion", "nodule" + "in the lingula"."""

    noun: str
    """The noun and what belongs to it: "pleural effusion", "airspace opacities"."""
    names: tuple[str, ...]
    """Observations it names; empty for an abnormality outside the fourteen."""
    post: str = ""
    """Place after the noun: "in the right upper lobe"."""
    number: str = "one"
    """``one``, ``many`` (plural) or ``mass`` (uncountable, no article)."""
    side: str | None = None
    severity: str | None = None
    location: str | None = None
    detail: str = ""
    sign: bool = False
    """A sign whose bare mention is uncertain ("vascular congestion")."""
    kind: str = ""
    """Adjective of form, before the place: "patchy", "loculated"."""
    grade: str = ""
    """Word of severity, first of all: "small", "trace"."""
    where: str = ""
    """Adjective of place, before the noun: "left basilar"."""

    @property
    def core(self) -> str:
        """The noun with all its adjectives, no article: "small loculated left pleural effusion"."""
        return " ".join(f"{self.grade} {self.kind} {self.where} {self.noun}".split())

    def meaning(self, value: Mention) -> Meaning:
        """What a sentence means that says ``value`` of this finding."""
        said = Mention.UNCERTAIN if self.sign and value == Mention.POSITIVE else value
        return Meaning(
            claims=claims(said, *self.names),
            side=self.side,
            severity=self.severity,
            location=self.location,
            # A sign that is asserted and one that is doubted share a label, not a meaning.
            detail=self.detail + (" doubted" if self.sign and value == Mention.UNCERTAIN else ""),
            abnormal=not self.names and value != Mention.NEGATIVE,
        )

    def with_article(self) -> str:
        """The noun phrase as it stands after "there is"."""
        return with_article(self.core) if self.number == "one" else self.core

    @property
    def verb(self) -> str:
        """ "is" or "are"."""
        return "are" if self.number == "many" else "is"


def with_article(core: str) -> str:
    """ "a" or "an" before a noun phrase, by its first sound."""
    return f"{'an' if core[0].lower() in _VOWELS else 'a'} {core}"


def sentence(text: str) -> str:
    """Capital first letter, one blank between words, full stop at the end."""
    joined = " ".join(text.split()).replace(" ,", ",")
    return f"{joined[0].upper()}{joined[1:]}."


POSITIVE = (
    "there {be} {np} {post}",
    "{np} {be} seen {post}",
    "{core} {post}",
    "{np} {be} present {post}",
    "{np} {be} noted {post}",
)
UNCERTAIN = (
    "possible {core} {post}",
    "{np} {post} {be} suspected",
    "there may be {np} {post}",
    "questionable {core} {post}",
    "{np} {post} cannot be excluded",
    "findings may represent {np} {post}",
)
NEGATIVE = (
    "no {core} {post}",
    "there {be} no {core} {post}",
    "no {core} {post} {be} identified",
    "no evidence of {core} {post}",
    "no {core} {post} {be} seen",
)
_FRAMES = {
    Mention.POSITIVE: POSITIVE,
    Mention.UNCERTAIN: UNCERTAIN,
    Mention.NEGATIVE: NEGATIVE,
}


def fill(frame: str, phrase: Phrase) -> str:
    """Put a phrase into a frame."""
    filled = frame.format(
        be=phrase.verb, np=phrase.with_article(), core=phrase.core, post=phrase.post
    )
    return sentence(filled)


def state(
    phrases: Iterable[Phrase],
    value: Mention,
    rule: str,
    wordings: int = 1,
    frames: Sequence[str] | None = None,
) -> Iterator[Entry]:
    """Sentences that say ``value`` of each phrase.

    A phrase without attributes and detail is worded in every frame, because it is what a draft
    falls back to; any other in ``wordings`` frames, which take turns from phrase to phrase.
    """
    chosen = frames or _FRAMES[value]
    for turn, phrase in enumerate(phrases):
        meaning = phrase.meaning(value)
        plain = not meaning.attributes() and not phrase.detail
        count = len(chosen) if plain else min(wordings, len(chosen))
        for step in range(count):
            yield Entry(fill(chosen[(turn + step) % len(chosen)], phrase), meaning, rule)


def graded(phrase: Phrase, words: Iterable[tuple[str, str | None]]) -> Iterator[Phrase]:
    """The phrase with each (word, severity) before it: ("trace", "minimal"), ("", None)."""
    for word, severity in words:
        yield replace(phrase, grade=word, severity=severity)
