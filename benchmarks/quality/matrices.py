"""Label metrics: functions of two 0/1 matrices, reports by observations.

Every division by zero is 0: the precision of an observation that no draft names, the recall of one
that no report has, the F1 of one that is in neither. Such an observation stays in a macro mean.
That is scikit-learn's ``zero_division=0``.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from cxr_edge.labels import OBSERVATIONS, Mention

Matrix = NDArray[np.bool_]
"""bool (N, L): does report n have label l."""
Average = Literal["macro", "micro"]

FIVE: tuple[str, ...] = (
    "Cardiomegaly",
    "Edema",
    "Consolidation",
    "Atelectasis",
    "Pleural Effusion",
)
"""The five observations of F1CheXbert and of CheXpert's competition."""
FIVE_COLUMNS: tuple[int, ...] = tuple(OBSERVATIONS.index(name) for name in FIVE)


@dataclass(frozen=True)
class Confusion:
    """Counts per label; with weights a row a resample."""

    hits: NDArray[np.int64]
    """int64 (..., L): in the report and in the draft."""
    drafted: NDArray[np.int64]
    """int64 (..., L): in the draft."""
    true: NDArray[np.int64]
    """int64 (..., L): in the report."""


def confusion(
    truth: Matrix, drafted: Matrix, weights: NDArray[np.int64] | None = None
) -> Confusion:
    """Count agreements.

    Args:
        truth: bool (N, L), the labels of the reports.
        drafted: bool (N, L), the labels of the drafts.
        weights: int64 (R, N), how often each report counts in each of R resamples; None: once.

    Raises:
        ValueError: the matrices differ in shape.
    """
    if truth.shape != drafted.shape:
        raise ValueError(f"labels of reports {truth.shape} and of drafts {drafted.shape} differ")
    parts = (truth & drafted, drafted, truth)
    if weights is None:
        hits, said, true = (part.sum(axis=0, dtype=np.int64) for part in parts)
    else:
        # float64 goes through BLAS, and counts below 2**53 are exact in it.
        wide = weights.astype(np.float64)
        hits, said, true = (np.rint(wide @ part).astype(np.int64) for part in parts)
    return Confusion(hits, said, true)


def precision(counts: Confusion, average: Average | None = None) -> NDArray[np.float64]:
    """Share of what is drafted that is true: float64 (..., L), or (...) averaged."""
    return _averaged(counts.hits, counts.drafted, average)


def recall(counts: Confusion, average: Average | None = None) -> NDArray[np.float64]:
    """Share of what is true that is drafted: float64 (..., L), or (...) averaged."""
    return _averaged(counts.hits, counts.true, average)


def f1(counts: Confusion, average: Average | None = None) -> NDArray[np.float64]:
    """Harmonic mean of both, ``2 hits / (drafted + true)``: float64 (..., L), or (...) averaged.

    ``macro`` is the mean of the labels' F1, not the F1 of mean precision and recall.
    """
    return _averaged(2 * counts.hits, counts.drafted + counts.true, average)


def _averaged(
    above: NDArray[np.int64], below: NDArray[np.int64], average: Average | None
) -> NDArray[np.float64]:
    if average == "micro":
        return _ratio(above.sum(axis=-1), below.sum(axis=-1))
    each = _ratio(above, below)
    return np.asarray(each.mean(axis=-1)) if average == "macro" else each


def _ratio(above: NDArray[np.int64], below: NDArray[np.int64]) -> NDArray[np.float64]:
    return np.asarray(np.where(below > 0, above / np.maximum(below, 1), 0.0))


def f1_scores(truth: Matrix, drafted: Matrix) -> NDArray[np.float64]:
    """F1 per column: float64 (L,)."""
    return f1(confusion(truth, drafted))


def positives(mentions: NDArray[np.int8], *, uncertain: bool = False) -> Matrix:
    """Which mentions count as 1: bool, of the shape given.

    Args:
        mentions: int8, values of ``Mention``.
        uncertain: whether an uncertain mention counts too. CXR-RePaiR's F1 says no, F1CheXbert
            (RadEval, ReXrank) says yes. Blank and negative are always 0.
    """
    found: Matrix = mentions == Mention.POSITIVE
    return found | (mentions == Mention.UNCERTAIN) if uncertain else found
