"""What ``cxr-bench quality`` scores: two files of reports, or a data set that is drafted first."""

import sys
from collections.abc import Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypedDict

import click

from cxr_edge.benchmarks.quality.cases import Case, Cases
from cxr_edge.benchmarks.quality.drafting import draft_cases
from cxr_edge.benchmarks.quality.reports import Pairs, pair, read_reports
from cxr_edge.benchmarks.quality.retrieval import retrieval_scores
from cxr_edge.benchmarks.quality.scores import Score
from cxr_edge.benchmarks.quality.texts import Section
from cxr_edge.errors import CorpusError
from cxr_edge.pipeline import Pipeline

FIVE_BY_TWO_HUNDRED = "chexpert-5x200"
_PROVENANCE = (
    "bundle_sha256",
    "index_sha256",
    "space",
    "method",
    "engine",
    "precision",
    "threads",
)


class Drafting(TypedDict):
    """How ``Pipeline.load`` is called."""

    bundle: Path | None
    index: Path | None
    engine: str
    method: str | None


@dataclass(frozen=True)
class Matter:
    """What is scored, and what to say of it."""

    pairs: Pairs
    data: str
    """Name of the data set, empty where it is not known."""
    split: str
    """Empty where it is not known."""
    subject: Mapping[str, object]
    """For the record."""
    notes: list[str] = field(default_factory=list)
    failed: int = 0
    """Studies that could not be drafted."""
    ranks: list[Score] = field(default_factory=list)
    """P@K where the data set is CheXpert 5x200."""


def read_matter(
    references: Path, drafts: Path, section: Section, data: str, split: str, common: bool
) -> Matter:
    """Two files or folders of reports.

    Raises:
        CorpusError: one cannot be read, or their ids do not match.
    """
    wanted = read_reports(references, "references", section)
    pairs = pair(wanted, read_reports(drafts, "drafts", section), common=common)
    subject = {"references": str(references), "drafts": str(drafts)}
    return Matter(pairs, data, split, subject, _remarks(pairs))


def draft_matter(
    cases: Cases,
    section: Section,
    data: str | None,
    how: Drafting,
    *,
    resamples: int = 1000,
    seed: int = 0,
) -> Matter:
    """The studies of a data set, drafted now; ``resamples`` and ``seed`` are those of P@K.

    Raises:
        CorpusError: the data set has no reports.
        CxrEdgeError: the pipeline cannot be loaded.
    """
    if not cases.has_reports:
        raise CorpusError(f"{cases.name}, read as {cases.layout}, has no reports to score against")
    ranks: list[Score] = []
    with Pipeline.load(**how) as pipeline:
        with _bar(cases.cases) as shown:
            drafts = draft_cases(pipeline, shown, section)
        if cases.layout == FIVE_BY_TWO_HUNDRED:
            ranks = retrieval_scores(pipeline, cases.cases, resamples=resamples, seed=seed)
    wanted = {case.id: case.reference(section) for case in cases.cases}
    pairs = pair(wanted, drafts.texts)
    made = {key: drafts.provenance.get(key) for key in _PROVENANCE}
    subject = {"layout": cases.layout, **made}
    notes = [*cases.notes, *_remarks(pairs)]
    notes += [f"{name} has an empty draft: {why}" for name, why in drafts.failed.items()]
    name = cases.name if data is None else data
    return Matter(pairs, name, cases.split, subject, notes, len(drafts.failed), ranks)


def _bar(cases: Sequence[Case]) -> AbstractContextManager[Iterable[Case]]:
    """A bar on standard error; silent where that is no terminal."""
    hidden = not sys.stderr.isatty()
    return click.progressbar(cases, label="drafting", file=sys.stderr, hidden=hidden)


def _remarks(pairs: Pairs) -> list[str]:
    sides = (
        ("reports without a draft", pairs.undrafted),
        ("drafts without a report", pairs.unknown),
        ("reports without the section that is compared, left out", pairs.empty),
        ("empty drafts, scored as such", [text for text in pairs.drafts if not text]),
    )
    return [f"{what}: {len(names)}" for what, names in sides if names]
