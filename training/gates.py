"""Gates, clear lines and the mute list: what a draft may say, decided on ``valid``.

A gate is the probability from which ``guided`` asserts an observation, the clear line the one below
which it denies it. Both are read off the validation studies: the gates of the scored observations
by coordinate ascent on the macro-F1 of the labels a draft would carry, averaged over bootstrap
resamples so that single studies do not decide; the others one by one on their own F1.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cxr_edge.benchmarks.quality.matrices import Matrix, confusion, f1
from cxr_edge.labels import NO_FINDING, OBSERVATIONS, SUPPORT_DEVICES

SCORED: tuple[str, ...] = (
    "No Finding",
    "Cardiomegaly",
    "Pleural Effusion",
    "Lung Opacity",
    "Atelectasis",
    "Support Devices",
)
"""The observations whose macro-F1 is reported for drafts."""

MIN_POSITIVES = 8
MIN_AUROC = 0.70
MIN_AUROC_BOUND = 0.55
"""An observation is muted with fewer positives on ``valid`` than the first, an AUROC under the
second, or a lower bootstrap bound (2.5 %) under the third."""

MIN_PRECISION = 0.25
"""An observation is also muted when its tuned gate is right less often than this."""

CLEAR_SENSITIVITY = 0.95
"""A draft denies an observation only where at least this share of the positives lies above."""

_RESAMPLES = 100
_PASSES = 4
_SCORED = np.array([OBSERVATIONS.index(name) for name in SCORED])


@dataclass(frozen=True)
class Gates:
    """Tuned gates in ``OBSERVATIONS`` order."""

    gate: NDArray[np.float64]
    """float64 (14,), 0..1."""
    clear: NDArray[np.float64]
    """float64 (14,), 0..gate."""
    muted: NDArray[np.bool_]
    """bool (14,)."""


def drafted_labels(probabilities: NDArray[np.floating], gates: Gates) -> Matrix:
    """The labels the drafts of ``guided`` carry, bool (N, 14), without writing the drafts.

    No Finding holds where nothing but a device is asserted and its own probability passes its gate.
    """
    asserted: Matrix = (probabilities >= gates.gate) & ~gates.muted
    abnormal = np.delete(asserted, [NO_FINDING, SUPPORT_DEVICES], axis=1).any(axis=1)
    asserted[:, NO_FINDING] &= ~abnormal
    return asserted


def mute_list(
    truth: Matrix, auroc: NDArray[np.float64], auroc_bound: NDArray[np.float64]
) -> NDArray[np.bool_]:
    """Observations this model must not speak of, bool (14,).

    Args:
        truth: bool (N, 14), the reports' labels on ``valid``.
        auroc: float64 (14,), NaN where it cannot be computed.
        auroc_bound: float64 (14,), the lower end of its bootstrap interval.
    """
    usable = (auroc >= MIN_AUROC) & (auroc_bound >= MIN_AUROC_BOUND)
    muted: NDArray[np.bool_] = ~usable | (truth.sum(axis=0) < MIN_POSITIVES)
    return muted


def tune(
    probabilities: NDArray[np.floating], truth: Matrix, muted: NDArray[np.bool_], seed: int = 0
) -> Gates:
    """Choose gates and clear lines.

    Args:
        probabilities: (N, 14), of the validation studies.
        truth: bool (N, 14), the labels of their reports.
        muted: bool (14,), see ``mute_list``. Observations whose gate stays under ``MIN_PRECISION``
            are muted as well, and the rest tuned again without them.
        seed: of the bootstrap resamples.
    """
    gates = _ascend(probabilities, truth, muted, seed)
    drafted = drafted_labels(probabilities, gates)
    precision = (truth & drafted).sum(axis=0) / np.maximum(drafted.sum(axis=0), 1)
    loose = ~muted & (precision < MIN_PRECISION)
    return tune(probabilities, truth, muted | loose, seed) if loose.any() else gates


def _ascend(
    probabilities: NDArray[np.floating], truth: Matrix, muted: NDArray[np.bool_], seed: int
) -> Gates:
    """Coordinate ascent over the gates of what is not muted."""
    rng = np.random.default_rng(seed)
    count = len(probabilities)
    weights = np.stack(
        [np.bincount(rng.integers(0, count, count), minlength=count) for _ in range(_RESAMPLES)]
    )
    gate = np.full(len(OBSERVATIONS), 0.5)
    candidates = [
        np.unique(np.quantile(column, np.linspace(0.02, 0.99, 98))) for column in probabilities.T
    ]

    def quality(number: int, value: float) -> float:
        trial = gate.copy()
        trial[number] = value
        drafted = drafted_labels(probabilities, Gates(trial, trial, muted))
        columns = _SCORED if number in _SCORED else np.array([number])
        return float(f1(confusion(truth[:, columns], drafted[:, columns], weights)).mean())

    for _ in range(_PASSES):
        before = gate.copy()
        for number in np.flatnonzero(~muted):
            gate[number] = max(candidates[number], key=lambda value: quality(int(number), value))
        if np.array_equal(gate, before):
            break
    return Gates(gate, _clear_lines(probabilities, truth, gate), muted)


def _clear_lines(
    probabilities: NDArray[np.floating], truth: Matrix, gate: NDArray[np.float64]
) -> NDArray[np.float64]:
    lines = np.zeros(len(OBSERVATIONS))
    for number in range(len(OBSERVATIONS)):
        found = probabilities[truth[:, number], number]
        if found.size:
            lines[number] = min(gate[number], float(np.quantile(found, 1 - CLEAR_SENSITIVITY)))
    return lines
