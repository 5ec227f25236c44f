"""Guided selection: the observation probabilities decide what a draft may say, the index how.

Retrieval alone is free to assert whatever stands near the picture. Here an observation is asserted
only when its probability passes the gate that was tuned on ``valid``, denied only when it is below
the clear line, and passed over in between; a muted observation is neither asserted nor denied, and
the draft says so. Among the sentences that say exactly what is allowed, the best-scoring is taken.
A draft cannot contradict itself: what is asserted, and whatever contains it, is never denied.
"""

from collections.abc import Iterable
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from cxr_edge.bundle import Bundle
from cxr_edge.errors import MethodError
from cxr_edge.indexes.container import SECTION_NAMES
from cxr_edge.indexes.search import SentenceIndex
from cxr_edge.labels import NO_FINDING, OBSERVATIONS, SUPPORT_DEVICES, Mention
from cxr_edge.methods.base import Parts
from cxr_edge.types import Attribute, Draft, Encoding, Hit

Rows = NDArray[np.intp]
Scores = NDArray[np.float32]

_AT = {name: number for number, name in enumerate(OBSERVATIONS)}

# CheXpert's hierarchy (Irvin et al., AAAI 2019, figure 1): who asserts the first cannot deny the
# second.
_CONTAINED_IN = {
    _AT["Cardiomegaly"]: ("Enlarged Cardiomediastinum",),
    _AT["Lung Lesion"]: ("Lung Opacity",),
    _AT["Edema"]: ("Lung Opacity",),
    _AT["Consolidation"]: ("Lung Opacity",),
    _AT["Pneumonia"]: ("Consolidation", "Lung Opacity"),
    _AT["Atelectasis"]: ("Lung Opacity",),
}

UNNAMED = "The radiograph appears abnormal; the abnormality is not characterized by this model."


class Guided:
    """Composes drafts from allowed sentences only; ``k`` is not used."""

    needs_index: ClassVar[bool] = True
    scores_every_row: ClassVar[bool] = True

    def __init__(self, parts: Parts) -> None:
        """Sort the rows of the index by what they say.

        Raises:
            MethodError: the bundle's encoder estimates no observations, or the index is of reports.
        """
        bundle, index = parts.bundle, parts.require_index("guided", "sentence")
        if not bundle.observes:
            raise MethodError(
                f"method guided needs observation probabilities, which {bundle.name} does not "
                "estimate; use select or top-k"
            )
        self._bundle, self._index = bundle, index
        self._asserting = [_asserting(bundle, index, n) for n in range(len(OBSERVATIONS))]
        self._normal = _normal(index)
        self._denying = _denying(index)
        self._denies = index.labels[self._denying] == Mention.NEGATIVE

    def search(self, encoding: Encoding) -> Scores:
        """The score of every row, float32 (N,): which rows are allowed is decided afterwards."""
        return self._index.scores(encoding)

    def compose(self, encoding: Encoding, scores: Scores) -> Draft:
        """See ``Method``."""
        gates, probabilities = self._bundle.gates, encoding.probabilities
        asserted = [
            number
            for number in self._by_confidence(encoding)
            if not gates[number].muted and probabilities[number] >= gates[number].gate
        ]
        said = {number: self._best(scores, self._asserting[number]) for number in asserted}
        findings = tuple(hit for hit in said.values() if hit is not None)
        # A device is no disease: beside it the picture is still called normal, or abnormal.
        diseased = bool(set(asserted) - {SUPPORT_DEVICES})
        conclusion = (
            () if diseased and findings else (self._conclusion(encoding, scores, diseased),)
        )
        return Draft(
            findings=findings + self._denials(scores, self._clear(encoding, asserted)),
            impression=findings + conclusion,
            notes=self._notes([number for number, hit in said.items() if hit is None]),
        )

    def _by_confidence(self, encoding: Encoding) -> list[int]:
        """Observations but No Finding, the furthest above its gate first."""
        margins = [
            float(p) - gate.gate
            for p, gate in zip(encoding.probabilities, self._bundle.gates, strict=True)
        ]
        return sorted(
            (n for n in range(len(margins)) if n != NO_FINDING), key=lambda n: -margins[n]
        )

    def _conclusion(self, encoding: Encoding, scores: Scores, diseased: bool) -> Hit:
        """What is said of the whole picture when no finding is named."""
        gate = self._bundle.gates[NO_FINDING]
        probability = float(encoding.probabilities[NO_FINDING])
        if probability >= gate.gate and not gate.muted and not diseased:
            statement = self._best(scores, self._normal)
            if statement is not None:
                return statement
        return Hit(None, UNNAMED, 1.0 - probability, "guided", (Mention.BLANK,) * len(OBSERVATIONS))

    def _clear(self, encoding: Encoding, asserted: Iterable[int]) -> set[int]:
        """Findings that may be denied; that there is no device is not worth a sentence."""
        clear = {
            number
            for number, gate in enumerate(self._bundle.gates)
            if number not in (NO_FINDING, SUPPORT_DEVICES)
            and not gate.muted
            and encoding.probabilities[number] < gate.clear
        }
        for number in asserted:
            clear -= {number, *(_AT[name] for name in _CONTAINED_IN.get(number, ()))}
        return clear

    def _denials(self, scores: Scores, clear: set[int]) -> tuple[Hit, ...]:
        """Few sentences that deny all of ``clear``: most at once first, then the better score."""
        beyond = [number for number in range(len(OBSERVATIONS)) if number not in clear]
        allowed = np.flatnonzero(~self._denies[:, beyond].any(axis=1))
        remaining = np.array(sorted(clear), np.intp)
        chosen = []
        while remaining.size and allowed.size:
            gain = self._denies[np.ix_(allowed, remaining)].sum(axis=1)
            if gain.max() == 0:
                break
            best = allowed[gain == gain.max()]
            place = best[np.argmax(scores[self._denying[best]])]
            chosen.append(self._denying[place])
            remaining = remaining[~self._denies[place, remaining]]
        return tuple(self._index.hit(row, scores[row]) for row in chosen)

    def _notes(self, unsaid: list[int]) -> tuple[str, ...]:
        """What the reader must know of what the draft leaves out."""
        notes = []
        if unsaid:
            names = ", ".join(OBSERVATIONS[number] for number in unsaid)
            notes.append(
                f"Seen by the model, but the index has no plain sentence to say it: {names}."
            )
        muted = ", ".join(name for name in self._bundle.muted if name != OBSERVATIONS[NO_FINDING])
        if muted:
            notes.append(
                f"Not detected by this model, neither asserted nor excluded here: {muted}."
            )
        return tuple(notes)

    def _best(self, scores: Scores, rows: Rows) -> Hit | None:
        if not rows.size:
            return None
        row = rows[np.argmax(scores[rows])]
        return self._index.hit(row, scores[row])


def _asserting(bundle: Bundle, index: SentenceIndex, number: int) -> Rows:
    """Rows that assert this observation alone, with no more detail than the bundle may give.

    Whether such a row also carries No Finding does not matter: a device alone leaves it standing.
    """
    wanted = np.zeros(len(OBSERVATIONS), np.int8)
    wanted[number] = Mention.POSITIVE
    same = index.labels == wanted
    same[:, NO_FINDING] = True
    forbidden = np.uint8(~bundle.gates[number].attributes & 0xFF)
    return np.flatnonzero(same.all(axis=1) & (index.attributes & forbidden == 0))


def _normal(index: SentenceIndex) -> Rows:
    """Rows that say nothing but No Finding; of an impression where there are any.

    In a findings section such a row may speak of one structure only ("The trachea is midline.").
    """
    wanted = np.zeros(len(OBSERVATIONS), np.int8)
    wanted[NO_FINDING] = Mention.POSITIVE
    rows = np.all(index.labels == wanted, axis=1) & (index.attributes == Attribute.NONE)
    concluding = rows & (index.section == SECTION_NAMES.index("impression"))
    return np.flatnonzero(concluding if concluding.any() else rows)


def _denying(index: SentenceIndex) -> Rows:
    """Rows without detail that deny at least one finding and assert none."""
    findings = np.delete(index.labels, NO_FINDING, axis=1)
    denies = findings == Mention.NEGATIVE
    plain = np.all(denies | (findings == Mention.BLANK), axis=1) & denies.any(axis=1)
    return np.flatnonzero(plain & (index.attributes == Attribute.NONE))
