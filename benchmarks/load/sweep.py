"""Rates one after the other, and where the system is saturated."""

from collections.abc import Callable, Iterator, Sequence

import numpy as np

from cxr_edge.benchmarks.load.arrivals import poisson
from cxr_edge.benchmarks.load.step import Step
from cxr_edge.benchmarks.load.workers import Workers

SHARES = (0.2, 0.4, 0.6, 0.7, 0.8, 0.9, 1.0, 1.2)
"""Rates of a sweep for which none are given, as shares of what the workers can do at most."""
_FURTHER, _MORE = 1.25, 8
"""Where even the last is kept up with, each next rate is so many times it, at most so often."""
_PROBE = 20
"""Requests of each worker from which that is found."""


def most(workers: Workers) -> float:
    """Requests a second that the workers serve when some always wait."""
    step = workers.serve(np.zeros(_PROBE * len(workers)), 0.0)
    return step.achieved


def rates_from(capacity: float) -> list[float]:
    """Rates around a capacity, to three digits."""
    return [_three_digits(share * capacity) for share in SHARES]


def sweep(
    workers: Workers,
    rates: Sequence[float],
    requests: int,
    seed: int,
    said: Callable[[str], None] = lambda line: None,
) -> Iterator[Step]:
    """Offer each rate as a Poisson process, from the lowest to the highest.

    Args:
        workers: who serve.
        rates: requests a second.
        requests: of each rate.
        seed: of the arrivals; every rate has the same pattern, faster or slower.
        said: takes a line before each rate.
    """
    for rate in sorted(rates):
        yield _one(workers, rate, requests, seed, said)


def search(
    workers: Workers,
    capacity: float,
    requests: int,
    seed: int,
    said: Callable[[str], None] = lambda line: None,
) -> Iterator[Step]:
    """As ``sweep`` around a capacity, and on from there until a rate is too high.

    Args:
        workers: who serve.
        capacity: requests a second, as ``most`` gives it.
        requests: of each rate.
        seed: of the arrivals.
        said: takes a line before each rate.
    """
    rates = rates_from(capacity)
    for rate in rates:
        step = _one(workers, rate, requests, seed, said)
        yield step
    for number in range(1, _MORE + 1):
        if not step.sustained:
            return
        step = _one(workers, _three_digits(rates[-1] * _FURTHER**number), requests, seed, said)
        yield step


def _one(
    workers: Workers, rate: float, requests: int, seed: int, said: Callable[[str], None]
) -> Step:
    arrivals = poisson(rate, requests, seed)
    said(f"{rate:g} a second: {requests} requests in {arrivals[-1]:.0f} s")
    return workers.serve(arrivals, rate)


def _three_digits(rate: float) -> float:
    return float(f"{rate:.3g}")
