"""``cxr-bench compare``: what is faster, by how much, and how sure that is."""

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import click

from cxr_edge.benchmarks.record.compare import (
    Comparison,
    compare_records,
    compare_systems,
    differences,
    noise,
)
from cxr_edge.benchmarks.record.files import new_record, read_record, write_record
from cxr_edge.benchmarks.record.options import json_option


@click.command()
@click.argument(
    "files", nargs=-1, required=True, type=click.Path(exists=True, dir_okay=False, path_type=Path)
)
@click.option("--series", multiple=True, help="Only this series of two files; may be repeated.")
@click.option("--of", "first", help="System A in one file: a series, or what its names begin with.")
@click.option("--to", "second", help="System B in the same file.")
@click.option(
    "--confidence",
    default=0.99,
    show_default=True,
    type=click.FloatRange(0, 1, min_open=True, max_open=True),
    help="Of the intervals.",
)
@json_option()
def compare(
    files: tuple[Path, ...],
    series: tuple[str, ...],
    first: str | None,
    second: str | None,
    confidence: float,
    out: Path | None,
) -> None:
    """Compare the records A and B, or two systems in one record: ratios with intervals.

    A ratio of 1.30 says that A takes 1.3 times what B takes. Samples of one file that were taken
    in turns are compared in pairs; those of two files are not, and what else differs is said.
    """
    records = [read_record(path) for path in files]
    if len(files) == 1 and first and second and not series:
        lines = compare_systems(records[0], first, second, confidence=confidence)
        warnings: list[str] = []
        named = f"A is {first}, B is {second}"
    elif len(files) == 2 and not (first or second):
        lines = compare_records(*records, series=series, confidence=confidence)
        warnings = [
            "two files: their samples are no pairs, and what the machine did besides is in the "
            "ratio",
            *differences(*records),
        ]
        named = f"A is {files[0].name}, B is {files[1].name}"
    else:
        raise click.UsageError("give two files, or one file with --of and --to")
    warnings += [f"{line.series}: {note}" for line in lines for note in line.notes]
    click.echo(f"{named}; " + "; ".join(dict.fromkeys(map(noise, records))))
    click.echo(table(lines, confidence))
    for warning in warnings:
        click.echo(f"warning: {warning}", err=True)
    if out is not None:
        found = [{**asdict(line), "verdict": line.verdict} for line in lines]
        record = new_record(
            "compare",
            subject={"files": [path.name for path in files], "of": first, "to": second},
            runs={"confidence": confidence},
            samples={},
            results={"comparisons": found, "warnings": warnings},
        )
        write_record(out, record)


def table(lines: Sequence[Comparison], confidence: float) -> str:
    """Markdown, one line for each series."""
    text = [
        f"| series | A p50 | B p50 | A / B | {100 * confidence:.4g} % interval | samples "
        "| spread A, B | verdict |\n|---|---|---|---|---|---|---|---|"
    ]
    for line in lines:
        found = line.ratio
        text.append(
            f"| {line.series} | {line.p50_a:.3f} {line.unit} | {line.p50_b:.3f} {line.unit} "
            f"| {found.value:.3f} | {found.low:.3f} to {found.high:.3f} "
            f"| {found.pairs} {'pairs' if found.paired else 'unpaired'} "
            f"| {line.spread_a:.1%}, {line.spread_b:.1%} | {line.verdict} |"
        )
    return "\n".join(text)
