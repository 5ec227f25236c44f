"""AUROC against scikit-learn."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import roc_auc_score

from cxr_edge.training.auroc import auroc, auroc_interval


@given(
    st.lists(st.tuples(st.booleans(), st.integers(-3, 3)), min_size=2, max_size=60).filter(
        lambda rows: len({truth for truth, _ in rows}) == 2
    )
)
def test_equals_scikit_learn_with_ties(rows: list[tuple[bool, int]]) -> None:
    truth, scores = zip(*rows, strict=True)
    assert auroc(truth, scores) == pytest.approx(roc_auc_score(truth, scores))


def test_one_class_has_no_figure() -> None:
    assert auroc([True, True], [0.1, 0.2]) is None
    assert auroc_interval([False, False], [0.1, 0.2]) is None


def test_interval_is_that_of_a_plain_bootstrap_with_scikit_learn() -> None:
    rng = np.random.default_rng(3)
    truth = rng.random(80) < 0.3
    scores = rng.standard_normal(80) + truth
    draws = np.random.default_rng(0)
    figures = []
    for _ in range(200):
        rows = draws.integers(80, size=80)
        figures.append(roc_auc_score(truth[rows], scores[rows]))
    want = np.quantile(figures, [0.025, 0.975])
    got = auroc_interval(truth, scores, resamples=200)
    assert got is not None
    np.testing.assert_allclose(got, want)
    assert got[0] < auroc(truth, scores) < got[1]
