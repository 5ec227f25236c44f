"""What the drafts are worth: the labels of whole drafts against the labels of the reports.

Every validation study is drafted by the real pipeline; the rule labeler reads the draft as it reads
the report. Two baselines stand beside: a fixed normal report for every study, and six sentences
drawn at random from the same index.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from cxr_edge.benchmarks.quality.bootstrap import interval
from cxr_edge.benchmarks.quality.matrices import confusion, f1, positives
from cxr_edge.labelers.attributes import attributes
from cxr_edge.labels import NO_FINDING, OBSERVATIONS, SUPPORT_DEVICES, Mention
from cxr_edge.pipeline import Pipeline
from cxr_edge.training.gates import SCORED
from cxr_edge.training.targets import label_reports
from cxr_edge.types import Attribute, Report

NORMAL_REPORT = (
    "The heart is normal in size. The lungs are clear. There is no pleural effusion or "
    "pneumothorax. No acute cardiopulmonary abnormality."
)
_COLUMNS = [OBSERVATIONS.index(name) for name in SCORED]
_RANDOM_SENTENCES = 6
_RESAMPLES = 1000


@dataclass(frozen=True)
class DraftQuality:
    """Label F1 (rules) of one system over the validation studies."""

    name: str
    f1: dict[str, float]
    """Per scored observation."""
    macro_f1: float
    interval: tuple[float, float]
    """95 % bootstrap interval of ``macro_f1`` over studies."""
    contradictions: int
    """Drafts with a sentence that denies what another asserts."""
    comparisons: int
    """Drafts that speak of an earlier study."""


def contradicts_itself(texts: Sequence[str]) -> bool:
    """Whether two sentences of one draft assert and deny the same observation.

    A sentence that says No Finding and nothing else contradicts one that asserts anything but a
    device.
    """
    labels = label_reports(texts) if texts else np.zeros((0, len(OBSERVATIONS)), np.int8)
    findings = np.delete(labels, NO_FINDING, axis=1)
    asserted, denied = findings == Mention.POSITIVE, findings == Mention.NEGATIVE
    both = asserted.any(axis=0) & denied.any(axis=0)
    only_normal = (labels[:, NO_FINDING] == Mention.POSITIVE) & ~(asserted | denied).any(axis=1)
    diseased = np.delete(labels == Mention.POSITIVE, [NO_FINDING, SUPPORT_DEVICES], axis=1).any()
    return bool(both.any() or (only_normal.any() and diseased))


def measure(name: str, drafts: Sequence[Sequence[str]], truth: NDArray[np.int8]) -> DraftQuality:
    """Score one system.

    Args:
        name: what the row is called.
        drafts: the sentences of each draft.
        truth: int8 (N, 14), the labels of the reports.
    """
    drafted = positives(label_reports([" ".join(d) for d in drafts]))[:, _COLUMNS]
    wanted = positives(truth)[:, _COLUMNS]
    each = f1(confusion(wanted, drafted))
    bounds = interval(
        lambda weights: f1(confusion(wanted, drafted, weights), "macro"),
        len(wanted),
        _RESAMPLES,
        seed=0,
    )
    return DraftQuality(
        name,
        {n: float(value) for n, value in zip(SCORED, each, strict=True)},
        float(each.mean()),
        bounds,
        sum(contradicts_itself(draft) for draft in drafts),
        sum(bool(attributes(" ".join(draft)) & Attribute.COMPARISON) for draft in drafts),
    )


def baselines(pipeline: Pipeline, truth: NDArray[np.int8]) -> list[DraftQuality]:
    """A fixed normal report, and six random sentences of the pipeline's own index."""
    rng = np.random.default_rng(0)
    rows = rng.integers(0, len(pipeline.index), (len(truth), _RANDOM_SENTENCES))
    drawn = [[pipeline.index.hit(row, 0.0).text for row in picked] for picked in rows]
    return [
        measure("fixed normal report", [[NORMAL_REPORT]] * len(truth), truth),
        measure("random sentences", drawn, truth),
    ]


def sentences_of(report: Report) -> list[str]:
    """The sentences of a draft."""
    return [hit.text for hit in report.sentences]


def draft_all(pipeline: Pipeline, images: Sequence[Path]) -> list[Report]:
    """Draft a report of each image."""
    return [pipeline.run(image) for image in images]
