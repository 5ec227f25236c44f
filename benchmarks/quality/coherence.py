"""Clinically Coherent Reward (Liu et al., MLHC 2019), used as a metric of reports."""

import numpy as np
from numpy.typing import NDArray

from cxr_edge.labels import NO_FINDING, OBSERVATIONS, Mention

LABELS = len(OBSERVATIONS) - 1
"""The twelve findings and Support Devices; No Finding is left out. The largest reward."""

_BELIEF = {
    Mention.POSITIVE: 1.0,
    Mention.UNCERTAIN: 0.5,
    Mention.NEGATIVE: 0.0,
    Mention.BLANK: 0.0,
}


def coherence(truth: NDArray[np.int8], drafted: NDArray[np.int8]) -> NDArray[np.float64]:
    """The reward of each report: float64 (N,), 0..13.

    ``sum over labels t and states s in {+, -} of p(s | l_t(draft)) p(s | l_t(report))`` with
    p(+) = 1 for positive, 0.5 for uncertain, 0 for negative or absent, and p(-) = 1 - p(+).

    Args:
        truth: int8 (N, 14), ``Mention`` values of the reports in ``OBSERVATIONS`` order.
        drafted: int8 (N, 14), of the drafts.
    """
    wanted, said = _beliefs(truth), _beliefs(drafted)
    return np.asarray((wanted * said + (1 - wanted) * (1 - said)).sum(axis=1))


def _beliefs(mentions: NDArray[np.int8]) -> NDArray[np.float64]:
    """p(+) of the thirteen labels: float64 (N, 13)."""
    table = np.array([_BELIEF[mention] for mention in sorted(Mention)])
    return np.delete(table[mentions.astype(np.intp)], NO_FINDING, axis=1)
