"""``cxr-index build``."""

from pathlib import Path
from typing import Literal

import click


@click.command()
@click.argument("corpus")
@click.option("--bundle", type=click.Path(), help="Bundle whose text network embeds the corpus.")
@click.option("--out", required=True, type=click.Path(path_type=Path), help="Directory to create.")
@click.option("--name", help="What reports call this index (default: the name of --out).")
@click.option(
    "--unit", type=click.Choice(["sentence", "report"]), default="sentence", show_default=True
)
@click.option("--split", help="Take only the reports of this split.")
@click.option("--replace", is_flag=True, help="Put it in the place of an older index.")
@click.option("--threads", type=click.IntRange(min=1))
def build(
    corpus: str,
    bundle: str | None,
    out: Path,
    name: str | None,
    unit: Literal["sentence", "report"],
    split: str | None,
    replace: bool,
    threads: int | None,
) -> None:
    """Build an index of CORPUS: 'grammar', or a JSON Lines file of reports.

    Each line of the file is an object with 'findings' and 'impression', and optionally 'uid' and
    'split'.
    """
    from cxr_edge.bundle import Bundle
    from cxr_edge.indexes.build import build_index
    from cxr_edge.indexes.corpora import CorpusOptions, open_corpus
    from cxr_edge.pipeline import locate

    source = open_corpus(corpus, CorpusOptions(unit=unit, split=split))
    try:
        built = build_index(
            source,
            Bundle.load(locate("bundle", bundle)),
            out,
            name=name or out.name,
            unit=unit,
            threads=threads,
            replace=replace,
        )
    finally:
        # Also when nothing is left: the reasons are what the user needs then.
        for reason, number in sorted(source.dropped.items()):
            click.echo(f"dropped {number}: {reason}", err=True)
    if built.repeated:
        click.echo(f"dropped {built.repeated}: repeats an earlier one", err=True)
    click.echo(f"{out}: {len(built.index)} {unit}s of {built.read + sum(source.dropped.values())}")
