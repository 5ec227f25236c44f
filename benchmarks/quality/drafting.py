"""Drafts of a data set's studies, written by the pipeline."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from cxr_edge.benchmarks.quality.cases import Case
from cxr_edge.benchmarks.quality.texts import Section, chosen_text
from cxr_edge.errors import StudyError
from cxr_edge.pipeline import Pipeline


@dataclass
class Drafts:
    """Texts by the id of their study."""

    texts: dict[str, str] = field(default_factory=dict)
    failed: dict[str, str] = field(default_factory=dict)
    """Studies that could not be read, and why; their draft is empty."""
    provenance: Mapping[str, object] = field(default_factory=dict)
    """Which parts made them, as a report says it; empty where none was made."""


def draft_cases(pipeline: Pipeline, cases: Iterable[Case], section: Section) -> Drafts:
    """Draft each study from its first image, which is a frontal one where the data set says so.

    A study that cannot be read has an empty draft: a system that says nothing is scored on it.

    Args:
        pipeline: loaded.
        cases: what to draft.
        section: which text of a draft is taken.
    """
    drafts = Drafts()
    for case in cases:
        try:
            report = pipeline.run(case.images[0])
            drafts.texts[case.id] = chosen_text(report.findings, report.impression, section)
            drafts.provenance = report.provenance
        except StudyError as problem:
            drafts.texts[case.id] = ""
            drafts.failed[case.id] = str(problem)
    return drafts
