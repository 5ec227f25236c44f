"""``cxr-bench blas``: why drafts keep BLAS to one thread, on an idle and on a busy machine."""

import subprocess
import sys
from contextlib import nullcontext
from pathlib import Path
from unittest.mock import patch

import click
import numpy as np

from cxr_edge.benchmarks.record import machine, write_json
from cxr_edge.pipeline import Pipeline


def _total(pipeline: Pipeline, study: Path, runs: int) -> float:
    """Median milliseconds of a whole draft."""
    for _ in range(3):
        pipeline.run(study)
    return float(np.median([pipeline.run(study).timings_ms["total"] for _ in range(runs)]))


@click.command()
@click.argument("study", type=click.Path(exists=True, path_type=Path))
@click.option("--runs", default=30, show_default=True, type=click.IntRange(min=5))
@click.option("--json", "out", type=click.Path(path_type=Path), help="Also write the figures here.")
def blas(study: Path, runs: int, out: Path | None) -> None:
    """Draft STUDY with one BLAS thread and with all, alone and beside a process that spins."""
    figures: dict[str, float] = {}
    with Pipeline.load() as pipeline:
        for beside in ("idle", "busy"):
            spin = [sys.executable, "-c", "while True: pass"]
            other = subprocess.Popen(spin) if beside == "busy" else None
            try:
                figures[f"{beside}, one thread"] = _total(pipeline, study, runs)
                with patch("cxr_edge.pipeline.one_blas_thread", nullcontext):
                    figures[f"{beside}, all threads"] = _total(pipeline, study, runs)
            finally:
                if other is not None:
                    other.kill()
                    other.wait()
    for name, milliseconds in figures.items():
        click.echo(f"{name:20} {milliseconds:7.1f} ms")
    if out is not None:
        write_json(out, {"machine": machine(), "study": study.name, "total_ms": figures})
