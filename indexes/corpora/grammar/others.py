"""Abnormalities outside the fourteen: they have no label, and rule out *No Finding*."""

from collections.abc import Iterator
from dataclasses import replace

from cxr_edge.indexes.corpora.grammar.meaning import Entry
from cxr_edge.indexes.corpora.grammar.phrase import Phrase, graded, state
from cxr_edge.indexes.corpora.grammar.places import (
    APICES,
    LOBES,
    NOWHERE,
    SIDES,
    ZONES,
    Place,
    placed,
)
from cxr_edge.labels import Mention

_MILD = (("", None), ("mild", "mild"), ("moderate", "moderate"))
_WIDE = (
    ("", None),
    ("minimal", "minimal"),
    ("mild", "mild"),
    ("moderate", "moderate"),
    ("severe", "severe"),
)
_SIZES = (("", None), ("small", "small"), ("moderate", "moderate"), ("large", "large"))

_GRADED: tuple[tuple[str, str, tuple[tuple[str, str | None], ...]], ...] = (
    ("hyperinflation of the lungs", "mass", _WIDE),
    ("emphysema", "mass", _WIDE),
    ("tortuosity of the thoracic aorta", "mass", _MILD),
    ("ectasia of the aorta", "mass", _MILD),
    ("atherosclerotic calcification of the aorta", "mass", _MILD),
    ("flattening of the hemidiaphragms", "mass", _MILD),
    ("thoracic kyphosis", "mass", _MILD),
    ("osteopenia", "mass", _MILD),
    ("peribronchial cuffing", "mass", _MILD),
    ("bronchovascular crowding", "mass", _MILD),
    ("dilatation of the pulmonary artery", "mass", _MILD),
    ("cephalization of the pulmonary vessels", "mass", _MILD),
    ("pectus excavatum deformity", "one", _MILD),
    ("hiatal hernia", "one", _SIZES),
    ("pericardial effusion", "one", _SIZES),
    ("pneumoperitoneum", "mass", _SIZES),
    ("pneumomediastinum", "mass", _SIZES),
)
_SPINE = ("cervical", "thoracic", "lumbar", "thoracolumbar")
# Names that contain a place.
_PLACED_NAMES = ("thoracic kyphosis", "pericardial")


def _named() -> Iterator[Phrase]:
    for core, number, grades in _GRADED:
        place = core if any(word in core for word in _PLACED_NAMES) else None
        yield from graded(Phrase(core, (), number=number, location=place, detail=core), grades)
    low = Phrase("low lung volumes", (), number="many", detail="low volumes")
    yield low
    yield Phrase("chronic obstructive pulmonary disease", (), number="mass", detail="obstructive")
    for side in ("left", "right"):
        yield Phrase(
            f"{side}ward tracheal deviation", (), number="mass", side=side, detail="trachea"
        )
        yield Phrase(f"{side}ward mediastinal shift", (), side=side, detail="shift")


def _spine() -> Iterator[Phrase]:
    for level in _SPINE:
        spine = Phrase(
            f"degenerative changes of the {level} spine",
            (),
            number="many",
            location=level,
            detail="degeneration",
        )
        yield from graded(spine, _WIDE)
        yield from graded(
            replace(spine, noun=f"osteophytes of the {level} spine", detail="osteophytes"),
            (("", None), ("small", "small")),
        )
    bent = Phrase("scoliosis", (), number="mass", detail="scoliosis")
    yield from graded(bent, _WIDE)
    for side in ("left", "right"):
        curve = Phrase(
            f"{side}ward curvature of the thoracic spine",
            (),
            side=side,
            location="thoracic",
            detail="curve",
        )
        yield replace(curve)
        yield from graded(curve, _MILD[1:])


def _sided() -> Iterator[Phrase]:
    angle = (
        ("left", "left"),
        ("right", "right"),
        ("bilateral", "bilateral"),
    )
    for word, side in angle:
        for where in ("costophrenic", "posterior costophrenic", "lateral costophrenic"):
            noun = "angles" if side == "bilateral" else "angle"
            blunt = Phrase(
                f"blunting of {'both' if side == 'bilateral' else f'the {word}'} {where} {noun}",
                (),
                number="mass",
                side=side,
                location=where,
                detail="blunting",
            )
            yield from graded(blunt, _WIDE[:4])
    for half in SIDES[:2]:
        for core, number in (
            (f"elevation of the {half.adjective} hemidiaphragm", "mass"),
            (f"eventration of the {half.adjective} hemidiaphragm", "mass"),
            (f"{half.adjective} subcutaneous emphysema", "mass"),
            (f"volume loss in the {half.adjective} lung", "mass"),
            (f"hyperlucency of the {half.adjective} lung", "mass"),
        ):
            detail = core.replace(half.adjective, "").replace("  ", " ")
            yield from graded(Phrase(core, (), number=number, side=half.side, detail=detail), _MILD)
    for word, side in angle:
        yield Phrase(
            f"{word} hilar adenopathy",
            (),
            number="mass",
            side=side,
            location="hilum",
            detail="adenopathy",
        )
        yield Phrase(
            f"calcified {word} hilar lymph nodes",
            (),
            number="many",
            side=side,
            location="hilum",
            detail="calcified nodes",
        )


def _lung() -> Iterator[Phrase]:
    places: tuple[Place, ...] = (*LOBES, *ZONES[:2], *APICES[:2])
    for core, detail in (
        ("calcified granuloma", "granuloma"),
        ("calcified nodule", "calcified nodule"),
        ("bulla", "bulla"),
    ):
        phrase = Phrase(core, (), detail=detail)
        for place in placed(phrase, (NOWHERE, *places), behind=True):
            yield from graded(place, _SIZES[:2])
    for core in ("bronchiectasis", "emphysema", "volume loss"):
        phrase = Phrase(core, (), number="mass", detail=core)
        chosen = (NOWHERE, *places) if core == "bronchiectasis" else places
        yield from placed(phrase, chosen, behind=True)


def entries() -> Iterator[Entry]:
    """All sentences of this module."""
    found = (*_named(), *_spine(), *_sided(), *_lung())
    yield from state(found, Mention.POSITIVE, "other/positive", wordings=2)
    doubted = [phrase for phrase in found if phrase.severity in (None, "small", "mild")]
    yield from state(doubted, Mention.UNCERTAIN, "other/uncertain")
