"""``cxr-index build``."""

import json
from pathlib import Path
from typing import Any, Literal

import click

from cxr_edge.indexes.compression import LEVELS
from cxr_edge.indexes.corpora import CORPORA, ROLES, SECTIONS
from cxr_edge.indexes.engines import ENGINES
from cxr_edge.labelers import LABELERS

ALL = "all"


def _levels(
    _context: click.Context, _option: click.Parameter, values: tuple[str, ...]
) -> tuple[float, ...]:
    levels: set[float] = set()
    for value in values:
        try:
            chosen = LEVELS if value == ALL else (float(value),)
        except ValueError:
            chosen = (-1.0,)
        if not all(0 <= level < 1 for level in chosen):
            raise click.BadParameter(f"{value!r} is no level: give 0 to 0.99, or '{ALL}'")
        levels.update(abs(level) for level in chosen)  # there is no -0
    return tuple(sorted(levels))


def _columns(
    _context: click.Context, _option: click.Parameter, values: tuple[str, ...]
) -> tuple[tuple[str, str], ...]:
    pairs = [value.partition("=") for value in values]
    if not all(role in ROLES and column for role, _, column in pairs):
        raise click.BadParameter(f"expected ROLE=NAME with a role of {', '.join(ROLES)}")
    if len({role for role, _, _ in pairs}) < len(pairs):
        raise click.BadParameter("one role was given two names; each has one")
    return tuple((role, column) for role, _, column in pairs)


@click.command()
@click.argument("corpus")
@click.option("--bundle", type=click.Path(), help="Bundle whose text network embeds the corpus.")
@click.option("--out", type=click.Path(path_type=Path), help="Directory to create.")
@click.option("--name", help="What reports call this index (default: the name of --out).")
@click.option(
    "--compression",
    "levels",
    multiple=True,
    default=["0"],
    show_default=True,
    callback=_levels,
    help="Merge texts whose cosine is above 1 minus this: 0.15 is the paper's choice, 0 merges "
    "nothing. Several, or 'all' for the six of the paper, give one index each, OUT/0.15 and so on.",
)
@click.option("--format", "form", type=click.Choice(sorted(CORPORA)), help="Default: recognised.")
@click.option(
    "--unit", type=click.Choice(["sentence", "report"]), default="sentence", show_default=True
)
@click.option(
    "--key",
    type=click.Choice(["text", "image"]),
    default="text",
    show_default=True,
    help="What the vectors are of. image: of the images of CORPUS, each with its whole report, for "
    "the method nearest-image.",
)
@click.option(
    "--images", type=click.Path(path_type=Path), help="With --key image: folder of the images."
)
@click.option(
    "--view",
    type=click.Choice(["frontal", "any"]),
    default="frontal",
    show_default=True,
    help="With --key image: which views are taken, where the corpus says.",
)
@click.option("--split", help="Take only the reports of this split.")
@click.option(
    "--sections",
    default=",".join(SECTIONS),
    show_default=True,
    help="Sections to take, separated by commas; CXR-RePaiR takes the impression alone.",
)
@click.option(
    "--keep-earlier-studies", is_flag=True, help="Keep sentences that speak of an earlier study."
)
@click.option(
    "--redaction",
    type=click.Choice(["drop", "strip", "keep"]),
    default="drop",
    show_default=True,
    help="What becomes of sentences with redaction marks.",
)
@click.option("--expand-acronyms", is_flag=True, help="Write acronyms out (PTX: pneumothorax).")
@click.option("--lower", is_flag=True, help="Write everything in lower case.")
@click.option(
    "--column",
    "columns",
    multiple=True,
    callback=_columns,
    metavar="ROLE=NAME",
    help=f"Which column or key of the corpus holds what; roles: {', '.join(ROLES)}.",
)
@click.option(
    "--min-frequency",
    type=click.IntRange(min=1),
    default=1,
    show_default=True,
    help="Drop texts that the corpus holds less often.",
)
@click.option(
    "--labeler",
    type=click.Choice(sorted(LABELERS)),
    default="rules",
    show_default=True,
    help="Labels the texts; chexbert is also what texts are compared by for the compression.",
)
@click.option("--labeler-bundle", type=click.Path(path_type=Path), help="Bundle of the labeler.")
@click.option(
    "--engine",
    type=click.Choice(sorted(ENGINES)),
    default="local",
    show_default=True,
    help="Where the work runs; the index is the same to the byte.",
)
@click.option("--threads", type=click.IntRange(min=1), help="Processors to use (default: all).")
@click.option(
    "--memory",
    type=click.IntRange(min=64),
    default=1024,
    show_default=True,
    metavar="MB",
    help="Memory for the blocks of the compression, and for a graph, beside the mapped files.",
)
@click.option(
    "--queries",
    type=click.Path(path_type=Path),
    help="Sample pictures (a folder, or their embeddings as .npy or .npz) that a graph is made "
    "right for.",
)
@click.option(
    "--graph",
    type=click.Choice(["auto", "never", "always"]),
    default="auto",
    show_default=True,
    help="auto: a graph where exact search would be slow. One that finds too little is refused.",
)
@click.option("--replace", is_flag=True, help="Put it in the place of an older index.")
@click.option("--dry-run", is_flag=True, help="Only count what would be read and dropped.")
@click.option("--json", "as_json", is_flag=True, help="The outcome, for machines.")
def build(
    corpus: str,
    bundle: str | None,
    out: Path | None,
    name: str | None,
    levels: tuple[float, ...],
    form: str | None,
    unit: Literal["sentence", "report"],
    key: Literal["text", "image"],
    images: Path | None,
    view: Literal["frontal", "any"],
    split: str | None,
    sections: str,
    keep_earlier_studies: bool,
    redaction: Literal["drop", "strip", "keep"],
    expand_acronyms: bool,
    lower: bool,
    columns: tuple[tuple[str, str], ...],
    min_frequency: int,
    labeler: str,
    labeler_bundle: Path | None,
    engine: str,
    threads: int | None,
    memory: int,
    queries: Path | None,
    graph: Literal["auto", "never", "always"],
    replace: bool,
    dry_run: bool,
    as_json: bool,
) -> None:
    """Build an index of CORPUS: 'grammar' for our own, or a file or folder of reports.

    A build that was interrupted goes on where it was when the same command is given again.
    """
    from cxr_edge.bundle import Bundle
    from cxr_edge.indexes.build import BuildOptions, build_image_index, build_index
    from cxr_edge.indexes.building.images import count_images
    from cxr_edge.indexes.building.progress import Line
    from cxr_edge.indexes.building.reading import count
    from cxr_edge.indexes.corpora import CorpusOptions, open_corpus
    from cxr_edge.indexes.corpora.images import ImageReports, image_reports
    from cxr_edge.pipeline import locate

    if out is None and not dry_run:
        raise click.UsageError("name the directory to create with --out, or give --dry-run")
    if key == "image":
        if levels != (0.0,) or min_frequency > 1:
            raise click.UsageError("--key image merges nothing: no --compression, --min-frequency")
        if queries is not None or graph == "always":
            raise click.UsageError("--key image is searched exactly: no --queries, --graph always")
        unit = "report"
    elif images is not None or view != "frontal":
        raise click.UsageError("--images and --view are for --key image")
    wanted = CorpusOptions(
        unit=unit,
        split=split,
        sections=tuple(part.strip() for part in sections.split(",")),
        earlier_studies="keep" if keep_earlier_studies else "drop",
        redaction=redaction,
        acronyms=expand_acronyms,
        lower=lower,
        columns=columns,
    )
    source = (
        open_corpus(corpus, wanted, form)
        if key == "text"
        else image_reports(
            corpus, wanted, form, images=images, view="frontal" if view == "frontal" else None
        )
    )
    line = Line()
    counts: dict[str, Any] = {}
    sizes: dict[str, int] = {}
    notes: list[str] = []
    try:
        if out is None or dry_run:
            if isinstance(source, ImageReports):
                counts = count_images(source, line)
            else:
                counts = count(source, minimum=min_frequency, progress=line)
        else:
            options = BuildOptions(
                name=name or out.name,
                unit=unit,
                levels=levels,
                minimum_frequency=min_frequency,
                labeler=labeler,
                labeler_bundle=labeler_bundle,
                engine=engine,
                threads=threads,
                memory=memory * 2**20,
                replace=replace,
                queries=queries,
                graph=graph,
            )
            encoder = Bundle.load(locate("bundle", bundle))
            if isinstance(source, ImageReports):
                built = build_image_index(source, encoder, out, options, line)
            else:
                built = build_index(source, encoder, out, options, line)
            notes += built.notes
            counts = dict(built.counts)
            sizes = {str(i.directory): len(i) for i in built.indexes.values()}
    finally:
        line.end()
        for note in (*source.notes, *notes):
            click.echo(note, err=True)
        # Also when nothing is left: the reasons are what the user needs then.
        dropped = counts.get("dropped", source.dropped)
        for reason, number in sorted(dropped.items()):
            click.echo(f"dropped {number}: {reason}", err=True)
    if counts["repeated"]:
        click.echo(f"dropped {counts['repeated']}: repeats an earlier one", err=True)
    if as_json:
        click.echo(json.dumps({"corpus": counts, "indexes": sizes}))
        return
    things = f"{unit}s" if key == "text" else "images"
    for directory, rows in (sizes or {corpus: counts["kept"]}).items():
        click.echo(f"{directory}: {rows} {things} of {counts['read']} read")
