"""``cxr-bench pictures`` and ``cxr-bench readme``."""

from pathlib import Path

import click

from cxr_edge.atomic import write_atomically
from cxr_edge.benchmarks.pictures.canvas import require_matplotlib
from cxr_edge.benchmarks.record import read_record
from cxr_edge.errors import OutputError

PAGE = "report.html"

_RECORDS = click.argument(
    "records", nargs=-1, required=True, type=click.Path(dir_okay=False, path_type=Path)
)


@click.command()
@_RECORDS
@click.option(
    "--out",
    required=True,
    type=click.Path(file_okay=False, path_type=Path),
    help="Folder for the pictures and the page.",
)
def pictures(records: tuple[Path, ...], out: Path) -> None:
    """Draw RECORDS of cxr-bench --compression as PNG, SVG and one HTML page."""
    from cxr_edge.benchmarks.pictures.gallery import draw
    from cxr_edge.benchmarks.pictures.page import compose

    require_matplotlib()
    read = {name: read_record(path) for name, path in named(records).items()}
    chapters = [(name, record, draw(record, name)) for name, record in read.items()]
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"cannot write to {out}: {error.strerror}; name another --out") from error
    for _, _, gallery in chapters:
        for picture in gallery.pictures:
            for suffix, data in ((".svg", picture.svg), (".png", picture.png)):
                write_atomically(out / f"{picture.name}{suffix}", data)
                click.echo(out / f"{picture.name}{suffix}")
        for reason in gallery.left_out:
            click.echo(f"cxr-bench: {reason}", err=True)
    write_atomically(out / PAGE, compose(chapters))
    click.echo(out / PAGE)


def named(records: tuple[Path, ...]) -> dict[str, Path]:
    """Records by the name of their file without its suffix, each its own.

    Raises:
        click.UsageError: two would have one name.
    """
    from cxr_edge.benchmarks.pictures.gallery import slug

    found: dict[str, Path] = {}
    for path in records:
        if slug(path.stem) in map(slug, found):
            raise click.UsageError(
                f"{path}: another record is called {path.stem} too; rename one of the files"
            )
        found[path.stem] = path
    return found


@click.command()
@_RECORDS
@click.option(
    "--readme",
    "target",
    default=Path("README.md"),
    show_default=True,
    type=click.Path(dir_okay=False, path_type=Path),
    help="File that holds the two marks.",
)
@click.option("--check", is_flag=True, help="Write nothing; exit 1 where the table would change.")
def readme(records: tuple[Path, ...], target: Path, check: bool) -> None:
    """Write the results table of the README from RECORDS of cxr-bench --compression."""
    from cxr_edge.benchmarks.pictures.readme_table import renewed

    try:
        text = target.read_text(encoding="utf-8")
    except (OSError, UnicodeError) as error:
        reason = getattr(error, "strerror", None) or error
        raise OutputError(f"cannot read {target}: {reason}; name the file with --readme") from error
    new = renewed(text, [(path, read_record(path)) for path in records], target)
    if new == text:
        click.echo(f"{target} is up to date")
        return
    if check:
        raise OutputError(
            f"the results table of {target} is not that of {' '.join(map(str, records))}; "
            "run the same command without --check"
        )
    write_atomically(target, new.encode())
    click.echo(f"{target} written")
