"""Lines, tubes, pacemakers and other hardware, with the positions of their tips."""

from collections.abc import Iterator
from dataclasses import replace

from cxr_edge.indexes.corpora.grammar.meaning import Entry, Meaning, claims, combine
from cxr_edge.indexes.corpora.grammar.phrase import Phrase, sentence, state, with_article
from cxr_edge.labels import Mention

_DEVICE = "Support Devices"
_PRESENT = claims(Mention.POSITIVE, _DEVICE)
_NO_AIR = claims(Mention.NEGATIVE, "Pneumothorax")
_LINES = (
    "internal jugular central venous catheter",
    "subclavian central venous catheter",
    "PICC",
    "chest port",
    "dialysis catheter",
)
_VEIN_TIPS = (
    "in the upper SVC",
    "in the mid SVC",
    "in the lower SVC",
    "at the cavoatrial junction",
    "in the right atrium",
    "in the brachiocephalic vein",
)
_TUBES: tuple[tuple[str, tuple[str, ...]], ...] = (
    (
        "endotracheal tube",
        (
            "above the carina",
            "at the carina",
            "in the right mainstem bronchus",
            "in the mid trachea",
        ),
    ),
    ("tracheostomy tube", ("above the carina", "in the mid trachea")),
    (
        "enteric tube",
        (
            "in the stomach",
            "below the diaphragm",
            "in the distal esophagus",
            "in the proximal duodenum",
            "at the gastroesophageal junction",
        ),
    ),
    ("feeding tube", ("in the stomach", "in the duodenum", "below the diaphragm")),
)
_PACERS: tuple[tuple[str, tuple[str, ...]], ...] = (
    (
        "pacemaker",
        (
            "in the right ventricle",
            "in the right atrium and right ventricle",
            "in the right atrium",
        ),
    ),
    ("defibrillator", ("in the right ventricle", "in the right atrium and right ventricle")),
)
_PLAIN = (
    ("support devices", "many", ""),
    ("central venous catheter", "one", "central catheter"),
    ("endotracheal tube", "one", "endotracheal tube"),
    ("tracheostomy tube", "one", "tracheostomy"),
    ("enteric tube", "one", "enteric tube"),
    ("chest tube", "one", "chest tube"),
    ("cardiac pacemaker", "one", "pacemaker"),
    ("implantable defibrillator", "one", "defibrillator"),
    ("median sternotomy wires", "many", "sternotomy wires"),
    ("prosthetic heart valve", "one", "valve"),
    ("spinal fixation hardware", "mass", "hardware"),
    ("monitoring leads", "many", "leads"),
    ("coronary stent", "one", "stent"),
)

_DOUBTED = ("possible {core}", "{np} may be present", "questionable {core}")
_ABSENT = ("no {core}", "there {be} no {core}", "no {core} {be} seen")


def _side_of_tip(tip: str, side: str | None) -> str | None:
    if "right" in tip:
        return "bilateral" if side == "left" else "right"
    return side


def _veins() -> Iterator[Entry]:
    for line in _LINES:
        for side in ("left", "right"):
            subject = with_article(f"{side} {line}")
            # The veins named with the line are places too.
            named = "jugular" in line or "subclavian" in line
            yield Entry(
                sentence(f"{subject} is present"),
                Meaning(_PRESENT, side, location="vein" if named else None, detail=line),
                "device/line",
            )
            for tip in _VEIN_TIPS:
                meaning = Meaning(
                    _PRESENT, _side_of_tip(tip, side), location=f"{side} {tip}", detail=line
                )
                yield Entry(sentence(f"{subject} terminates {tip}"), meaning, "device/line")
                yield Entry(
                    sentence(f"{subject} is present with its tip {tip}"), meaning, "device/line"
                )
                yield Entry(
                    sentence(f"{subject} terminates {tip}, and there is no pneumothorax"),
                    Meaning(
                        combine(_PRESENT, _NO_AIR),
                        meaning.side,
                        location=meaning.location,
                        detail=line,
                    ),
                    "device/line",
                )
                yield Entry(
                    sentence(f"{subject} probably terminates {tip}"),
                    replace(meaning, detail=f"{line}, tip in doubt"),
                    "device/line",
                )


def _tubes() -> Iterator[Entry]:
    for tube, tips in _TUBES:
        for tip in tips:
            meaning = Meaning(
                _PRESENT,
                "right" if "right" in tip else None,
                location=tip,
                detail=tube,
            )
            subject = with_article(tube)
            yield Entry(sentence(f"{subject} terminates {tip}"), meaning, "device/tube")
            yield Entry(sentence(f"the tip of the {tube} is {tip}"), meaning, "device/tube")
    for side in ("left", "right"):
        for where in ("", "apical", "basilar", "pigtail"):
            noun = "pleural catheter" if where == "pigtail" else "chest tube"
            core = " ".join(f"{side} {where} {noun}".split())
            base = Meaning(
                _PRESENT,
                side,
                location=where if where in ("apical", "basilar") else None,
                detail=core,
            )
            yield Entry(sentence(f"{with_article(core)} is in place"), base, "device/tube")
            for air, severity in (("", None), ("small", "small"), ("moderate", "moderate")):
                said = combine(_PRESENT, claims(Mention.POSITIVE, "Pneumothorax"))
                size = with_article(f"{air} pneumothorax".strip())
                yield Entry(
                    sentence(f"{with_article(core)} is in place with {size}"),
                    Meaning(said, side, severity, base.location, core),
                    "device/tube",
                )
                fluid = with_article(f"{air} pleural effusion".strip())
                yield Entry(
                    sentence(f"{with_article(core)} is in place with {fluid}"),
                    Meaning(
                        combine(_PRESENT, claims(Mention.POSITIVE, "Pleural Effusion")),
                        side,
                        severity,
                        base.location,
                        core,
                    ),
                    "device/tube",
                )
            for absent in ("Pneumothorax", "Pleural Effusion"):
                yield Entry(
                    sentence(f"{with_article(core)} is in place without {absent.lower()}"),
                    Meaning(
                        combine(_PRESENT, claims(Mention.NEGATIVE, absent)),
                        side,
                        location=base.location,
                        detail=core,
                    ),
                    "device/tube",
                )


def _pacers() -> Iterator[Entry]:
    for device, leads in _PACERS:
        for side in ("left", "right"):
            subject = with_article(f"{side} chest wall {device}")
            base = Meaning(_PRESENT, side, location="chest wall", detail=device)
            yield Entry(sentence(f"{subject} is present"), base, "device/pacer")
            for tip in leads:
                noun = "leads" if " and " in tip else "a lead"
                yield Entry(
                    sentence(f"{subject} is present with {noun} {tip}"),
                    Meaning(
                        _PRESENT, _side_of_tip(tip, side), location=tip, detail=f"{side} {device}"
                    ),
                    "device/pacer",
                )
    for valve in ("aortic", "mitral", "tricuspid"):
        yield Entry(
            sentence(f"a prosthetic {valve} valve is present"),
            Meaning(_PRESENT, detail=f"{valve} valve"),
            "device/valve",
        )
    for level in ("cervical", "thoracic", "lumbar"):
        yield Entry(
            sentence(f"{level} spine fixation hardware is present"),
            Meaning(_PRESENT, location=level, detail="hardware"),
            "device/hardware",
        )


def entries() -> Iterator[Entry]:
    """All sentences of this module."""
    plain = [
        Phrase(core, (_DEVICE,), number=number, detail=detail) for core, number, detail in _PLAIN
    ]
    yield from state(plain, Mention.POSITIVE, "device/positive", wordings=3)
    yield from state(plain[:1], Mention.UNCERTAIN, "device/uncertain")
    yield from state(plain[1:], Mention.UNCERTAIN, "device/uncertain", 2, _DOUBTED)
    yield from state(plain[:1], Mention.NEGATIVE, "device/negative")
    yield from state(plain[1:8], Mention.NEGATIVE, "device/negative", 2, _ABSENT)
    lines = Phrase("lines or tubes", (_DEVICE,), number="many")
    yield from state((lines,), Mention.NEGATIVE, "device/negative")
    yield from _veins()
    yield from _tubes()
    yield from _pacers()
