"""``cxr-index inspect | verify | search | publish | rollback``."""

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from cxr_edge.labels import OBSERVATIONS, Mention

if TYPE_CHECKING:
    from cxr_edge.indexes.search import SentenceIndex
    from cxr_edge.types import Hit

_DIRECTORY = click.argument("directory", type=click.Path(path_type=Path))


@click.command()
@_DIRECTORY
@click.option("--json", "as_json", is_flag=True, help="The manifest, for machines.")
@click.option("--row", type=click.IntRange(min=0), help="Show one row and what it stands for.")
def inspect(directory: Path, as_json: bool, row: int | None) -> None:
    """Show what an index holds."""
    from cxr_edge.indexes.container import CLUSTERS
    from cxr_edge.indexes.search import SentenceIndex

    opened = SentenceIndex.open(directory)
    if row is not None:
        _inspect_row(opened, row, as_json)
        return
    if as_json:
        click.echo(json.dumps(dict(opened.manifest)))
        return
    manifest = opened.manifest
    click.echo(
        f"{opened.directory}: {len(opened)} {opened.unit}s, {opened.vectors.shape[1]} dimensions, "
        f"{opened.vectors.dtype.name}"
    )
    click.echo(f"space {opened.space}, metric {opened.metric}, digest {opened.digest}")
    click.echo(f"search: {opened.plan}")
    for key in ("compression", "corpus", "labeler"):
        if key in manifest:
            value = manifest[key]
            click.echo(f"{key}: {value if isinstance(value, str) else json.dumps(value)}")
    if CLUSTERS in manifest["files"]:
        click.echo(f"clusters: {len(opened.clusters.texts)} texts behind the rows")
    for number, name in enumerate(OBSERVATIONS):
        column = opened.labels[:, number]
        counts = ", ".join(
            f"{mention.name.lower()} {int((column == mention).sum())}"
            for mention in Mention
            if mention != Mention.BLANK
        )
        click.echo(f"  {name:27} {counts}")


def _inspect_row(opened: "SentenceIndex", row: int, as_json: bool) -> None:
    from cxr_edge.indexes.container import CLUSTERS
    from cxr_edge.indexes.contents import Member

    if row >= len(opened):
        raise click.UsageError(f"--row {row}: the index has rows 0 to {len(opened) - 1}")
    hit = opened.hit(row, 0.0)
    own = Member(hit.text, opened.sources[row], int(opened.frequency[row]))
    members = opened.members(row) if CLUSTERS in opened.manifest["files"] else (own,)
    if as_json:
        texts = [
            {"text": one.text, "sources": one.sources, "frequency": one.frequency}
            for one in members
        ]
        click.echo(json.dumps({"row": row, "labels": hit.named_labels(), "members": texts}))
        return
    click.echo(f"row {row}: {', '.join(f'{k} {v}' for k, v in hit.named_labels().items())}")
    for one in members:
        click.echo(f"  {one.frequency:6} x  {_shown(one.text)}  [{_shown(_some(one.sources))}]")


def _shown(text: str) -> str:
    """One line of what a corpus says: nothing that a terminal would obey."""
    return "".join(character if character.isprintable() else "?" for character in text)


def _some(sources: tuple[str, ...]) -> str:
    return ", ".join(sources[:3]) + (f" and {len(sources) - 3} more" if len(sources) > 3 else "")


@click.command()
@_DIRECTORY
@click.option("--bundle", type=click.Path(), help="Also check that the index fits this bundle.")
def verify(directory: Path, bundle: str | None) -> None:
    """Check every byte and every value of an index; exits with 1 when one is wrong."""
    from cxr_edge.bundle import Bundle
    from cxr_edge.indexes.search import SentenceIndex
    from cxr_edge.indexes.verifying import verify_values

    opened = SentenceIndex.open(directory)
    verify_values(opened)
    if bundle is not None:
        fitting = Bundle.load(bundle)
        opened.require_space(fitting.space, fitting.metric)
    click.echo(f"{opened.directory} is sound: {len(opened)} {opened.unit}s, digest {opened.digest}")


@click.command()
@_DIRECTORY
@click.option("--bundle", type=click.Path(), help="Bundle that embeds the query.")
@click.option("--image", help="Search with a picture: a DICOM file, a PNG, a folder of one study.")
@click.option("--text", help="Search with a text.")
@click.option("-k", default=10, show_default=True, type=click.IntRange(min=1), help="How many.")
@click.option("--exact", is_flag=True, help="Score every row, also where a graph is there.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
def search(
    directory: Path,
    bundle: str | None,
    image: str | None,
    text: str | None,
    k: int,
    exact: bool,
    as_json: bool,
) -> None:
    """Find the rows nearest to a picture or to a text."""
    if (image is None) == (text is None):
        raise click.UsageError("give --image FILE or --text TEXT, one of them")
    if text is not None and not text.strip():
        raise click.UsageError("--text is empty; give the text to search with")
    from cxr_edge.bundle import Bundle
    from cxr_edge.indexes.querying import image_query, text_query
    from cxr_edge.indexes.search import SentenceIndex
    from cxr_edge.pipeline import locate

    opened = SentenceIndex.open(directory, exact=exact)
    fitting = Bundle.load(locate("bundle", bundle))
    opened.require_space(fitting.space, fitting.metric)
    query = text_query(fitting, text) if text is not None else image_query(fitting, image or "")
    hits = opened.search(query, k)
    if as_json:
        click.echo(json.dumps({"search": opened.plan, "hits": [_as_json(opened, h) for h in hits]}))
        return
    click.echo(f"search: {opened.plan}", err=True)
    for hit in hits:
        text, source = _shown(hit.text), _shown(hit.source or "")
        click.echo(f"{hit.score:7.4f}  {hit.row:7}  {text}  [{source}]")


def _as_json(opened: "SentenceIndex", hit: "Hit") -> dict[str, object]:
    return {
        "row": hit.row,
        "score": hit.score,
        "text": hit.text,
        "sources": opened.sources[hit.row or 0],
        "labels": hit.named_labels(),
        "cluster_size": hit.cluster_size,
    }


@click.command()
@click.argument("version", type=click.Path(path_type=Path))
def publish(version: Path) -> None:
    """Make an index the one in use among its neighbours: its parent's CURRENT names it.

    Programs that open the parent directory get this version from then on; the one before is
    remembered for 'cxr-index rollback'.
    """
    from cxr_edge.errors import SentenceIndexError
    from cxr_edge.indexes import current
    from cxr_edge.indexes.search import SentenceIndex
    from cxr_edge.indexes.verifying import verify_values

    opened = SentenceIndex.open(version)
    if opened.directory != version:
        raise SentenceIndexError(
            f"{version} holds versions and is none itself; publish one of them, such as "
            f"{opened.directory}"
        )
    verify_values(opened)
    versions = current.publish(version)
    before = f", before it {versions.previous}" if versions.previous else ""
    click.echo(f"{version.absolute().parent} is now {versions.current}{before}")


@click.command()
@_DIRECTORY
def rollback(directory: Path) -> None:
    """Go back to the version that was in use before."""
    from cxr_edge.indexes import current
    from cxr_edge.indexes.search import SentenceIndex

    before = current.read_versions(directory).previous
    if before is not None:
        SentenceIndex.open(directory / before)
    versions = current.rollback(directory)
    click.echo(f"{directory} is now {versions.current}, before it {versions.previous}")
