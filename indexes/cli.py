"""``cxr-index build | inspect | verify``."""

import json
from pathlib import Path

import click

from cxr_edge import __version__
from cxr_edge.cli.guard import one_line_errors
from cxr_edge.labels import OBSERVATIONS, Mention


@click.group()
@click.version_option(__version__, prog_name="cxr-index")
def index() -> None:
    """Build, look at and verify sentence indexes."""


@index.command()
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
    unit: str,
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
    from cxr_edge.indexes.corpora import open_corpus
    from cxr_edge.pipeline import locate

    source = open_corpus(corpus, unit=unit, split=split)
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


@index.command()
@click.argument("directory", type=click.Path(path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="The manifest, for machines.")
def inspect(directory: Path, as_json: bool) -> None:
    """Show what an index holds."""
    from cxr_edge.indexes.search import SentenceIndex

    opened = SentenceIndex.open(directory)
    if as_json:
        click.echo(json.dumps(dict(opened.manifest)))
        return
    click.echo(f"{directory}: {len(opened)} {opened.unit}s, {opened.vectors.shape[1]} dimensions")
    click.echo(f"space {opened.space}, metric {opened.metric}, digest {opened.digest}")
    for number, name in enumerate(OBSERVATIONS):
        column = opened.labels[:, number]
        counts = ", ".join(
            f"{mention.name.lower()} {int((column == mention).sum())}"
            for mention in Mention
            if mention != Mention.BLANK
        )
        click.echo(f"  {name:27} {counts}")


@index.command()
@click.argument("directory", type=click.Path(path_type=Path))
@click.option("--bundle", type=click.Path(), help="Also check that the index fits this bundle.")
def verify(directory: Path, bundle: str | None) -> None:
    """Check every byte of an index; exits with 1 when it is damaged or does not fit."""
    from cxr_edge.bundle import Bundle
    from cxr_edge.indexes.search import SentenceIndex

    opened = SentenceIndex.open(directory)
    if bundle is not None:
        fitting = Bundle.load(bundle)
        opened.require_space(fitting.space, fitting.metric)
    click.echo(f"{directory} is sound: {len(opened)} {opened.unit}s, digest {opened.digest}")


def main() -> None:
    """Entry point of ``cxr-index``."""
    with one_line_errors("cxr-index", "index"):
        index(prog_name="cxr-index")
