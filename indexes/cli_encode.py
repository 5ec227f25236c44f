"""``cxr-index encode``."""

import json
from pathlib import Path

import click


@click.command()
@click.argument("images", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--bundle", type=click.Path(), help="Bundle whose image network encodes them.")
@click.option("--out", required=True, type=click.Path(path_type=Path), help="File to create, .npz.")
@click.option("--threads", type=click.IntRange(min=1), help="Processors to use (default: all).")
@click.option("--json", "as_json", is_flag=True, help="The outcome, for machines.")
def encode(
    images: tuple[Path, ...], bundle: str | None, out: Path, threads: int | None, as_json: bool
) -> None:
    """Encode sample pictures once, for the --queries of any number of builds.

    IMAGES are files, folders or zips of frontal pictures, those of one patient side by side.
    """
    from cxr_edge.bundle import Bundle
    from cxr_edge.errors import OutputError
    from cxr_edge.indexes.building.progress import Line
    from cxr_edge.indexes.graph.queries import encode_pictures
    from cxr_edge.pipeline import locate

    if out.suffix != ".npz":
        raise click.UsageError(f"--out {out}: the name has to end in .npz")
    if out.exists():
        raise OutputError(f"{out} exists; remove it or choose another name")
    if not out.absolute().parent.is_dir():
        raise OutputError(f"cannot write {out}: its folder is not there; create it first")
    line = Line()
    try:
        encoder = Bundle.load(locate("bundle", bundle))
        queries = encode_pictures(images, encoder, threads=threads, progress=line)
    finally:
        line.end()
    for reason, number in sorted(queries.left_out.items()):
        click.echo(f"left out {number}: {reason}", err=True)
    queries.save(out)
    count, dimension = queries.vectors.shape
    if as_json:
        left_out = dict(sorted(queries.left_out.items()))
        click.echo(json.dumps({"pictures": count, "left_out": left_out, "space": queries.space}))
    else:
        click.echo(f"{out}: {count} pictures, {dimension} dimensions, {encoder.space}")
