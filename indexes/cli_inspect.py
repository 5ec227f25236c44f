"""``cxr-index inspect | verify``."""

import json
from pathlib import Path

import click

from cxr_edge.labels import OBSERVATIONS, Mention


@click.command()
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


@click.command()
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
