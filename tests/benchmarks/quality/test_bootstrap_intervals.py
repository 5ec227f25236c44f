"""Intervals: against scipy, the same for the same seed, and as often right as they say."""

import numpy as np
import pytest
from scipy.stats import bootstrap

from cxr_edge.benchmarks.quality.bootstrap import interval, mean_of


def test_about_that_of_scipy() -> None:
    values = np.random.default_rng(0).exponential(size=200)
    low, high = interval(mean_of(values), len(values), 4000, seed=1)
    reference = bootstrap(
        (values,), np.mean, n_resamples=4000, method="percentile", rng=np.random.default_rng(2)
    ).confidence_interval
    # Two draws of 4,000 differ by chance; a twentieth of the width is five deviations of a bound.
    room = (reference.high - reference.low) / 20
    assert low == pytest.approx(reference.low, abs=room)
    assert high == pytest.approx(reference.high, abs=room)


def test_a_seed_repeats_itself_and_blocks_do_not_show(monkeypatch: pytest.MonkeyPatch) -> None:
    values = np.random.default_rng(0).random(50)
    once = interval(mean_of(values), 50, 300, seed=5)
    assert interval(mean_of(values), 50, 300, seed=5) == once
    assert interval(mean_of(values), 50, 300, seed=6) != once
    monkeypatch.setattr("cxr_edge.benchmarks.quality.bootstrap._BLOCK", 64)
    assert interval(mean_of(values), 50, 300, seed=5) == once


def test_it_holds_the_truth_about_as_often_as_it_says() -> None:
    source = np.random.default_rng(4)
    held = 0
    for seed in range(200):
        values = source.random(100)
        low, high = interval(mean_of(values), 100, 200, seed)
        held += low <= 0.5 <= high
    assert 0.88 <= held / 200 <= 0.99


@pytest.mark.parametrize(("count", "resamples"), [(0, 10), (10, 0)])
def test_nothing_has_no_interval(count: int, resamples: int) -> None:
    with pytest.raises(ValueError, match="no interval"):
        interval(mean_of(np.ones(count)), count, resamples, 0)
