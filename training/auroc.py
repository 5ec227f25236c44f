"""Area under the ROC curve, with a bootstrap interval, in numpy."""

import numpy as np
from numpy.typing import ArrayLike, NDArray


def auroc(positive: ArrayLike, scores: ArrayLike) -> float | None:
    """Probability that a positive scores above a negative, ties counted half (Mann-Whitney).

    Args:
        positive: bool (N,).
        scores: float (N,), finite.

    Returns:
        0..1, or None where one class is empty.
    """
    truth = np.asarray(positive, bool)
    values = np.asarray(scores, np.float64)
    ones = int(truth.sum())
    zeros = truth.size - ones
    if ones == 0 or zeros == 0:
        return None
    above = _mean_ranks(values)[truth].sum() - ones * (ones + 1) / 2
    return float(above / (ones * zeros))


def _mean_ranks(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Ranks from 1; equal values share the mean of theirs."""
    _, group, counts = np.unique(values, return_inverse=True, return_counts=True)
    last = np.cumsum(counts)
    return np.asarray((last - (counts - 1) / 2)[group], np.float64)


def auroc_interval(
    positive: ArrayLike,
    scores: ArrayLike,
    resamples: int = 1000,
    seed: int = 0,
    level: float = 0.95,
) -> tuple[float, float] | None:
    """Percentile bootstrap over studies (Efron & Tibshirani, 1993, chapter 13).

    A resample without both classes says nothing and is left out.

    Args:
        positive: bool (N,).
        scores: float (N,).
        resamples: how many.
        seed: of the draws.
        level: coverage.

    Returns:
        Lower and upper bound, or None where one class is empty.
    """
    truth = np.asarray(positive, bool)
    values = np.asarray(scores, np.float64)
    if auroc(truth, values) is None:
        return None
    chance = np.random.default_rng(seed)
    figures = []
    for _ in range(resamples):
        rows = chance.integers(truth.size, size=truth.size)
        value = auroc(truth[rows], values[rows])
        if value is not None:
            figures.append(value)
    low, high = np.quantile(figures, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)
