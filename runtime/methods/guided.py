"""Guided selection: the observation probabilities decide what a draft may say, the index how.

Retrieval alone is free to assert whatever stands near the picture. Here an observation is asserted
only when its probability passes the gate that was tuned on ``valid``, denied only when it is below
the clear line, and passed over in between; a muted observation is neither asserted nor denied, and
the draft says so. Among the sentences that say exactly what is allowed, the best-scoring is taken.
A draft cannot contradict itself: what is asserted, and whatever contains it, is never denied.
"""

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from cxr_edge.indexes.container import SECTION_NAMES
from cxr_edge.labels import NO_FINDING, OBSERVATIONS, SUPPORT_DEVICES, Mention
from cxr_edge.methods.base import MethodInput
from cxr_edge.types import Attribute, Draft, Hit

_AT = {name: number for number, name in enumerate(OBSERVATIONS)}

# CheXpert's hierarchy (Irvin et al., AAAI 2019, figure 1): who asserts the first cannot deny the
# second. "The lungs are clear" denies Lung Opacity, so it does not stand beside an atelectasis.
_CONTAINED_IN = {
    _AT["Cardiomegaly"]: ("Enlarged Cardiomediastinum",),
    _AT["Lung Lesion"]: ("Lung Opacity",),
    _AT["Edema"]: ("Lung Opacity",),
    _AT["Consolidation"]: ("Lung Opacity",),
    _AT["Pneumonia"]: ("Consolidation", "Lung Opacity"),
    _AT["Atelectasis"]: ("Lung Opacity",),
}

UNNAMED = "The radiograph appears abnormal; the abnormality is not characterized by this model."


def compose(given: MethodInput) -> Draft:
    """Compose a draft from allowed sentences only; ``k`` is not used."""
    given.require_unit("guided", "sentence")
    gates, probabilities = given.bundle.gates, given.encoding.probabilities
    asserted = [
        number
        for number in _by_confidence(given)
        if not gates[number].muted and probabilities[number] >= gates[number].gate
    ]
    said = {number: _first(given, _saying(given, number)) for number in asserted}
    findings = tuple(hit for hit in said.values() if hit is not None)
    # A device is no disease: beside it the picture is still called normal, or abnormal.
    diseased = bool(set(asserted) - {SUPPORT_DEVICES})
    conclusion = () if diseased and findings else (_conclusion(given, diseased),)
    return Draft(
        findings=findings + _denials(given, _clear(given, asserted)),
        impression=findings + conclusion,
        notes=_notes(given, [number for number, hit in said.items() if hit is None]),
    )


def _conclusion(given: MethodInput, diseased: bool) -> Hit:
    """What is said of the whole picture when no finding is named."""
    gate = given.bundle.gates[NO_FINDING]
    probability = float(given.encoding.probabilities[NO_FINDING])
    if probability >= gate.gate and not gate.muted and not diseased:
        statement = _normal_statement(given)
        if statement is not None:
            return statement
    return Hit(None, UNNAMED, 1.0 - probability, "guided", (Mention.BLANK,) * len(OBSERVATIONS))


def _notes(given: MethodInput, unsaid: list[int]) -> tuple[str, ...]:
    """What the reader must know of what the draft leaves out."""
    notes = []
    if unsaid:
        names = ", ".join(OBSERVATIONS[number] for number in unsaid)
        notes.append(f"Seen by the model, but the index has no plain sentence to say it: {names}.")
    muted = ", ".join(name for name in given.bundle.muted if name != OBSERVATIONS[NO_FINDING])
    if muted:
        notes.append(f"Not detected by this model, neither asserted nor excluded here: {muted}.")
    return tuple(notes)


def _by_confidence(given: MethodInput) -> list[int]:
    """Observations but No Finding, the furthest above its gate first."""
    margins = [
        float(p) - gate.gate
        for p, gate in zip(given.encoding.probabilities, given.bundle.gates, strict=True)
    ]
    return sorted((n for n in range(len(margins)) if n != NO_FINDING), key=lambda n: -margins[n])


def _clear(given: MethodInput, asserted: Iterable[int]) -> set[int]:
    """Findings that may be denied; that there is no device is not worth a sentence."""
    clear = {
        number
        for number, gate in enumerate(given.bundle.gates)
        if number not in (NO_FINDING, SUPPORT_DEVICES)
        and not gate.muted
        and given.encoding.probabilities[number] < gate.clear
    }
    for number in asserted:
        clear.discard(number)
        clear -= {_AT[name] for name in _CONTAINED_IN.get(number, ())}
    return clear


def _saying(given: MethodInput, number: int) -> NDArray[np.bool_]:
    """Rows that assert this observation alone, with no more detail than the bundle may give.

    Whether such a row also carries No Finding does not matter: a device alone leaves it standing.
    """
    wanted = np.zeros(len(OBSERVATIONS), np.int8)
    wanted[number] = Mention.POSITIVE
    same = given.index.labels == wanted
    same[:, NO_FINDING] = True
    forbidden = np.uint8(~given.bundle.gates[number].attributes & 0xFF)
    rows: NDArray[np.bool_] = same.all(axis=1) & (given.index.attributes & forbidden == 0)
    return rows


def _normal_statement(given: MethodInput) -> Hit | None:
    """The best row that says nothing but No Finding; of an impression where there is one.

    In a findings section such a row may speak of one structure only ("The trachea is midline.").
    """
    wanted = np.zeros(len(OBSERVATIONS), np.int8)
    wanted[NO_FINDING] = Mention.POSITIVE
    rows = np.all(given.index.labels == wanted, axis=1) & (
        given.index.attributes == np.uint8(Attribute.NONE)
    )
    concluding = rows & (given.index.section == SECTION_NAMES.index("impression"))
    return _first(given, concluding if concluding.any() else rows)


def _first(given: MethodInput, mask: NDArray[np.bool_]) -> Hit | None:
    rows = given.index.best(given.scores, 1, np.flatnonzero(mask))
    return given.hits(rows)[0] if rows.size else None


def _denials(given: MethodInput, clear: set[int]) -> tuple[Hit, ...]:
    """Few plain sentences that deny all of ``clear``: most at once first, then the better score."""
    labels = np.delete(given.index.labels, NO_FINDING, axis=1)
    denies = given.index.labels == Mention.NEGATIVE
    beyond = [number for number in range(len(OBSERVATIONS)) if number not in clear]
    allowed = (
        (given.index.attributes == Attribute.NONE)
        & np.all((labels == Mention.NEGATIVE) | (labels == Mention.BLANK), axis=1)
        & ~denies[:, beyond].any(axis=1)
    )
    rows = np.flatnonzero(allowed)
    remaining = np.array(sorted(clear), np.intp)
    chosen: list[np.intp] = []
    while remaining.size and rows.size:
        gain = denies[np.ix_(rows, remaining)].sum(axis=1)
        if gain.max() == 0:
            break
        row = given.index.best(given.scores, 1, rows[gain == gain.max()])[0]
        chosen.append(row)
        remaining = remaining[~denies[row, remaining]]
    return given.hits(np.array(chosen, np.intp))
