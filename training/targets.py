"""What a network is asked to see: fourteen observations from the report, and the coded terms."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from cxr_edge.labelers import get_labeler
from cxr_edge.labels import OBSERVATIONS, Mention
from cxr_edge.training.studies import PairedStudy

COMMON_ENOUGH = 15
"""Training studies a coded term needs before it gets a head."""


@dataclass(frozen=True)
class Targets:
    """Targets of a list of studies, observations first, coded terms after them.

    Attributes:
        names: of the columns, K of them.
        values: float32 (N, K), 0..1.
        mask: float32 (N, K), 0 where nothing is known: an uncertain mention, an uncoded study.
        mentions: int8 (N, 14), what the labeler said.
    """

    names: tuple[str, ...]
    values: NDArray[np.float32]
    mask: NDArray[np.float32]
    mentions: NDArray[np.int8]

    @property
    def positive(self) -> NDArray[np.float32]:
        """float32 (N, 14): 1 where the report asserts it, 0 otherwise (uncertain too)."""
        return np.asarray(self.mentions == Mention.POSITIVE, np.float32)

    def softened(self, opinion: NDArray[np.float32], trust: float) -> "Targets":
        """Blend in what teachers think; they also speak, at their weight, where nothing was known.

        Args:
            opinion: float32 (N, K), 0..1, NaN in the rows of studies they were not asked about.
            trust: weight of the opinion, 0..1.
        """
        asked = ~np.isnan(opinion)
        known = self.mask > 0
        mixed = np.where(known, (1 - trust) * self.values + trust * opinion, opinion)
        values = np.where(asked, mixed, self.values).astype(np.float32)
        mask = np.where(asked & ~known, trust, self.mask).astype(np.float32)
        return replace(self, values=values, mask=mask)


def label_reports(texts: Sequence[str]) -> NDArray[np.int8]:
    """int8 (N, 14) ``Mention`` values of the rule labeler."""
    labeler = get_labeler("rules")
    return np.stack([labeler.label(text) for text in texts])


def targets_of(studies: Sequence[PairedStudy]) -> Targets:
    """Label reports by rule and code terms by what the studies carry.

    A coded term gives the heads ``term`` and ``term/qualifier``, so that side, place and degree are
    targets too; which terms get a head is decided on ``train`` alone.
    """
    coded = [_heads(study) for study in studies]
    counts = Counter(
        head
        for study, heads in zip(studies, coded, strict=True)
        if study.split == "train"
        for head in heads
    )
    terms = sorted(head for head, count in counts.items() if count >= COMMON_ENOUGH)
    column = {head: k for k, head in enumerate(terms)}
    mentions = label_reports([study.report for study in studies])
    width = len(OBSERVATIONS)
    values = np.zeros((len(studies), width + len(terms)), np.float32)
    mask = np.ones_like(values)
    values[:, :width] = mentions == Mention.POSITIVE
    mask[:, :width] = mentions != Mention.UNCERTAIN
    for row, (study, heads) in enumerate(zip(studies, coded, strict=True)):
        mask[row, width:] = study.mesh is not None
        for head in heads & column.keys():
            values[row, width + column[head]] = 1.0
    return Targets((*OBSERVATIONS, *terms), values, mask, mentions)


def _heads(study: PairedStudy) -> set[str]:
    terms = study.mesh or ()
    return {
        head
        for term, *qualifiers in terms
        for head in (term, *(f"{term}/{qualifier}" for qualifier in qualifiers))
    }
