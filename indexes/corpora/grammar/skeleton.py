"""Fractures."""

from collections.abc import Iterator
from dataclasses import replace

from cxr_edge.indexes.corpora.grammar.meaning import Entry
from cxr_edge.indexes.corpora.grammar.phrase import Phrase, graded, state
from cxr_edge.labels import Mention

_STATES = ("", "acute", "healed", "old", "displaced", "nondisplaced")
_ASPECTS = ("", "lateral", "posterior", "anterior", "upper", "lower")
_LEVELS = ("thoracic", "upper thoracic", "midthoracic", "lower thoracic", "upper lumbar")
_GRADES = (("", None), ("mild", "mild"), ("moderate", "moderate"), ("severe", "severe"))


def _ribs() -> Iterator[Phrase]:
    for side in ("left", "right"):
        for aspect in _ASPECTS:
            for age in _STATES:
                core = " ".join(f"{age} {side} {aspect} rib".split())
                one = Phrase(
                    f"{core} fracture",
                    ("Fracture",),
                    side=side,
                    location=f"{aspect} rib".strip(),
                    detail=age,
                )
                yield one
                if aspect in ("", "lateral", "posterior") and age != "old":
                    yield replace(
                        one,
                        noun=f"multiple {core} fractures",
                        number="many",
                        detail=f"several {age}".strip(),
                    )
    for age in _STATES:
        yield Phrase(
            f"bilateral {age} rib fractures".replace("  ", " "),
            ("Fracture",),
            number="many",
            side="bilateral",
            location="rib",
            detail=age,
        )
        yield Phrase(f"{age} rib fracture".strip(), ("Fracture",), location="rib", detail=age)


def _girdle() -> Iterator[Phrase]:
    for side in ("left", "right"):
        for bone, parts in (
            ("clavicle", ("", "distal", "midshaft", "medial")),
            ("proximal humerus", ("",)),
            ("scapula", ("",)),
        ):
            for part in parts:
                for age in _STATES:
                    where = f"{part} {bone}".strip()
                    core = " ".join(f"{age} {side} {where} fracture".split())
                    yield Phrase(core, ("Fracture",), side=side, location=where, detail=age)


def _vertebrae() -> Iterator[Phrase]:
    for level in _LEVELS:
        for age in ("", "chronic", "acute"):
            core = f"{age} {level} vertebral compression fracture".strip()
            phrase = Phrase(core, ("Fracture",), location=f"{level} vertebra", detail=age)
            yield from graded(phrase, _GRADES)
    yield Phrase("vertebral compression fracture", ("Fracture",), location="vertebra")


def entries() -> Iterator[Entry]:
    """All sentences of this module."""
    plain = Phrase("fracture", ("Fracture",))
    found = (plain, replace(plain, noun="displaced fracture", detail="displaced"))
    bones = (*found, *_ribs(), *_girdle(), *_vertebrae())
    yield from state(bones, Mention.POSITIVE, "fracture/positive", wordings=1)
    doubted = [phrase for phrase in bones if phrase.detail in ("", "acute", "several")]
    yield from state(doubted, Mention.UNCERTAIN, "fracture/uncertain")
    absent = [
        plain,
        replace(plain, noun="acute fracture", detail="acute"),
        replace(plain, noun="displaced rib fracture", location="rib", detail="displaced"),
        replace(plain, noun="rib fracture", location="rib"),
        replace(plain, noun="vertebral compression fracture", location="vertebra"),
        replace(plain, noun="left rib fracture", location="rib", side="left"),
        replace(plain, noun="right rib fracture", location="rib", side="right"),
        replace(plain, noun="clavicle fracture", location="clavicle"),
    ]
    yield from state(absent, Mention.NEGATIVE, "fracture/negative", wordings=2)
