"""``cxr-run STUDY...``: draft reports."""

import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from cxr_edge import __version__
from cxr_edge.cli.output import Destination, Sink
from cxr_edge.engines import ENGINES
from cxr_edge.errors import CxrEdgeError
from cxr_edge.methods import METHODS
from cxr_edge.types import DISCLAIMER, Report, StudyFailure
from cxr_edge.writers import WRITERS

if TYPE_CHECKING:
    from cxr_edge.pipeline import Pipeline


@click.command(
    epilog="'cxr-run doctor' shows what is installed, what each engine says, and what to do."
)
@click.argument("studies", nargs=-1, required=True, metavar="STUDY...")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line, one line a study.")
@click.option(
    "--format", "form", type=click.Choice(list(WRITERS)), help="Form of the report (default: text)."
)
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    help="File to write, or a folder where there may be several studies.",
)
@click.option("--bundle", type=click.Path(), help="Bundle directory [env: CXR_EDGE_BUNDLE].")
@click.option("--index", type=click.Path(), help="Index directory [env: CXR_EDGE_INDEX].")
@click.option("--engine", default="auto", show_default=True, help=f"auto, {', '.join(ENGINES)}.")
@click.option(
    "--method",
    type=click.Choice(list(METHODS)),
    help="Report method (default: the one that measured best with the bundle).",
)
@click.option(
    "-k",
    default=6,
    show_default=True,
    type=click.IntRange(min=1),
    help="Sentences for select and top-k.",
)
@click.option(
    "--threads", type=click.IntRange(min=1), help="Processors (default: all this process may use)."
)
@click.option(
    "--require-signature",
    "public_key",
    type=click.Path(),
    metavar="PUBKEY.pem",
    help="Accept only a bundle that the owner of this key has signed.",
)
@click.option("--exact", is_flag=True, help="Score every row of the index, also beside a graph.")
@click.version_option(__version__, prog_name="cxr-run")
def run(
    studies: tuple[str, ...],
    as_json: bool,
    form: str | None,
    out: Path | None,
    bundle: str | None,
    index: str | None,
    engine: str,
    method: str | None,
    k: int,
    threads: int | None,
    public_key: str | None,
    exact: bool,
) -> None:
    """Draft the report of each STUDY: a DICOM file, a folder, a zip, or - for standard input.

    A folder or zip is grouped by StudyInstanceUID, one report a study. The output is a draft for a
    radiologist, not a diagnosis.
    """
    if as_json and form not in (None, "json"):
        raise click.UsageError(f"--json and --format {form} exclude each other")
    form = "json" if as_json else form or "text"
    if form == "sr" and out is None:
        raise click.UsageError("--format sr writes a DICOM file: name it with --out")
    several = len(studies) > 1 or any(
        Path(s).is_dir() or s.lower().endswith(".zip") for s in studies
    )
    sink = Sink(form, Destination.of(out, several))

    from cxr_edge.pipeline import Pipeline

    with Pipeline.load(
        bundle,
        index,
        engine=engine,
        method=method,
        k=k,
        threads=threads,
        public_key=public_key,
        exact=exact,
    ) as pipeline:
        results = _results(pipeline, studies, picture=form == "html")
        if several and sys.stderr.isatty():
            with click.progressbar(results, label="studies", file=sys.stderr) as shown:
                sink.take_all(shown)
        else:
            sink.take_all(results)
        skipped = pipeline.skipped
    if several:
        passed = f", {skipped} files passed over" if skipped else ""
        click.echo(f"{sink.drafted} drafted, {sink.failed} failed{passed}. {DISCLAIMER}", err=True)
    if sink.failed:
        sys.exit(1)


def _results(
    pipeline: "Pipeline", studies: Sequence[str], *, picture: bool
) -> Iterator[Report | StudyFailure]:
    for study in studies:
        try:
            yield from pipeline.run_all(study, picture=picture)
        except CxrEdgeError as problem:
            yield StudyFailure(study, str(problem))
