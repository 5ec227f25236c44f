"""Sentences about two findings: companions, differentials, one thing without another."""

from collections.abc import Iterator
from dataclasses import replace

from cxr_edge.indexes.corpora.grammar.meaning import Entry, Meaning, claims, combine
from cxr_edge.indexes.corpora.grammar.phrase import Phrase, graded, sentence
from cxr_edge.indexes.corpora.grammar.places import LUNG, LUNG_SIDES, NOWHERE, SIDES, placed
from cxr_edge.labels import Mention

_POSITIVE, _UNCERTAIN, _NEGATIVE = Mention.POSITIVE, Mention.UNCERTAIN, Mention.NEGATIVE
_SIZES = (("", None), ("trace", "minimal"), ("small", "small"), ("moderate", "moderate"))
_LARGE = (("large", "large"),)
_GRADES = (("", None), ("mild", "mild"), ("moderate", "moderate"), ("severe", "severe"))

_BESIDE_EFFUSION: tuple[tuple[str, tuple[tuple[str, Mention], ...]], ...] = (
    ("adjacent atelectasis", claims(_POSITIVE, "Atelectasis")),
    ("compressive atelectasis", claims(_POSITIVE, "Atelectasis")),
    ("adjacent consolidation", claims(_POSITIVE, "Consolidation")),
    ("adjacent opacity", claims(_POSITIVE, "Lung Opacity")),
    ("associated pleural thickening", claims(_POSITIVE, "Pleural Other")),
    ("possible adjacent pneumonia", claims(_UNCERTAIN, "Pneumonia")),
    ("pulmonary edema", claims(_POSITIVE, "Edema")),
    ("cardiomegaly", claims(_POSITIVE, "Cardiomegaly")),
)
_BESIDE_HEART: tuple[tuple[str, tuple[tuple[str, Mention], ...], str | None, bool], ...] = (
    ("with pulmonary edema", claims(_POSITIVE, "Edema"), None, False),
    ("with interstitial edema", claims(_POSITIVE, "Edema"), None, False),
    ("with pulmonary vascular congestion", claims(_UNCERTAIN, "Edema"), None, False),
    ("with possible pulmonary edema", claims(_UNCERTAIN, "Edema"), None, False),
    ("with a left pleural effusion", claims(_POSITIVE, "Pleural Effusion"), "left", False),
    ("with a right pleural effusion", claims(_POSITIVE, "Pleural Effusion"), "right", False),
    ("with bilateral pleural effusions", claims(_POSITIVE, "Pleural Effusion"), "bilateral", False),
    ("with pleural effusions", claims(_POSITIVE, "Pleural Effusion"), None, False),
    ("without pulmonary edema", claims(_NEGATIVE, "Edema"), None, False),
    ("without pleural effusion", claims(_NEGATIVE, "Pleural Effusion"), None, False),
    ("with clear lungs", (), None, False),
    ("with tortuosity of the aorta", (), None, True),
    ("with a cardiac pacemaker", claims(_POSITIVE, "Support Devices"), None, False),
    ("with median sternotomy wires", claims(_POSITIVE, "Support Devices"), None, False),
    ("with mediastinal widening", claims(_POSITIVE, "Enlarged Cardiomediastinum"), None, False),
)
# What an opacity may be: words and the observations they name.
_DIFFERENTIALS: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("atelectasis", ("Atelectasis",)),
    ("pneumonia", ("Pneumonia",)),
    ("consolidation", ("Consolidation",)),
    ("atelectasis or pneumonia", ("Atelectasis", "Pneumonia")),
    ("atelectasis or consolidation", ("Atelectasis", "Consolidation")),
    ("asymmetric edema", ("Edema",)),
    ("edema or pneumonia", ("Edema", "Pneumonia")),
    ("a neoplasm", ("Lung Lesion",)),
)
_ABSENT_PARTNERS = (
    ("pleural effusion", "Pleural Effusion"),
    ("pneumothorax", "Pneumothorax"),
    ("consolidation", "Consolidation"),
    ("pulmonary edema", "Edema"),
)


def _entry(
    text: str,
    phrase: Phrase,
    said: tuple[tuple[str, Mention], ...],
    rule: str,
    detail: str,
    side: str | None = None,
    abnormal: bool = False,
) -> Entry:
    sides = {phrase.side, side} - {None}
    both = "bilateral" if sides >= {"left", "right"} or "bilateral" in sides else None
    meaning = Meaning(
        said,
        both or next(iter(sides), None),
        phrase.severity,
        phrase.location,
        detail if not phrase.detail else f"{phrase.detail}, {detail}",
        abnormal,
    )
    return Entry(sentence(text), meaning, rule)


def _effusions() -> Iterator[Entry]:
    base = Phrase("pleural effusion", ("Pleural Effusion",))
    own = claims(_POSITIVE, "Pleural Effusion")
    openings = (
        "there {be} {np} with {beside}",
        "{np} with {beside}",
        "{np} {be} seen with {beside}",
    )
    turn = 0
    for place in placed(base, (NOWHERE, *SIDES), "pleural effusions"):
        for phrase in graded(place, _SIZES + _LARGE):
            for beside, other in _BESIDE_EFFUSION:
                frame = openings[turn % len(openings)]
                text = frame.format(be=phrase.verb, np=phrase.with_article(), beside=beside)
                yield _entry(text, phrase, combine(own, other), "effusion/companion", beside)
                turn += 1
            text = f"{phrase.with_article()} without pneumothorax"
            said = combine(own, claims(_NEGATIVE, "Pneumothorax"))
            yield _entry(text, phrase, said, "effusion/companion", "alone")


def _hearts() -> Iterator[Entry]:
    base = Phrase("cardiomegaly", ("Cardiomegaly",), number="mass")
    for phrase in graded(base, _GRADES):
        for turn, (beside, other, side, abnormal) in enumerate(_BESIDE_HEART):
            said = combine(claims(_POSITIVE, "Cardiomegaly"), other)
            opening = "there is " if turn % 2 else ""
            text = f"{opening}{phrase.core} {beside}"
            yield _entry(text, phrase, said, "heart/companion", beside, side, abnormal)


def _opacities() -> Iterator[Entry]:
    own = claims(_POSITIVE, "Lung Opacity")
    for kind in ("", "patchy", "hazy"):
        base = Phrase("opacity", ("Lung Opacity",), kind=kind, detail=kind)
        for phrase in placed(base, (NOWHERE, *LUNG), "opacities"):
            for may_be, names in _DIFFERENTIALS:
                said = combine(own, claims(_UNCERTAIN, *names))
                text = f"{phrase.with_article()}, which may represent {may_be}"
                yield _entry(text, phrase, said, "opacity/differential", may_be)
    base = Phrase("opacity", ("Lung Opacity",))
    for phrase in placed(base, (NOWHERE, *LUNG), "opacities"):
        for absent, name in _ABSENT_PARTNERS[:2]:
            text = f"{phrase.with_article()} without {absent}"
            said = combine(own, claims(_NEGATIVE, name))
            yield _entry(text, phrase, said, "opacity/companion", f"no {absent}")
        text = f"{phrase.with_article()} consistent with pneumonia"
        said = combine(own, claims(_POSITIVE, "Pneumonia"))
        yield _entry(text, phrase, said, "opacity/companion", "pneumonia")
        text = f"{phrase.with_article()} consistent with atelectasis"
        said = combine(own, claims(_POSITIVE, "Atelectasis"))
        yield _entry(text, phrase, said, "opacity/companion", "atelectasis")


def _consolidations() -> Iterator[Entry]:
    base = Phrase("consolidation", ("Consolidation",), number="mass")
    own = claims(_POSITIVE, "Consolidation")
    for phrase in placed(base, (NOWHERE, *LUNG, *LUNG_SIDES)):
        for text, other, detail in (
            ("consistent with pneumonia", claims(_POSITIVE, "Pneumonia"), "pneumonia"),
            ("suspicious for pneumonia", claims(_UNCERTAIN, "Pneumonia"), "pneumonia"),
            ("with air bronchograms", (), "air bronchograms"),
            ("with a small pleural effusion", claims(_POSITIVE, "Pleural Effusion"), "effusion"),
            ("without pleural effusion", claims(_NEGATIVE, "Pleural Effusion"), "no effusion"),
        ):
            severity = "small" if "small" in text else None
            yield _entry(
                f"there is {phrase.core} {text}",
                replace(phrase, severity=severity),
                combine(own, other),
                "consolidation/companion",
                detail,
            )


def _collapses() -> Iterator[Entry]:
    base = Phrase("atelectasis", ("Atelectasis",), number="mass")
    own = claims(_POSITIVE, "Atelectasis")
    for place in placed(base, (NOWHERE, *LUNG)):
        for phrase in graded(place, _GRADES[:3]):
            for absent, name in _ABSENT_PARTNERS[:3]:
                yield _entry(
                    f"{phrase.core} without {absent}",
                    phrase,
                    combine(own, claims(_NEGATIVE, name)),
                    "atelectasis/companion",
                    f"no {absent}",
                )
            yield _entry(
                f"{phrase.core} or scarring",
                phrase,
                claims(_UNCERTAIN, "Atelectasis", "Lung Opacity"),
                "atelectasis/differential",
                "scar",
            )


def _airs() -> Iterator[Entry]:
    base = Phrase("pneumothorax", ("Pneumothorax",))
    own = claims(_POSITIVE, "Pneumothorax")
    companions: tuple[tuple[str, tuple[tuple[str, Mention], ...], bool], ...] = (
        ("with mediastinal shift", (), True),
        ("without mediastinal shift", (), False),
        ("with subcutaneous emphysema", (), True),
        ("with partial lung collapse", claims(_POSITIVE, "Atelectasis"), False),
        ("with a chest tube in place", claims(_POSITIVE, "Support Devices"), False),
        ("with a pleural effusion", claims(_POSITIVE, "Pleural Effusion"), False),
        ("without pleural effusion", claims(_NEGATIVE, "Pleural Effusion"), False),
        ("without rib fracture", claims(_NEGATIVE, "Fracture"), False),
    )
    for place in placed(base, (NOWHERE, *SIDES[:2])):
        for phrase in graded(
            place, (("", None), ("small", "small"), ("moderate", "moderate"), *_LARGE)
        ):
            for beside, other, abnormal in companions:
                located = replace(phrase, location="rib") if "rib" in beside else phrase
                text = f"{phrase.with_article()} {beside}"
                said = combine(own, other)
                yield _entry(text, located, said, "pneumothorax/companion", beside, None, abnormal)


def entries() -> Iterator[Entry]:
    """All sentences of this module."""
    yield from _effusions()
    yield from _hearts()
    yield from _opacities()
    yield from _consolidations()
    yield from _collapses()
    yield from _airs()
