"""Rates one after the other, and where the system is saturated."""

from collections.abc import Callable, Iterator, Sequence

import numpy as np

from cxr_edge.benchmarks.load.arrivals import poisson
from cxr_edge.benchmarks.load.step import Step
from cxr_edge.benchmarks.load.workers import Workers

SHARES = (0.2, 0.4, 0.6, 0.7, 0.8, 0.9, 1.0, 1.2)
"""Rates of a sweep for which none are given, as shares of what the workers can do at most."""
_PROBE = 20
"""Requests of each worker from which that is found."""


def most(workers: Workers) -> float:
    """Requests a second that the workers serve when some always wait."""
    step = workers.serve(np.zeros(_PROBE * len(workers)), 0.0)
    return step.achieved


def rates_from(capacity: float) -> list[float]:
    """Rates around a capacity, to three digits."""
    return [float(f"{share * capacity:.3g}") for share in SHARES]


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
        arrivals = poisson(rate, requests, seed)
        said(f"{rate:g} a second: {requests} requests in {arrivals[-1]:.0f} s")
        yield workers.serve(arrivals, rate)
