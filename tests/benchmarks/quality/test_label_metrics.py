"""Label metrics against scikit-learn, on hand-written and on drawn matrices, and by hand."""

import numpy as np
import pytest
from sklearn.metrics import f1_score, precision_recall_fscore_support

from cxr_edge.benchmarks.quality.matrices import (
    FIVE,
    FIVE_COLUMNS,
    confusion,
    f1,
    f1_scores,
    positives,
    precision,
    recall,
)
from cxr_edge.labels import OBSERVATIONS, Mention

# Rows are reports. Column 0: one hit, one miss. 1: two hits, one false. 2: nothing anywhere.
# 3: drafted and never true. 4: true and never drafted.
TRUTH = np.array([[1, 0, 0, 0, 1], [1, 1, 0, 0, 0], [0, 1, 0, 0, 1], [0, 0, 0, 0, 0]], bool)
DRAFTED = np.array([[1, 1, 0, 1, 0], [0, 1, 0, 0, 0], [0, 1, 0, 1, 0], [0, 0, 0, 0, 0]], bool)
HAND_WRITTEN = [
    (TRUTH, DRAFTED),
    (DRAFTED, TRUTH),
    (TRUTH, TRUTH),
    (np.zeros((3, 14), bool), np.zeros((3, 14), bool)),
    (np.ones((2, 14), bool), np.zeros((2, 14), bool)),
    (np.eye(14, dtype=bool), np.eye(14, dtype=bool)[::-1]),
    (np.array([[True]]), np.array([[True]])),
]


def drawn(seed: int) -> tuple[np.ndarray, np.ndarray]:
    truth, drafted = np.random.default_rng(seed).random((2, 40, 14)) < 0.15
    return truth, drafted


MATRICES = [*HAND_WRITTEN, *(drawn(seed) for seed in range(5))]


@pytest.mark.parametrize(("truth", "drafted"), MATRICES)
@pytest.mark.parametrize("average", ["macro", "micro"])
def test_precision_recall_and_f1_are_those_of_scikit_learn(truth, drafted, average) -> None:
    expected = precision_recall_fscore_support(truth, drafted, average=average, zero_division=0)
    if truth.shape[1] == 1:  # scikit-learn takes one column for classes 0 and 1
        expected = (1.0, 1.0, 1.0, None)
    counts = confusion(truth, drafted)
    ours = [float(figure(counts, average)) for figure in (precision, recall, f1)]
    np.testing.assert_allclose(ours, expected[:3], atol=1e-12)


@pytest.mark.parametrize(("truth", "drafted"), MATRICES)
def test_f1_of_each_label_is_that_of_scikit_learn(truth, drafted) -> None:
    if truth.shape[1] == 1:
        assert list(f1_scores(truth, drafted)) == [1.0]
        return
    expected = f1_score(truth, drafted, average=None, zero_division=0)
    np.testing.assert_allclose(f1_scores(truth, drafted), expected, atol=1e-12)


def test_by_hand() -> None:
    counts = confusion(TRUTH, DRAFTED)
    assert list(counts.hits) == [1, 2, 0, 0, 0]
    assert list(counts.drafted) == [1, 3, 0, 2, 0]
    assert list(counts.true) == [2, 2, 0, 0, 2]
    np.testing.assert_allclose(precision(counts), [1, 2 / 3, 0, 0, 0])
    np.testing.assert_allclose(recall(counts), [1 / 2, 1, 0, 0, 0])
    np.testing.assert_allclose(f1(counts), [2 / 3, 4 / 5, 0, 0, 0])
    assert float(f1(counts, "macro")) == pytest.approx((2 / 3 + 4 / 5) / 5)
    assert float(f1(counts, "micro")) == pytest.approx(2 * 3 / (6 + 6))


def test_division_by_zero_is_zero_and_stays_in_the_mean() -> None:
    nothing = np.zeros((4, 14), bool)
    counts = confusion(nothing, nothing)
    for figure in (precision, recall, f1):
        assert list(figure(counts)) == [0.0] * 14
        assert float(figure(counts, "macro")) == 0.0
        assert float(figure(counts, "micro")) == 0.0
    one = nothing.copy()
    one[0, 0] = True
    assert float(f1(confusion(one, one), "macro")) == pytest.approx(1 / 14)


def test_weights_are_the_same_as_repeated_rows() -> None:
    truth, drafted = drawn(7)
    weights = np.random.default_rng(1).integers(0, 4, (6, len(truth)))
    together = f1(confusion(truth, drafted, weights), "macro")
    for row, value in zip(weights, together, strict=True):
        repeated = f1_score(
            truth.repeat(row, axis=0), drafted.repeat(row, axis=0), average="macro", zero_division=0
        )
        assert value == pytest.approx(repeated, abs=1e-12)


def test_matrices_of_two_shapes_are_refused() -> None:
    with pytest.raises(ValueError, match="differ"):
        confusion(np.zeros((2, 14), bool), np.zeros((3, 14), bool))


def test_what_counts_as_one() -> None:
    mentions = np.array([[Mention.BLANK, Mention.POSITIVE, Mention.NEGATIVE, Mention.UNCERTAIN]])
    assert positives(mentions).tolist() == [[False, True, False, False]]
    assert positives(mentions, uncertain=True).tolist() == [[False, True, False, True]]


def test_the_five_by_name() -> None:
    assert [OBSERVATIONS[column] for column in FIVE_COLUMNS] == list(FIVE)
    assert set(FIVE) == {
        "Atelectasis",
        "Cardiomegaly",
        "Consolidation",
        "Edema",
        "Pleural Effusion",
    }
