"""All metrics of a list of drafts at once, each with its interval or the reason it has no value."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from cxr_edge.benchmarks.quality.bleu import bleu2
from cxr_edge.benchmarks.quality.bootstrap import interval, mean_of
from cxr_edge.benchmarks.quality.coherence import coherence
from cxr_edge.benchmarks.quality.matrices import (
    FIVE_COLUMNS,
    Average,
    Matrix,
    confusion,
    f1,
    positives,
    precision,
    recall,
)
from cxr_edge.errors import CorpusError
from cxr_edge.labelers import EmbeddingLabeler, get_labeler

NEEDS_CHEXBERT = "needs CheXbert"
NEEDS_LABELER = "needs the CheXpert labeler"
RULES_F1 = "label F1 (rules)"
CHEXBERT_NAMES = (
    "F1",
    "F1CheXbert macro-14",
    "F1CheXbert micro-14",
    "F1CheXbert macro-5",
    "F1CheXbert micro-5",
    "s_emb",
    "CCR (CheXbert)",
)
"""What has a value only with CheXbert's weights. ``F1`` is CXR-RePaiR's."""
CE_NAMES = ("CE precision", "CE recall", "CE F1")
"""DCRRG's: labels of the CheXpert labeler, which the user runs; see ``ce_scores``."""


@dataclass(frozen=True)
class Score:
    """One metric of one system."""

    name: str
    value: float | None
    """None where it could not be had; the note says why."""
    low: float | None
    """Lower end of the 95 % bootstrap interval over studies; None where there is none."""
    high: float | None
    note: str = ""


def score(
    references: Sequence[str],
    drafts: Sequence[str],
    *,
    chexbert: Path | None = None,
    resamples: int = 1000,
    seed: int = 0,
) -> list[Score]:
    """Score drafts against reports, pair by pair.

    Args:
        references: the reports, at least one.
        drafts: as many drafts, in the same order; an empty one is a draft that says nothing.
        chexbert: a bundle of ``cxr-export --model chexbert``; without it all that is called F1,
            and s_emb, have no value and the note ``needs CheXbert``.
        resamples: of the studies, for the intervals.
        seed: of the resamples.

    Returns:
        ``BLEU-2``, ``label F1 (rules)``, ``CCR (rules)``, then ``CHEXBERT_NAMES``.

    Raises:
        CorpusError: there is nothing to score, or the lists differ in length.
        BundleError: the bundle is missing, damaged, or of another network.
    """
    if not references or len(references) != len(drafts):
        raise CorpusError(
            f"{len(references)} reports and {len(drafts)} drafts; expected as many of both, and "
            "at least one"
        )
    judge = _Judge(resamples, seed)
    pairs = zip(references, drafts, strict=True)
    scores = [judge.mean("BLEU-2", np.array([bleu2(wanted, said) for wanted, said in pairs]))]
    rules = get_labeler("rules")
    labels = rules.label_all(references), rules.label_all(drafts)
    scores.append(judge.f1(RULES_F1, positives(labels[0]), positives(labels[1]), "macro"))
    scores.append(judge.mean("CCR (rules)", coherence(*labels)))
    if chexbert is None:
        return [
            *scores,
            *(Score(name, None, None, None, NEEDS_CHEXBERT) for name in CHEXBERT_NAMES),
        ]
    return [*scores, *_chexbert_scores(references, drafts, chexbert, judge)]


def ce_scores(
    truth: NDArray[np.int8],
    drafted: NDArray[np.int8],
    *,
    average: Average = "macro",
    resamples: int = 1000,
    seed: int = 0,
) -> list[Score]:
    """DCRRG's clinical efficacy from what the CheXpert labeler said: precision, recall, F1.

    The paper does not say how it averages nor what uncertain counts as; positive alone counts as 1
    here, and the name of the average is in the note.

    Args:
        truth: int8 (N, 14), ``Mention`` values of the reports, at least one.
        drafted: int8 (N, 14), of the drafts.
        average: over the fourteen observations.
        resamples: of the studies, for the intervals.
        seed: of the resamples.
    """
    judge = _Judge(resamples, seed)
    wanted, said = positives(truth), positives(drafted)
    return [
        judge.label_figure(name, wanted, said, lambda c, f=figure: f(c, average), f"{average}-14")
        for name, figure in zip(CE_NAMES, (precision, recall, f1), strict=True)
    ]


@dataclass(frozen=True)
class _Judge:
    """Puts intervals to figures."""

    resamples: int
    seed: int

    def mean(self, name: str, values: NDArray[np.float64]) -> Score:
        low, high = interval(mean_of(values), len(values), self.resamples, self.seed)
        return Score(name, float(values.mean()), low, high)

    def f1(self, name: str, truth: Matrix, drafted: Matrix, average: Average) -> Score:
        return self.label_figure(name, truth, drafted, lambda counts: f1(counts, average))

    def label_figure(
        self,
        name: str,
        truth: Matrix,
        drafted: Matrix,
        figure: Callable[..., NDArray[np.float64]],
        note: str = "",
    ) -> Score:
        low, high = interval(
            lambda weights: figure(confusion(truth, drafted, weights)),
            len(truth),
            self.resamples,
            self.seed,
        )
        return Score(name, float(figure(confusion(truth, drafted))), low, high, note)


def _chexbert_scores(
    references: Sequence[str], drafts: Sequence[str], bundle: Path, judge: _Judge
) -> list[Score]:
    labeler = get_labeler("chexbert", bundle=bundle)
    assert isinstance(labeler, EmbeddingLabeler)
    try:
        truth, meant = labeler.label_and_embed(references)
        drafted, said = labeler.label_and_embed(drafts)
    finally:
        labeler.close()
    wanted, found = positives(truth), positives(drafted)
    likely, doubted = positives(truth, uncertain=True), positives(drafted, uncertain=True)
    five = list(FIVE_COLUMNS)
    figures = (
        judge.f1("F1", wanted, found, "macro"),
        judge.f1("F1CheXbert macro-14", likely, doubted, "macro"),
        judge.f1("F1CheXbert micro-14", likely, doubted, "micro"),
        judge.f1("F1CheXbert macro-5", likely[:, five], doubted[:, five], "macro"),
        judge.f1("F1CheXbert micro-5", likely[:, five], doubted[:, five], "micro"),
        judge.mean("s_emb", cosines(meant, said)),
        judge.mean("CCR (CheXbert)", coherence(truth, drafted)),
    )
    return list(figures)


def cosines(first: NDArray[np.float32], second: NDArray[np.float32]) -> NDArray[np.float64]:
    """Cosine of each pair of rows, float64 (N,), -1..1; 0 where a row is all zero.

    Args:
        first: float32 (N, D).
        second: float32 (N, D).
    """
    left, right = first.astype(np.float64), second.astype(np.float64)
    below = np.linalg.norm(left, axis=1) * np.linalg.norm(right, axis=1)
    above = (left * right).sum(axis=1)
    return np.asarray(np.divide(above, below, out=np.zeros_like(above), where=below > 0))
