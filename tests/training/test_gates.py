"""Gates and draft metrics against scikit-learn and hand-worked cases."""

import numpy as np
import pytest

from cxr_edge.benchmarks.quality.matrices import f1_scores
from cxr_edge.labels import NO_FINDING, OBSERVATIONS
from cxr_edge.training.drafts import NORMAL_REPORT, contradicts_itself, measure
from cxr_edge.training.gates import (
    MIN_POSITIVES,
    SCORED,
    Gates,
    drafted_labels,
    mute_list,
    tune,
)
from cxr_edge.training.targets import label_reports

HEART = OBSERVATIONS.index("Cardiomegaly")
DEVICES = OBSERVATIONS.index("Support Devices")


def test_no_finding_falls_to_a_disease_and_not_to_a_device() -> None:
    gates = Gates(np.full(14, 0.5), np.full(14, 0.1), np.zeros(14, bool))
    probabilities = np.full((3, 14), 0.2)
    probabilities[:, NO_FINDING] = 0.9
    probabilities[1, DEVICES] = 0.9
    probabilities[2, HEART] = 0.9
    assert list(drafted_labels(probabilities, gates)[:, NO_FINDING]) == [True, True, False]


def synthetic(seed: int = 0, count: int = 400) -> tuple[np.ndarray, np.ndarray]:
    """Probabilities that know the truth with an error of known size."""
    rng = np.random.default_rng(seed)
    truth = rng.random((count, 14)) < 0.15
    truth[:, NO_FINDING] = ~np.delete(truth, [NO_FINDING, DEVICES], axis=1).any(axis=1)
    noise = rng.normal(0, 0.15, truth.shape)
    return np.clip(0.3 + 0.4 * truth + noise, 0, 1), truth


def test_tuned_gates_beat_a_gate_of_one_half() -> None:
    probabilities, truth = synthetic()
    columns = [OBSERVATIONS.index(name) for name in SCORED]
    muted = np.zeros(14, bool)
    tuned = tune(probabilities, truth, muted)
    half = Gates(np.full(14, 0.5), np.full(14, 0.1), muted)
    fresh, truth = synthetic(seed=1)

    def score(gates: Gates) -> float:
        return f1_scores(truth[:, columns], drafted_labels(fresh, gates)[:, columns]).mean()

    assert score(tuned) >= score(half) - 0.01
    assert (tuned.clear <= tuned.gate).all()


def test_clear_lines_keep_nearly_all_positives_from_denial() -> None:
    probabilities, truth = synthetic()
    gates = tune(probabilities, truth, np.zeros(14, bool))
    for number in range(14):
        found = probabilities[truth[:, number], number]
        assert (found < gates.clear[number]).mean() <= 0.05 + 1 / len(found)


def test_muted_without_positives_or_evidence() -> None:
    truth = np.zeros((100, 14), bool)
    truth[: MIN_POSITIVES - 1, 0] = True
    truth[:20, 1:] = True
    auroc, bound = np.full(14, 0.9), np.full(14, 0.8)
    auroc[2], bound[3], auroc[4] = 0.6, 0.5, np.nan
    assert list(np.flatnonzero(mute_list(truth, auroc, bound))) == [0, 2, 3, 4]


@pytest.mark.parametrize(
    ("sentences", "contradiction"),
    [
        (["There is a pleural effusion.", "No pleural effusion."], True),
        (["There is a pleural effusion.", "No acute cardiopulmonary abnormality."], True),
        (["There is a pleural effusion.", "No pneumothorax."], False),
        (["A cardiac pacemaker is present.", "No acute cardiopulmonary abnormality."], False),
        (["Heart size is normal.", "No pleural effusion."], False),
        ([], False),
    ],
)
def test_contradictions(sentences: list[str], contradiction: bool) -> None:
    assert contradicts_itself(sentences) == contradiction


def test_a_system_that_repeats_the_report_scores_one() -> None:
    reports = [
        "The heart is enlarged.",
        "There is a pleural effusion.",
        "There is an opacity.",
        "There is atelectasis.",
        "A cardiac pacemaker is present. There is atelectasis.",
        NORMAL_REPORT,
    ]
    truth = label_reports(reports)
    perfect = measure("perfect", [[report] for report in reports], truth)
    assert perfect.macro_f1 == 1.0
    normal = measure("normal", [[NORMAL_REPORT]] * len(reports), truth)
    assert normal.f1["No Finding"] == pytest.approx(2 / 7)
    assert normal.macro_f1 == pytest.approx(2 / 7 / 6)
    assert (normal.contradictions, normal.comparisons) == (0, 0)
