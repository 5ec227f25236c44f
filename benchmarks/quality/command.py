"""``cxr-bench quality``: how good drafts are, ours or any other system's."""

import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import cast

import click

from cxr_edge.benchmarks.quality.others import OTHERS
from cxr_edge.benchmarks.quality.reports import Pairs
from cxr_edge.benchmarks.quality.scores import CE_NAMES, NEEDS_LABELER, Score
from cxr_edge.benchmarks.quality.texts import SECTIONS, Section


@dataclass(frozen=True)
class _Matter:
    """What is scored, and what to say of it."""

    pairs: Pairs
    data: str
    split: str
    subject: dict[str, object]
    notes: list[str] = field(default_factory=list)
    failed: int = 0


@click.command()
@click.argument("references", type=click.Path(path_type=Path), required=False)
@click.argument("drafts", type=click.Path(path_type=Path), required=False)
@click.option("--studies", type=click.Path(path_type=Path), help="Data set to draft and score.")
@click.option("--split", default=None, help="Split of the data set: valid, test ...")
@click.option("--count", type=click.IntRange(1), default=None, help="At most so many studies.")
@click.option("--method", default=None, help="Report method; default what the bundle recommends.")
@click.option("--bundle", type=click.Path(path_type=Path), default=None, help="Bundle that drafts.")
@click.option("--index", type=click.Path(path_type=Path), default=None, help="Index it uses.")
@click.option("--engine", default="auto", help="Engine of the bundle.")
@click.option(
    "--section",
    type=click.Choice(SECTIONS),
    default="report",
    help="What is compared; findings: the impression where a report has no findings.",
)
@click.option("--data", default=None, help="Name of the data, to set published figures beside.")
@click.option("--common", is_flag=True, help="Score the ids that both files have.")
@click.option("--chexbert", type=click.Path(path_type=Path), help="Bundle of CheXbert's weights.")
@click.option(
    "--ce-labels",
    type=(click.Path(path_type=Path), click.Path(path_type=Path)),
    default=None,
    help="The CheXpert labeler's tables of reports and drafts, row by row.",
)
@click.option(
    "--with",
    "others",
    type=click.Choice(sorted(OTHERS)),
    multiple=True,
    help="Also run this program of others; may be given again.",
)
@click.option("--resamples", type=click.IntRange(1), default=1000, help="For the intervals.")
@click.option("--seed", type=int, default=0, help="Of the resamples.")
@click.option("--json", "out", type=click.Path(path_type=Path), help="Also write a record.")
@click.pass_context
def quality(
    context: click.Context,
    references: Path | None,
    drafts: Path | None,
    studies: Path | None,
    split: str | None,
    count: int | None,
    method: str | None,
    bundle: Path | None,
    index: Path | None,
    engine: str,
    section: str,
    data: str | None,
    common: bool,
    chexbert: Path | None,
    ce_labels: tuple[Path, Path] | None,
    others: tuple[str, ...],
    resamples: int,
    seed: int,
    out: Path | None,
) -> None:
    """Score DRAFTS against REFERENCES, two files or folders of reports matched by their ids.

    Files are .csv, .jsonl, ReXrank's .json, what cxr-run --json wrote, or a folder of .txt. With
    --studies the reports of a data set are scored against drafts that are made first. See
    docs/quality.md for what each figure may be set beside.
    """
    from cxr_edge.benchmarks.quality.scores import score
    from cxr_edge.benchmarks.quality.table import figures_beside, published_table, score_table

    part = cast(Section, section)
    if (studies is None) == (references is None) or (references is None) != (drafts is None):
        raise click.UsageError("give REFERENCES and DRAFTS, or --studies, and not both")
    if studies is not None:
        options: dict[str, object] = {"bundle": bundle, "index": index, "engine": engine}
        matter = _drafted(studies, split, count, part, data, {**options, "method": method})
    else:
        assert references is not None
        assert drafts is not None
        matter = _read(references, drafts, part, data or "", split or "", common)
    pairs = matter.pairs
    texts = pairs.references, pairs.drafts
    scores = score(*texts, chexbert=chexbert, resamples=resamples, seed=seed)
    scores += _ce(ce_labels, resamples, seed)
    scores += _others(others, *texts, resamples, seed)
    beside = figures_beside(scores, matter.data, matter.split)
    click.echo(
        f"{len(pairs.ids)} studies, section: {section}, data: {matter.data or 'not named'}, "
        f"split: {matter.split or 'not named'}\n"
    )
    click.echo(score_table(scores))
    if beside:
        click.echo(f"\n{published_table(scores, beside)}")
    for note in matter.notes:
        click.echo(f"note: {note}", err=True)
    if out is not None:
        from cxr_edge.benchmarks.record import new_record, write_record

        results = {
            "section": section,
            "data": matter.data,
            "split": matter.split,
            "studies": list(pairs.ids),
            "undrafted": list(pairs.undrafted),
            "unknown": list(pairs.unknown),
            "without_section": list(pairs.empty),
            "scores": [asdict(one) for one in scores],
            "published": [{**asdict(figure), "differs": why} for figure, why in beside],
        }
        runs = {"resamples": resamples, "seed": seed}
        record = new_record(
            "quality",
            subject=matter.subject,
            runs=runs,
            samples={},
            results=results,
            notes=matter.notes,
        )
        write_record(out, record)
    if matter.failed:
        context.exit(1)


def _read(
    references: Path, drafts: Path, section: Section, data: str, split: str, common: bool
) -> _Matter:
    from cxr_edge.benchmarks.quality.reports import pair, read_reports

    wanted = read_reports(references, "references", section)
    pairs = pair(wanted, read_reports(drafts, "drafts", section), common=common)
    subject = {"references": str(references), "drafts": str(drafts)}
    return _Matter(pairs, data, split, dict(subject), _remarks(pairs))


def _drafted(
    studies: Path,
    split: str | None,
    count: int | None,
    section: Section,
    data: str | None,
    options: dict[str, object],
) -> _Matter:
    from cxr_edge.benchmarks.quality.cases import open_cases
    from cxr_edge.benchmarks.quality.drafting import draft_cases
    from cxr_edge.benchmarks.quality.reports import pair
    from cxr_edge.errors import CorpusError
    from cxr_edge.pipeline import Pipeline

    cases = open_cases(studies, split=split, count=count)
    if not cases.has_reports:
        raise CorpusError(f"{studies}, read as {cases.layout}, has no reports to score against")
    with Pipeline.load(**options) as pipeline:  # type: ignore[arg-type]
        with click.progressbar(length=len(cases.cases), label="drafting", file=sys.stderr) as bar:
            drafts = draft_cases(pipeline, cases, section, lambda: bar.update(1))
        subject = {
            "studies": str(studies),
            "layout": cases.layout,
            "bundle_space": pipeline.bundle.space,
            "method": pipeline.method_name,
            "engine": pipeline.engine.info.name,
        }
    wanted = {case.id: case.reference(section) for case in cases.cases}
    pairs = pair(wanted, drafts.texts)
    notes = [*cases.notes, *_remarks(pairs)]
    notes += [f"{name} has an empty draft: {why}" for name, why in drafts.failed.items()]
    name = cases.name if data is None else data
    return _Matter(pairs, name, cases.split, subject, notes, len(drafts.failed))


def _remarks(pairs: Pairs) -> list[str]:
    sides = (
        ("reports without a draft", pairs.undrafted),
        ("drafts without a report", pairs.unknown),
        ("reports without the section that is compared, left out", pairs.empty),
        ("empty drafts, scored as such", [text for text in pairs.drafts if not text]),
    )
    return [f"{what}: {len(names)}" for what, names in sides if names]


def _ce(tables: tuple[Path, Path] | None, resamples: int, seed: int) -> list[Score]:
    from cxr_edge.benchmarks.quality.chexpert_labels import read_labels
    from cxr_edge.benchmarks.quality.scores import ce_scores
    from cxr_edge.errors import CorpusError

    if tables is None:
        return [Score(name, None, None, None, NEEDS_LABELER) for name in CE_NAMES]
    truth, drafted = (read_labels(table) for table in tables)
    if len(truth) != len(drafted):
        raise CorpusError(
            f"{tables[0]} has {len(truth)} rows and {tables[1]} {len(drafted)}; expected as many"
        )
    return ce_scores(truth, drafted, resamples=resamples, seed=seed)


def _others(
    asked: Sequence[str],
    references: Sequence[str],
    drafts: Sequence[str],
    resamples: int,
    seed: int,
) -> list[Score]:
    from cxr_edge.benchmarks.quality.others import other_score

    return [
        other_score(name, references, drafts, resamples=resamples, seed=seed)
        if name in asked
        else Score(other.metric, None, None, None, f"on request: --with {name}")
        for name, other in OTHERS.items()
    ]
