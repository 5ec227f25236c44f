"""What came of one rate: latencies, the queue, and whether the rate was kept up with."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import cast

import numpy as np
from numpy.typing import NDArray

from cxr_edge.benchmarks.record import summary

KEPT_UP = 0.95
"""Least share of the offered rate that must be achieved."""
GROWTH = 0.05
"""Most by which the queue may grow over a step, as a share of its requests; but one is allowed."""

Times = NDArray[np.float64]


@dataclass(frozen=True)
class Step:
    """One rate. Times are seconds from the beginning of the step, in the order of arrival."""

    rate: float
    """Asked for, requests a second."""
    arrivals: Times
    """When each request was meant to arrive (N,)."""
    handed: Times
    """When it was handed over (N,)."""
    starts: Times
    """When work on it began (N,)."""
    ends: Times
    """When it was served (N,)."""
    failed: int = 0
    """Requests that ended in an error; their times count."""
    errors: Mapping[str, int] = field(default_factory=dict)
    """What was said of them, and how often; the first few kinds."""

    @property
    def latency_ms(self) -> list[float]:
        """From the intended arrival to the end, so that a stalled program hides nothing."""
        return cast(list[float], ((self.ends - self.arrivals) * 1e3).tolist())

    @property
    def service_ms(self) -> list[float]:
        """Work alone."""
        return cast(list[float], ((self.ends - self.starts) * 1e3).tolist())

    @property
    def offered(self) -> float:
        """Requests a second that really were meant to arrive, from the first to the last."""
        return _rate(self.arrivals)

    @property
    def achieved(self) -> float:
        """Requests a second that ended, from the first to the last."""
        return _rate(np.sort(self.ends))

    @property
    def queue(self) -> NDArray[np.int64]:
        """Requests that had arrived and were not yet begun when each arrived, itself left out."""
        begun = np.searchsorted(np.sort(self.starts), self.arrivals, side="right")
        waiting: NDArray[np.int64] = np.maximum(np.arange(len(self.arrivals)) - begun, 0)
        return waiting

    @property
    def growth(self) -> float:
        """Requests by which the queue grew over the step, along its line of least squares."""
        if len(self.arrivals) < 2:
            return 0.0
        x = self.arrivals - self.arrivals.mean()
        slope = float(x @ self.queue / (x @ x))
        return slope * float(self.arrivals[-1] - self.arrivals[0])

    @property
    def sustained(self) -> bool:
        """Whether the rate was kept up with: 95 % of it served, and no growing queue."""
        served = 1 - self.failed / len(self.arrivals)
        kept = served * self.achieved >= KEPT_UP * self.offered
        return kept and self.growth <= max(1.0, GROWTH * len(self.arrivals))

    def figures(self) -> dict[str, object]:
        """As the record holds it; milliseconds."""
        return {
            "rate": self.rate,
            "requests": len(self.arrivals),
            "failed": self.failed,
            "errors": dict(self.errors),
            "offered_per_second": self.offered,
            "achieved_per_second": self.achieved,
            "latency_ms": summary(self.latency_ms),
            "service_ms": summary(self.service_ms),
            "handed_over_late_ms": summary(((self.handed - self.arrivals) * 1e3).tolist()),
            "queue_mean": float(self.queue.mean()),
            "queue_most": int(self.queue.max()),
            "queue_growth": self.growth,
            "sustained": self.sustained,
        }


def saturation(steps: Sequence[Step]) -> tuple[float | None, bool]:
    """The highest rate that was sustained, and whether a higher one was tried and was not."""
    ordered = sorted(steps, key=lambda step: step.rate)
    highest = max((step.rate for step in ordered if step.sustained), default=None)
    reached = highest is None or highest < ordered[-1].rate
    return highest, reached


def _rate(moments: Times) -> float:
    """Events a second between the first and the last."""
    span = float(moments[-1] - moments[0])
    return (len(moments) - 1) / span if span > 0 else 0.0
