"""Effusion, pneumothorax and the rest of the pleura."""

from collections.abc import Iterator
from dataclasses import replace

from cxr_edge.indexes.corpora.grammar.meaning import Entry
from cxr_edge.indexes.corpora.grammar.phrase import Phrase, graded, state
from cxr_edge.indexes.corpora.grammar.places import APICES, NOWHERE, SIDES, Place, placed
from cxr_edge.labels import Mention

_EFFUSION = Phrase("pleural effusion", ("Pleural Effusion",))
_PNEUMOTHORAX = Phrase("pneumothorax", ("Pneumothorax",))
_FLUID_SIZES = (("", None), ("trace", "minimal"), ("small", "small"), ("moderate", "moderate"))
_AIR_SIZES = (("", None), ("tiny", "minimal"), ("small", "small"), ("moderate", "moderate"))
_LARGE = (("large", "large"),)
_EVERYWHERE = (NOWHERE, *SIDES)
_ONE_SIDE = SIDES[:2]
_AIR_PLACES = (
    *APICES[:2],
    Place("left basilar", "at the left base", "left", "base"),
    Place("right basilar", "at the right base", "right", "base"),
    Place("left lateral", "along the left lateral chest wall", "left", "lateral"),
    Place("right lateral", "along the right lateral chest wall", "right", "lateral"),
)
_FISSURES = (
    Place("", "in the right minor fissure", "right", "minor fissure"),
    Place("", "in the right major fissure", "right", "major fissure"),
    Place("", "in the left major fissure", "left", "major fissure"),
    Place("", "in the fissures", None, "fissures"),
)


def effusions() -> Iterator[Phrase]:
    """Every effusion without a companion."""
    for place in placed(_EFFUSION, _EVERYWHERE, "pleural effusions"):
        yield from graded(place, _FLUID_SIZES + _LARGE)
    for kind in ("layering", "loculated"):
        phrase = replace(_EFFUSION, kind=kind, detail=kind)
        for place in placed(phrase, _EVERYWHERE, "pleural effusions"):
            yield from graded(place, _FLUID_SIZES[:1] + _FLUID_SIZES[2:] + _LARGE)
    phrase = replace(_EFFUSION, noun="subpulmonic effusion")
    for place in placed(phrase, (NOWHERE, *_ONE_SIDE)):
        yield from graded(
            replace(place, location="subpulmonic"), _FLUID_SIZES[:1] + _FLUID_SIZES[2:]
        )
    fluid = replace(_EFFUSION, noun="pleural fluid", number="mass", detail="fissural")
    for place in placed(fluid, _FISSURES, behind=True):
        yield from graded(place, (("", None), ("minimal", "minimal"), ("small-volume", "small")))


def pneumothoraces() -> Iterator[Phrase]:
    """Every pneumothorax without a companion."""
    for place in placed(_PNEUMOTHORAX, _EVERYWHERE, "pneumothoraces"):
        yield from graded(place, _AIR_SIZES + _LARGE)
    for place in placed(_PNEUMOTHORAX, _AIR_PLACES):
        yield from graded(place, _AIR_SIZES)
    tension = replace(_PNEUMOTHORAX, noun="tension pneumothorax", detail="tension")
    yield from placed(tension, (NOWHERE, *_ONE_SIDE))
    mixed = Phrase("hydropneumothorax", ("Pneumothorax", "Pleural Effusion"), detail="fluid level")
    for place in placed(mixed, (NOWHERE, *_ONE_SIDE)):
        yield from graded(place, _AIR_SIZES[:1] + _AIR_SIZES[2:] + _LARGE)


def thickenings() -> Iterator[Phrase]:
    """Pleural thickening, scars and plaques."""
    grades = (("", None), ("minimal", "minimal"), ("mild", "mild"), ("moderate", "moderate"))
    thick = Phrase("pleural thickening", ("Pleural Other",), number="mass")
    lateral = (
        Place("left lateral", "", "left", "lateral"),
        Place("right lateral", "", "right", "lateral"),
        Place("left basilar", "", "left", "base"),
        Place("right basilar", "", "right", "base"),
    )
    for place in placed(thick, (*_EVERYWHERE, *APICES, *lateral)):
        yield from graded(place, grades)
    for core, detail, number in (
        ("pleural scarring", "scar", "mass"),
        ("pleural plaques", "plaques", "many"),
        ("calcified pleural plaques", "calcified plaques", "many"),
        ("fibrothorax", "fibrothorax", "one"),
        ("pleural calcification", "calcification", "mass"),
    ):
        phrase = Phrase(core, ("Pleural Other",), number=number, detail=detail)
        yield from placed(phrase, _EVERYWHERE if detail != "fibrothorax" else _EVERYWHERE[:3])
    cap = Phrase("apical capping", ("Pleural Other",), number="mass", detail="cap", location="apex")
    for side in SIDES:
        yield replace(cap, where=side.adjective, side=side.side)
    for grade in ("pleural scarring", "pleuroparenchymal scarring"):
        phrase = Phrase(grade, ("Pleural Other",), number="mass", detail=grade)
        for place in placed(phrase, APICES):
            yield from graded(place, grades[:3])


def entries() -> Iterator[Entry]:
    """All sentences of this module."""
    for rule, phrases in (
        ("effusion", tuple(effusions())),
        ("pneumothorax", tuple(pneumothoraces())),
        ("pleura", tuple(thickenings())),
    ):
        yield from state(phrases, Mention.POSITIVE, f"{rule}/positive", wordings=2)
        yield from state(phrases, Mention.UNCERTAIN, f"{rule}/uncertain")
    plain = (
        _EFFUSION,
        replace(_PNEUMOTHORAX),
        Phrase("pleural thickening", ("Pleural Other",), number="mass"),
    )
    yield from state(plain, Mention.NEGATIVE, "pleura/negative", wordings=5)
    absent = [
        *placed(_EFFUSION, SIDES, "pleural effusions"),
        *graded(_EFFUSION, (("large", "large"),)),
        *placed(_PNEUMOTHORAX, (*SIDES, *APICES[:2])),
        *graded(_PNEUMOTHORAX, (("large", "large"),)),
    ]
    yield from state(absent, Mention.NEGATIVE, "pleura/negative", wordings=2)
