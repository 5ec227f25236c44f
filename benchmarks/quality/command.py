"""``cxr-bench quality``: how good drafts are, ours or any other system's."""

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, cast

import click

from cxr_edge.benchmarks.quality.others import OTHERS
from cxr_edge.benchmarks.quality.scores import CE_NAMES, NEEDS_LABELER, Score
from cxr_edge.benchmarks.quality.texts import SECTIONS, Section

if TYPE_CHECKING:
    from cxr_edge.benchmarks.quality.matter import Matter
    from cxr_edge.benchmarks.quality.published import Published


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
    from cxr_edge.benchmarks.quality.cases import open_cases
    from cxr_edge.benchmarks.quality.matter import Drafting, draft_matter, read_matter
    from cxr_edge.benchmarks.quality.scores import score
    from cxr_edge.benchmarks.quality.table import figures_beside, published_table, score_table
    from cxr_edge.bundle import Bundle

    part = cast(Section, section)
    if chexbert is not None:
        Bundle.load(chexbert)  # a wrong path is said now, not after every study is drafted
    if studies is not None and references is None and drafts is None:
        how = Drafting(bundle=bundle, index=index, engine=engine, method=method)
        cases = open_cases(studies, split=split, count=count)
        matter = draft_matter(cases, part, data, how, resamples=resamples, seed=seed)
    elif studies is None and references is not None and drafts is not None:
        matter = read_matter(references, drafts, part, data or "", split or "", common)
    else:
        raise click.UsageError("give REFERENCES and DRAFTS, or --studies, and not both")
    texts = matter.pairs.references, matter.pairs.drafts
    scores = score(*texts, chexbert=chexbert, resamples=resamples, seed=seed)
    scores += [*_ce(ce_labels, resamples, seed), *matter.ranks]
    scores += _others(others, *texts, resamples, seed)
    beside = figures_beside(scores, matter.data, matter.split)
    click.echo(
        f"studies: {len(matter.pairs.ids)}, section: {section}, "
        f"data: {matter.data or 'not named'}, split: {matter.split or 'not named'}\n"
    )
    click.echo(score_table(scores))
    if beside:
        click.echo(f"\n{published_table(scores, beside)}")
    for note in matter.notes:
        click.echo(f"note: {note}", err=True)
    if out is not None:
        runs = {"section": section, "resamples": resamples, "seed": seed}
        _write(out, matter, scores, beside, runs)
    if matter.failed:
        context.exit(1)


def _write(
    target: Path,
    matter: "Matter",
    scores: Sequence[Score],
    beside: "Sequence[tuple[Published, str]]",
    runs: dict[str, object],
) -> None:
    """The record, with every id that was scored and every one that could not be."""
    from cxr_edge.benchmarks.record import new_record, write_record

    results = {
        "data": matter.data,
        "split": matter.split,
        "studies": list(matter.pairs.ids),
        "undrafted": list(matter.pairs.undrafted),
        "unknown": list(matter.pairs.unknown),
        "without_section": list(matter.pairs.empty),
        "scores": [asdict(one) for one in scores],
        "published": [{**asdict(figure), "differs": why} for figure, why in beside],
    }
    subject, notes = matter.subject, matter.notes
    write_record(
        target,
        new_record("quality", subject=subject, runs=runs, samples={}, results=results, notes=notes),
    )


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
