"""Opacity, consolidation, pneumonia, atelectasis, edema and lesions of the lung."""

from collections.abc import Iterator
from dataclasses import replace

from cxr_edge.indexes.corpora.grammar.meaning import Entry
from cxr_edge.indexes.corpora.grammar.phrase import Phrase, graded, state
from cxr_edge.indexes.corpora.grammar.places import (
    APICES,
    HILA,
    LOBES,
    LUNG,
    LUNG_SIDES,
    NOWHERE,
    SIDES,
    ZONES,
    Place,
    placed,
)
from cxr_edge.labels import Mention

_GRADES = (("", None), ("minimal", "minimal"), ("mild", "mild"), ("moderate", "moderate"))
_SEVERE = (("severe", "severe"),)
_ANYWHERE = (NOWHERE, *LUNG)
_LESION_PLACES = (*LOBES, *APICES[:2], *ZONES[:2], *ZONES[3:5], *LUNG_SIDES[:2])
_DIFFUSE = Place("diffuse", "diffusely", None, "diffuse", many=True)


def opacities() -> Iterator[Phrase]:
    """Opacities by kind and place, and those with a grade."""
    opacity = Phrase("opacity", ("Lung Opacity",))
    yield from placed(opacity, _ANYWHERE, "opacities")
    for kind in ("patchy", "hazy", "streaky", "linear"):
        yield from placed(replace(opacity, kind=kind, detail=kind), _ANYWHERE, "opacities")
    for kind in ("airspace", "ground-glass", "interstitial"):
        phrase = replace(opacity, noun=f"{kind} opacity", detail=kind)
        yield from placed(phrase, _ANYWHERE, f"{kind} opacities")
    for kind in ("interstitial", "airspace", "reticular", "ground-glass"):
        phrase = replace(opacity, noun=f"{kind} opacity", detail=kind)
        for place in placed(phrase, (_DIFFUSE, SIDES[2]), f"{kind} opacities"):
            yield from graded(place, _GRADES)
    for core, detail in (
        ("airspace disease", "airspace disease"),
        ("scarring", "scar"),
        ("infiltrate", "infiltrate"),
    ):
        number = "one" if core == "infiltrate" else "mass"
        phrase = Phrase(core, ("Lung Opacity",), number=number, detail=detail)
        plural = "infiltrates" if core == "infiltrate" else ""
        for place in placed(phrase, (*LUNG, *LUNG_SIDES, *APICES), plural):
            yield from graded(place, _GRADES if core != "infiltrate" else _GRADES[:3])
    thick = Phrase("peribronchial thickening", ("Lung Opacity",), number="mass", detail="bronchial")
    yield from graded(thick, _GRADES)


def consolidations() -> Iterator[Phrase]:
    """Consolidation by kind and place."""
    solid = Phrase("consolidation", ("Consolidation",), number="mass")
    yield from placed(solid, (NOWHERE, *LUNG_SIDES))
    for place in placed(solid, LUNG):
        yield from graded(place, (*_GRADES[:1], _GRADES[2], ("extensive", "large")))
    for kind in ("patchy", "dense", "confluent"):
        phrase = replace(solid, kind=kind, detail=kind)
        yield from placed(phrase, _ANYWHERE, behind=True)


def pneumonias() -> Iterator[Phrase]:
    """Pneumonia by place."""
    one = Phrase("pneumonia", ("Pneumonia",), number="mass")
    yield from placed(one, (NOWHERE, *LUNG, *LUNG_SIDES))
    yield replace(one, noun="multifocal pneumonia", location="multifocal")
    yield replace(
        one, noun="bilateral multifocal pneumonia", location="multifocal", side="bilateral"
    )
    yield from placed(
        replace(one, noun="bronchopneumonia", detail="broncho"),
        (NOWHERE, *LUNG_SIDES, *LOBES),
        behind=True,
    )


def collapses() -> Iterator[Phrase]:
    """Atelectasis by kind and place, and collapse of a lobe or lung."""
    collapse = Phrase("atelectasis", ("Atelectasis",), number="mass")
    yield from graded(collapse, _GRADES + _SEVERE)
    for place in placed(collapse, (*LUNG, *LUNG_SIDES)):
        yield from graded(place, _GRADES)
    for kind in ("linear", "discoid", "subsegmental", "bandlike"):
        phrase = replace(collapse, kind=kind, detail=kind)
        yield from placed(phrase, _ANYWHERE, behind=True)
    for lobe in LOBES:
        if lobe.location == "lingula":
            continue
        yield Phrase(
            f"{lobe.adjective} collapse",
            ("Atelectasis",),
            number="mass",
            side=lobe.side,
            location=lobe.location,
            detail="collapse",
        )
    for side in SIDES[:2]:
        yield Phrase(
            f"{side.adjective} lung collapse",
            ("Atelectasis",),
            number="mass",
            side=side.side,
            detail="collapse",
        )


def edemas() -> Iterator[Phrase]:
    """Edema by kind; signs of it, whose label is uncertain."""
    for core, detail in (
        ("pulmonary edema", ""),
        ("interstitial edema", "interstitial"),
        ("alveolar edema", "alveolar"),
    ):
        wet = Phrase(core, ("Edema",), number="mass", detail=detail)
        yield from graded(wet, _GRADES + _SEVERE)
        places = (HILA[2], ZONES[2], SIDES[2], replace(_DIFFUSE, many=False), *HILA[:2])
        for place in placed(wet, places):
            yield from graded(place, _GRADES[:1] + _GRADES[2:] if detail == "" else _GRADES[:1])
    for core, number in (
        ("pulmonary vascular congestion", "mass"),
        ("vascular engorgement", "mass"),
        ("Kerley B lines", "many"),
        ("septal thickening", "mass"),
    ):
        sign = Phrase(core, ("Edema",), number=number, detail=core, sign=True)
        yield from graded(sign, _GRADES if number == "mass" else _GRADES[:1])
        yield from placed(sign, (ZONES[2], SIDES[2]))


def lesions() -> Iterator[Phrase]:
    """Nodules, masses and cavities by lobe and size class."""
    sizes = (("", None), ("tiny", "minimal"), ("small", "small"), ("large", "large"))
    nodule = Phrase("pulmonary nodule", ("Lung Lesion",), detail="nodule")
    mass = Phrase("lung mass", ("Lung Lesion",), detail="mass")
    for base, core, chosen in (
        (nodule, "nodule", sizes[:3]),
        (mass, "mass", (sizes[0], *sizes[2:])),
    ):
        yield from graded(replace(base, detail=""), sizes[:1])
        yield from graded(base, chosen[1:])
        for place in placed(replace(base, noun=core), _LESION_PLACES, behind=True):
            yield from graded(place, chosen)
    for kind in ("well-defined nodule", "ill-defined nodule", "spiculated mass", "cavitary lesion"):
        yield from placed(Phrase(kind, ("Lung Lesion",), detail=kind), _LESION_PLACES, behind=True)
    round_one = Phrase("nodular opacity", ("Lung Lesion", "Lung Opacity"), detail="nodular opacity")
    yield from placed(round_one, _LESION_PLACES, behind=True)
    hilar = Phrase("hilar mass", ("Lung Lesion",), detail="mass", location="hilum")
    for side in SIDES[:2]:
        yield replace(hilar, where=side.adjective, side=side.side)
    many = Phrase("pulmonary nodules", ("Lung Lesion",), number="many", detail="several")
    for core in ("multiple pulmonary nodules", "multiple small pulmonary nodules"):
        severity = "small" if "small" in core else None
        yield replace(many, noun=core, severity=severity)
        for side in SIDES[:2]:
            yield replace(
                many,
                noun=f"{core.replace('pulmonary ', '')} in the {side.side} lung",
                side=side.side,
                severity=severity,
            )
    yield replace(many, noun="bilateral pulmonary nodules", side="bilateral")
    yield replace(many, noun="scattered pulmonary nodules", location="scattered")


_GROUPS = (
    ("opacity", opacities, 2),
    ("consolidation", consolidations, 2),
    ("pneumonia", pneumonias, 2),
    ("atelectasis", collapses, 2),
    ("edema", edemas, 2),
    ("lesion", lesions, 2),
)
_DOUBTED_SEVERITIES = (None, "small", "mild")


def entries() -> Iterator[Entry]:
    """All sentences of this module."""
    for rule, phrases, wordings in _GROUPS:
        found = tuple(phrases())
        yield from state(found, Mention.POSITIVE, f"{rule}/positive", wordings=wordings)
        doubted = [phrase for phrase in found if phrase.severity in _DOUBTED_SEVERITIES]
        yield from state(doubted, Mention.UNCERTAIN, f"{rule}/uncertain")
    yield from state(_absent(), Mention.NEGATIVE, "lungs/negative", wordings=3)


def _absent() -> Iterator[Phrase]:
    for core, name, number in (
        ("focal opacity", "Lung Opacity", "one"),
        ("airspace disease", "Lung Opacity", "mass"),
        ("infiltrates", "Lung Opacity", "many"),
        ("focal consolidation", "Consolidation", "mass"),
        ("pneumonia", "Pneumonia", "mass"),
        ("atelectasis", "Atelectasis", "mass"),
        ("pulmonary edema", "Edema", "mass"),
        ("pulmonary vascular congestion", "Edema", "mass"),
        ("pulmonary nodules", "Lung Lesion", "many"),
        ("lung mass", "Lung Lesion", "one"),
        ("suspicious pulmonary nodules", "Lung Lesion", "many"),
    ):
        yield Phrase(core, (name,), number=number)
    for side in SIDES[:2]:
        for core, name, number in (
            ("opacity", "Lung Opacity", "one"),
            ("consolidation", "Consolidation", "mass"),
            ("nodules", "Lung Lesion", "many"),
        ):
            yield Phrase(core, (name,), f"in the {side.side} lung", number, side=side.side)
