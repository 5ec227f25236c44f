"""The arithmetic of the load: exact, with a clock that only moves when it is told to."""

from collections.abc import Callable
from heapq import heappop, heappush

import numpy as np
import pytest
import scipy.stats

from cxr_edge.benchmarks.load.arrivals import offer, poisson
from cxr_edge.benchmarks.load.step import Step, saturation


class Told:
    """A clock in whole hands of the test; ``stall`` says how long a wait overshoots."""

    def __init__(self, stall: Callable[[float], float] = lambda moment: 0.0) -> None:
        self.moment = 100.0
        self._stall = stall

    def now(self) -> float:
        return self.moment

    def wait_until(self, moment: float) -> None:
        self.moment = max(self.moment, moment + self._stall(moment - 100.0))


def _served(handed: np.ndarray, service: np.ndarray, workers: int) -> tuple[np.ndarray, np.ndarray]:
    """Starts and ends of a first-come queue, from its definition: the first free worker is next."""
    free = [0.0] * workers
    starts = np.zeros(len(handed))
    for number, moment in enumerate(handed):
        starts[number] = max(moment, heappop(free))
        heappush(free, starts[number] + service[number])
    return starts, starts + service


def _step(arrivals: np.ndarray, service: float, workers: int = 1, rate: float = 1.0) -> Step:
    clock, taken = Told(), []
    _, handed = offer(arrivals, taken.append, clock)
    assert taken == list(range(len(arrivals)))
    starts, ends = _served(np.array(handed), np.full(len(arrivals), service), workers)
    return Step(rate, arrivals, np.array(handed), starts, ends)


def test_a_queue_worked_out_by_hand() -> None:
    """Two seconds of work each, one worker; requests at 0, 1, 2, 10.

    Begun at 0, 2, 4, 10 and served at 2, 4, 6, 12. The second finds nobody waiting (the first is
    being served), the third finds nobody (the second begins as it arrives), the last nobody.
    """
    step = _step(np.array([0.0, 1.0, 2.0, 10.0]), 2.0)
    assert step.latency_ms == pytest.approx([2000, 3000, 4000, 2000])
    assert step.service_ms == pytest.approx([2000] * 4)
    assert step.queue.tolist() == [0, 0, 0, 0]
    assert step.offered == pytest.approx(3 / 10)
    assert step.achieved == pytest.approx(3 / 10)
    all_at_once = _step(np.array([0.0, 0.5, 0.6, 0.7]), 2.0)
    assert all_at_once.queue.tolist() == [0, 0, 1, 2]
    assert _step(np.array([0.0, 0.5, 0.6, 0.7]), 2.0, workers=2).queue.tolist() == [0, 0, 0, 1]


def test_a_stalled_program_hides_nothing() -> None:
    """It sleeps from 2 to 7; requests meant for 3, 4, 5 count from then, not from 7."""
    clock = Told(lambda moment: 5.0 if moment == 2.0 else 0.0)
    arrivals = np.arange(8.0)
    beginning, handed = offer(arrivals, lambda number: None, clock)
    assert beginning == 100.0
    assert handed == [0, 1, 7, 7, 7, 7, 7, 7]
    starts, ends = _served(np.array(handed), np.full(8, 0.25), 1)
    step = Step(1.0, arrivals, np.array(handed), starts, ends)
    assert step.latency_ms == pytest.approx([250, 250, 5250, 4500, 3750, 3000, 2250, 1500])
    figures = step.figures()
    late = figures["handed_over_late_ms"]
    assert isinstance(late, dict)
    assert late["max"] == pytest.approx(5000)


def test_waiting_is_what_queueing_theory_says() -> None:
    """Pollaczek-Khinchine: with equal work s and load r the mean wait is r s / (2 (1 - r))."""
    for load in (0.3, 0.6, 0.8):
        arrivals = poisson(load, 200_000, seed=5)
        step = _step(arrivals, 1.0, rate=load)
        waits = (step.starts - step.arrivals).mean()
        assert waits == pytest.approx(load / (2 * (1 - load)), rel=0.08)
        # Little's law: waiting requests are arrivals a second times the mean wait.
        assert step.queue.mean() == pytest.approx(load * waits, rel=0.05)
        assert step.sustained


@pytest.mark.parametrize("workers", [1, 3])
@pytest.mark.parametrize("seed", range(5))
def test_what_is_beyond_the_workers_is_not_sustained(workers: int, seed: int) -> None:
    for load, kept in ((0.5, True), (0.8, True), (1.25, False), (2.0, False)):
        step = _step(poisson(load * workers, 400, seed), 1.0, workers, rate=load)
        assert step.sustained is kept, (load, step.achieved, step.growth)
        if not kept:
            # As many more wait at the end as arrived and could not be served.
            expected = 400 * (1 - 1 / load)
            assert step.growth == pytest.approx(expected, rel=0.3)
            assert step.achieved == pytest.approx(workers, rel=0.05)


def test_the_saturation_point_is_the_highest_rate_that_was_kept_up_with() -> None:
    steps = [_step(poisson(rate, 300, 1), 1.0, rate=rate) for rate in (1.5, 0.4, 0.8, 1.2)]
    assert saturation(steps) == (0.8, True)
    assert saturation(steps[1:3]) == (0.8, False)
    assert saturation([steps[0], steps[3]]) == (None, True)


def test_arrivals_are_a_poisson_process_and_repeat_themselves() -> None:
    arrivals = poisson(50.0, 20_000, 7)
    assert (np.diff(arrivals) >= 0).all()
    assert arrivals[-1] <= 400
    assert len(arrivals) / arrivals[-1] == pytest.approx(50, rel=0.01)
    gaps = scipy.stats.kstest(np.diff(arrivals), scipy.stats.expon(scale=1 / 50).cdf)
    assert gaps.pvalue > 0.01
    # Counts of equal spans scatter as a Poisson variable does: variance is mean.
    counts = np.histogram(arrivals, bins=np.linspace(0, 400, 2001))[0]
    assert counts.var() == pytest.approx(counts.mean(), rel=0.15)
    np.testing.assert_array_equal(arrivals, poisson(50.0, 20_000, 7))
    np.testing.assert_allclose(poisson(25.0, 20_000, 7), 2 * arrivals)
    assert not np.array_equal(arrivals, poisson(50.0, 20_000, 8))
