"""``cxr-bench startup``: from process start to a draft, and what an import costs."""

import statistics
import subprocess
import sys
import time
from pathlib import Path

import click

from cxr_edge.benchmarks.record import machine, write_json


def _wall(command: list[str], runs: int) -> list[float]:
    """Seconds of whole processes, after one that warms the file cache."""
    seconds = []
    for _ in range(runs + 1):
        started = time.perf_counter()
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        seconds.append(time.perf_counter() - started)
    return seconds[1:]


@click.command()
@click.argument("study", type=click.Path(exists=True, path_type=Path))
@click.option("--runs", default=10, show_default=True, type=click.IntRange(min=3))
@click.option("--json", "out", type=click.Path(path_type=Path), help="Also write the figures here.")
def startup(study: Path, runs: int, out: Path | None) -> None:
    """Time 'import cxr_edge' and a whole 'cxr-run STUDY', each in processes of its own."""
    python = sys.executable
    commands = {
        "python -c pass": [python, "-c", "pass"],
        "import cxr_edge": [python, "-c", "import cxr_edge"],
        "import cxr_edge.pipeline": [python, "-c", "import cxr_edge.pipeline"],
        "cxr-run STUDY --json": [str(Path(python).with_name("cxr-run")), str(study), "--json"],
    }
    rows = {name: _wall(command, runs) for name, command in commands.items()}
    click.echo("| process | median ms | min ms | max ms |\n|---|---|---|---|")
    for name, seconds in rows.items():
        figures = (statistics.median(seconds), min(seconds), max(seconds))
        click.echo(f"| `{name}` | " + " | ".join(f"{value * 1e3:.0f}" for value in figures) + " |")
    if out is not None:
        write_json(out, {"machine": machine(), "study": study.name, "seconds": rows})
