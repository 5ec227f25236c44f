"""Heart, mediastinum and great vessels."""

from collections.abc import Iterator
from dataclasses import replace

from cxr_edge.indexes.corpora.grammar.meaning import Entry, Meaning, claims
from cxr_edge.indexes.corpora.grammar.phrase import Phrase, graded, sentence, state
from cxr_edge.labels import Mention

_BOTH = ("Cardiomegaly", "Enlarged Cardiomediastinum")
_GRADES = (("", None), ("minimal", "minimal"), ("mild", "mild"), ("moderate", "moderate"))
_SEVERE = (("severe", "severe"),)
_ADVERBS = (
    ("", None),
    ("minimally", "minimal"),
    ("mildly", "mild"),
    ("moderately", "moderate"),
    ("markedly", "severe"),
)
_SUBJECTS: tuple[tuple[str, str, tuple[str, ...], str], ...] = (
    ("the heart", "is", ("Cardiomegaly",), ""),
    ("the heart size", "is", ("Cardiomegaly",), ""),
    ("the cardiac silhouette", "is", ("Cardiomegaly",), ""),
    ("the cardiomediastinal silhouette", "is", _BOTH, ""),
    ("the mediastinum", "is", ("Enlarged Cardiomediastinum",), ""),
    ("the superior mediastinum", "is", ("Enlarged Cardiomediastinum",), "superior"),
    ("the heart and mediastinum", "are", _BOTH, ""),
)
_NORMAL = (
    "{subject} {be} normal",
    "{subject} {be} within normal limits",
    "{subject} {be} unremarkable",
)
_BORDER = (
    "{subject} {be} borderline enlarged",
    "{subject} {be} at the upper limits of normal",
    "{subject} {be} prominent",
    "{subject} may be enlarged",
)


def _location(part: str) -> str | None:
    return part or None


def _judged() -> Iterator[Entry]:
    """Sentences that judge the size of a part."""
    for subject, be, names, part in _SUBJECTS:
        grown = "widened" if names == ("Enlarged Cardiomediastinum",) else "enlarged"
        for adverb, severity in _ADVERBS:
            yield Entry(
                sentence(f"{subject} {be} {adverb} {grown}"),
                Meaning(claims(Mention.POSITIVE, *names), None, severity, _location(part)),
                "heart/positive",
            )
        for value, frames in ((Mention.NEGATIVE, _NORMAL), (Mention.UNCERTAIN, _BORDER)):
            for frame in frames:
                text = frame.format(subject=subject, be=be).replace(
                    "enlarged", grown if "borderline" not in frame else "enlarged"
                )
                yield Entry(
                    sentence(text),
                    Meaning(claims(value, *names), location=_location(part)),
                    f"heart/{value.name.lower()}",
                )
    for subject, be, names, _part in _SUBJECTS[:5]:
        grown = "widened" if names == ("Enlarged Cardiomediastinum",) else "enlarged"
        yield Entry(
            sentence(f"{subject} {be} not {grown}"),
            Meaning(claims(Mention.NEGATIVE, *names)),
            "heart/negative",
        )


def _named() -> Iterator[Entry]:
    """Sentences that name the finding."""
    big = Phrase("cardiomegaly", ("Cardiomegaly",), number="mass")
    chambers = [
        Phrase(
            f"{core} enlargement",
            ("Cardiomegaly",),
            number="mass",
            detail=core,
            side=side,
            location=location,
        )
        for core, side, location in (
            ("left ventricular", "left", "ventricle"),
            ("right ventricular", "right", "ventricle"),
            ("left atrial", "left", "atrium"),
            ("right atrial", "right", "atrium"),
            ("biventricular", None, None),
        )
    ]
    wide = Phrase("mediastinal widening", ("Enlarged Cardiomediastinum",), number="mass")
    both = Phrase("enlarged cardiomediastinal silhouette", _BOTH)
    shadow = Phrase("enlarged cardiac silhouette", ("Cardiomegaly",))
    for phrases in (
        tuple(graded(big, _GRADES + _SEVERE)),
        tuple(grade for chamber in chambers for grade in graded(chamber, _GRADES)),
        tuple(graded(wide, _GRADES + _SEVERE)),
        (both, shadow),
    ):
        yield from state(phrases, Mention.POSITIVE, "heart/positive", wordings=2)
        yield from state(phrases, Mention.UNCERTAIN, "heart/uncertain")
    yield from state((big, wide), Mention.NEGATIVE, "heart/negative", wordings=4)
    yield from state(
        (replace(big, noun="cardiac enlargement"),), Mention.NEGATIVE, "heart/negative", wordings=2
    )


def entries() -> Iterator[Entry]:
    """All sentences of this module."""
    yield from _judged()
    yield from _named()
