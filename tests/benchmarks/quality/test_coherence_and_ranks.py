"""The Clinically Coherent Reward and P@K, worked by hand."""

import numpy as np
import pytest

from cxr_edge.benchmarks.quality.coherence import LABELS, coherence
from cxr_edge.benchmarks.quality.ranking import precision_at_k
from cxr_edge.labels import NO_FINDING, OBSERVATIONS, Mention

HEART, EDEMA = OBSERVATIONS.index("Cardiomegaly"), OBSERVATIONS.index("Edema")
DEVICES = OBSERVATIONS.index("Support Devices")


def labels(**said: Mention) -> np.ndarray:
    row = np.full((1, len(OBSERVATIONS)), Mention.BLANK, np.int8)
    columns = {"heart": HEART, "edema": EDEMA, "devices": DEVICES, "normal": NO_FINDING}
    for name, mention in said.items():
        row[0, columns[name]] = mention
    return row


P, N, U = Mention.POSITIVE, Mention.NEGATIVE, Mention.UNCERTAIN


@pytest.mark.parametrize(
    ("report", "draft", "expected"),
    [
        ({}, {}, 13.0),  # all absent: 0 x 0 + 1 x 1 each
        ({"heart": P}, {"heart": P}, 13.0),
        ({"heart": P}, {}, 12.0),  # 1 x 0 + 0 x 1
        ({"heart": P}, {"heart": N}, 12.0),
        ({"heart": N}, {}, 13.0),  # negative and absent are one
        ({"heart": U}, {"heart": P}, 12.5),  # 0.5 x 1 + 0.5 x 0
        ({"heart": U}, {"heart": U}, 12.5),  # 0.5 x 0.5 + 0.5 x 0.5
        ({"heart": U}, {}, 12.5),
        ({"heart": P, "edema": P}, {"edema": P, "devices": P}, 11.0),
        ({"normal": P}, {}, 13.0),  # No Finding is left out
    ],
)
def test_coherence(report, draft, expected) -> None:
    assert coherence(labels(**report), labels(**draft)).tolist() == [expected]


def test_coherence_of_everything_wrong_is_zero() -> None:
    every = np.full((1, 14), P, np.int8)
    assert coherence(every, np.full((1, 14), N, np.int8)).tolist() == [0.0]
    assert LABELS == 13


def test_precision_at_k() -> None:
    queries = ["Edema", "Atelectasis"]
    retrieved = [["Edema", "Atelectasis", "Edema"], ["Edema", "Atelectasis", "Edema"]]
    assert precision_at_k(queries, retrieved, 1) == pytest.approx((1 + 0) / 2)
    assert precision_at_k(queries, retrieved, 2) == pytest.approx((1 / 2 + 1 / 2) / 2)
    assert precision_at_k(queries, retrieved, 3) == pytest.approx((2 / 3 + 1 / 3) / 2)
    assert precision_at_k(queries, retrieved, 4) == pytest.approx((2 / 4 + 1 / 4) / 2)


@pytest.mark.parametrize(
    ("queries", "retrieved", "k"), [([], [], 1), (["a"], [], 1), (["a"], [[]], 0)]
)
def test_precision_of_nothing_is_refused(queries, retrieved, k) -> None:
    with pytest.raises(ValueError, match="P@"):
        precision_at_k(queries, retrieved, k)
