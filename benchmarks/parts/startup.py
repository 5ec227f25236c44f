"""``cxr-bench startup``: from process start to a draft, and what an import costs."""

import subprocess
import sys
from functools import partial
from pathlib import Path

import click

from cxr_edge.benchmarks.record import (
    Samples,
    interleave,
    new_record,
    summary,
    write_record,
)
from cxr_edge.benchmarks.record.options import json_option


@click.command()
@click.argument("study", type=click.Path(exists=True, path_type=Path))
@click.option("--runs", default=30, show_default=True, type=click.IntRange(min=3))
@json_option()
def startup(study: Path, runs: int, out: Path | None) -> None:
    """Time 'import cxr_edge' and a whole 'cxr-run STUDY', each in processes of its own."""
    python = sys.executable
    commands = {
        "python -c pass": [python, "-c", "pass"],
        "import cxr_edge": [python, "-c", "import cxr_edge"],
        "import cxr_edge.pipeline": [python, "-c", "import cxr_edge.pipeline"],
        "cxr-run STUDY --json": [str(Path(python).with_name("cxr-run")), str(study), "--json"],
    }
    quiet = partial(
        subprocess.run, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    systems = {name: partial(quiet, command) for name, command in commands.items()}
    # One first run of each warms the file cache.
    spans = interleave(systems, runs, warm_up=1)
    figures = {name: summary(values) for name, values in spans.items()}
    click.echo("| process | median ms | min ms | max ms |\n|---|---|---|---|")
    for name, figure in figures.items():
        cells = " | ".join(f"{figure[key]:.0f}" for key in ("p50", "min", "max"))
        click.echo(f"| `{name}` | {cells} |")
    if out is not None:
        record = new_record(
            "startup",
            subject={"study": study.name},
            runs={"warm_up": 1, "rounds": runs},
            samples={name: Samples("ms", values, "processes") for name, values in spans.items()},
            results={"processes_ms": figures},
        )
        write_record(out, record)
