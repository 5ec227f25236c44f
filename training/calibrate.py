"""Make a printed probability mean something: undo the class balance, then one slope for all.

Training draws rare observations more often, smooths labels and may listen to teachers, so the raw
log-odds are neither at the right level nor of the right steepness. For each observation the level
is set so that the mean probability over ``train`` pictures equals the share of train reports that
assert it; the slope, shared by all, is the one with the smallest log loss on ``valid``. A slope of
its own for each observation would be fitted to a handful of positives.
"""

import numpy as np
from numpy.typing import NDArray

SLOPES = np.geomspace(0.5, 4.0, 43)
FLOOR = 1e-3


def calibration(
    train: NDArray[np.float32],
    prevalence: NDArray[np.float64],
    valid: NDArray[np.float32],
    positive: NDArray[np.float32],
    sure: NDArray[np.float32],
) -> tuple[float, NDArray[np.float64]]:
    """Find slope and levels.

    Args:
        train: log-odds float32 (N, K) of unbalanced training pictures.
        prevalence: float64 (K,), share of positives among them, clipped to 0.001 .. 0.999.
        valid: log-odds float32 (M, K).
        positive: float32 (M, K), 0 or 1.
        sure: float32 (M, K), 0 where the report was uncertain.

    Returns:
        a and c (K,): the probability is ``sigmoid(a z + c)``; a is positive, so no ranking changes.
    """
    wanted = np.clip(prevalence, FLOOR, 1 - FLOOR)
    best, chosen = np.inf, (1.0, np.zeros(train.shape[1]))
    for slope in SLOPES if len(valid) else [1.0]:
        offset = _levels(slope * train.astype(np.float64), wanted)
        loss = _log_loss(slope * valid.astype(np.float64) + offset, positive, sure)
        if loss < best:
            best, chosen = loss, (float(slope), offset)
    return chosen


def _levels(scores: NDArray[np.float64], wanted: NDArray[np.float64]) -> NDArray[np.float64]:
    """c (K,) with ``mean(sigmoid(scores + c)) = wanted``, by bisection; the mean rises with c."""
    low, high = np.full(len(wanted), -60.0), np.full(len(wanted), 60.0)
    for _ in range(60):
        middle = (low + high) / 2
        under = _sigmoid(scores + middle).mean(axis=0) < wanted
        low, high = np.where(under, middle, low), np.where(under, high, middle)
    return np.asarray((low + high) / 2)


def _sigmoid(x: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(0.5 * (1 + np.tanh(x / 2)))


def _log_loss(
    logits: NDArray[np.float64], positive: NDArray[np.float32], sure: NDArray[np.float32]
) -> float:
    each = np.logaddexp(0.0, logits) - positive * logits
    return float((each * sure).sum() / max(float(sure.sum()), 1.0))
