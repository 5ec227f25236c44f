"""Percentile intervals over studies, drawn with replacement from one seed."""

from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import NDArray

CONFIDENCE = 0.95
"""Share of the resamples inside an interval."""

_BLOCK = 4 << 20
"""Weights held at a time: 32 MiB."""

Figure = Callable[[NDArray[np.int64]], NDArray[np.float64]]
"""From weights, int64 (R, N), how often each study counts, to a figure a row, float64 (R,)."""


def interval(figure: Figure, count: int, resamples: int, seed: int) -> tuple[float, float]:
    """The middle 95 % of a figure over resamples of ``count`` studies.

    The draws depend on the three numbers alone, so that two systems that were asked about the same
    studies are resampled alike.

    Raises:
        ValueError: there is no study or no resample.
    """
    if count < 1 or resamples < 1:
        raise ValueError(f"no interval from {resamples} resamples of {count} studies")
    values = np.concatenate([figure(weights) for weights in _draws(count, resamples, seed)])
    tail = (1 - CONFIDENCE) / 2
    low, high = np.quantile(values, [tail, 1 - tail])
    return float(low), float(high)


def mean_of(values: NDArray[np.float64]) -> Figure:
    """The mean of one value a study, float64 (N,), as a figure."""
    return lambda weights: np.asarray(weights @ values / len(values))


def _draws(count: int, resamples: int, seed: int) -> Iterator[NDArray[np.int64]]:
    rng = np.random.default_rng(seed)
    rows = max(1, _BLOCK // count)
    for start in range(0, resamples, rows):
        taken = min(rows, resamples - start)
        drawn = (rng.integers(0, count, count) for _ in range(taken))
        yield np.array([np.bincount(row, minlength=count) for row in drawn], np.int64)
