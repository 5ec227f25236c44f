"""Samples taken in turns, what they amount to, and how many times one system is another.

Whatever else a machine does falls on neighbouring samples alike, so samples of systems that are
compared are taken in turns, and their ratio is that of neighbours.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from time import perf_counter_ns

import numpy as np
from numpy.typing import NDArray

ENOUGH = 30
"""Samples below which an interval says little: the tails of so few are mostly chance."""
_RESAMPLES = 5000
_AT_ONCE = 1 << 22
"""Numbers drawn at a time, which bounds the memory of long series."""


@dataclass(frozen=True)
class Samples:
    """One series of measurements."""

    unit: str
    """``ms``, ``s``, ``MiB`` and so on."""
    values: list[float]
    """In the order in which they were taken."""
    group: str = ""
    """Series of one group were taken in turns in one run: their i-th values are a pair. Empty:
    nothing is a pair of these."""


@dataclass(frozen=True)
class Ratio:
    """How many times one system's figure is another's, with its interval."""

    value: float
    low: float
    high: float
    pairs: int
    """Pairs, or the number of samples of the shorter series where nothing is paired."""
    paired: bool


def interleave(
    systems: Mapping[str, Callable[[], object]], rounds: int, *, warm_up: int = 3, seed: int = 0
) -> dict[str, list[float]]:
    """Call every system once a round, each round in another order.

    Args:
        systems: what to call, by name.
        rounds: samples of each.
        warm_up: calls of each that come first and are not timed.
        seed: of the orders.

    Returns:
        Milliseconds by name, ``rounds`` each; the i-th of all names are neighbours in time.
    """
    spans: dict[str, list[float]] = {name: [] for name in systems}
    for call in systems.values():
        for _ in range(warm_up):
            call()
    chance, names = np.random.default_rng(seed), list(systems)
    for _ in range(rounds):
        for number in chance.permutation(len(names)):
            call = systems[names[number]]
            began = perf_counter_ns()
            call()
            spans[names[number]].append((perf_counter_ns() - began) / 1e6)
    return spans


def summary(values: Sequence[float]) -> dict[str, float]:
    """``n``, ``p50``, ``p95``, ``p99``, ``mean``, ``min`` and ``max``, in the unit of the samples.

    Percentiles are interpolated linearly between the nearest samples.

    Raises:
        ValueError: there is no sample.
    """
    if not len(values):
        raise ValueError("no sample, so nothing to sum up")
    found = np.asarray(values, np.float64)
    middle, high, highest = np.percentile(found, (50, 95, 99))
    return {
        "n": len(found),
        "p50": float(middle),
        "p95": float(high),
        "p99": float(highest),
        "mean": float(found.mean()),
        "min": float(found.min()),
        "max": float(found.max()),
    }


def ratio(
    a: Sequence[float],
    b: Sequence[float],
    *,
    paired: bool,
    confidence: float = 0.99,
    seed: int = 0,
) -> Ratio:
    """How many times ``b`` is in ``a``, with a percentile bootstrap interval of 5,000 resamples.

    Paired, it is the median of a_i / b_i and pairs are drawn; otherwise it is the ratio of the two
    medians and each series is drawn by itself.

    Args:
        a: positive samples.
        b: positive samples; as many as ``a`` where they are pairs.
        paired: the i-th of both were taken beside each other.
        confidence: of the interval, inside 0..1.
        seed: of the resamples.

    Raises:
        ValueError: a series is empty or holds what is not positive, pairs do not match, or the
            confidence is not inside 0..1.
    """
    first, second = np.asarray(a, np.float64), np.asarray(b, np.float64)
    if not (first.size and second.size and first.min() > 0 and second.min() > 0):
        raise ValueError("a ratio needs samples of both, all above zero")
    if paired and first.size != second.size:
        raise ValueError(f"{first.size} and {second.size} samples are no pairs")
    if not 0 < confidence < 1:
        raise ValueError(f"confidence {confidence} is not inside 0..1")
    chance = np.random.default_rng(seed)
    if paired:
        value = float(np.median(first / second))
        drawn = _medians(first / second, chance)
    else:
        value = float(np.median(first) / np.median(second))
        drawn = _medians(first, chance) / _medians(second, chance)
    low, high = np.quantile(drawn, ((1 - confidence) / 2, (1 + confidence) / 2))
    return Ratio(value, float(low), float(high), min(first.size, second.size), paired)


def _medians(values: NDArray[np.float64], chance: np.random.Generator) -> NDArray[np.float64]:
    """Medians of ``_RESAMPLES`` draws of as many values with replacement."""
    count = len(values)
    step = max(1, _AT_ONCE // count)
    parts = [
        np.median(values[chance.integers(count, size=(min(step, _RESAMPLES - at), count))], axis=1)
        for at in range(0, _RESAMPLES, step)
    ]
    return np.concatenate(parts)
