"""``cxr-bench blas``: why drafts keep BLAS to one thread, on an idle and on a busy machine."""

import subprocess
import sys
from contextlib import nullcontext
from pathlib import Path
from unittest.mock import patch

import click

from cxr_edge.benchmarks.record import (
    Samples,
    interleave,
    new_record,
    summary,
    write_record,
)
from cxr_edge.benchmarks.record.options import json_option
from cxr_edge.pipeline import Pipeline


@click.command()
@click.argument("study", type=click.Path(exists=True, path_type=Path))
@click.option("--runs", default=30, show_default=True, type=click.IntRange(min=5))
@json_option()
def blas(study: Path, runs: int, out: Path | None) -> None:
    """Draft STUDY with one BLAS thread and with all, alone and beside a process that spins."""
    samples: dict[str, Samples] = {}
    with Pipeline.load() as pipeline:
        about = pipeline.provenance

        def free() -> None:
            with patch("cxr_edge.pipeline.one_blas_thread", nullcontext):
                pipeline.run(study)

        systems = {"one thread": lambda: pipeline.run(study), "all threads": free}
        for beside in ("idle", "busy"):
            spin = [sys.executable, "-c", "while True: pass"]
            other = subprocess.Popen(spin) if beside == "busy" else None
            try:
                spans = interleave(systems, runs)
            finally:
                if other is not None:
                    other.kill()
                    other.wait()
            for name, values in spans.items():
                samples[f"{name} / {beside}"] = Samples("ms", values, beside)
    figures = {name: summary(one.values) for name, one in samples.items()}
    for name, figure in figures.items():
        click.echo(f"{name:20} {figure['p50']:7.1f} ms")
    if out is not None:
        record = new_record(
            "blas",
            subject={**about, "study": study.name},
            runs={"warm_up": 3, "rounds": runs},
            samples=samples,
            results={"total_ms": figures},
        )
        write_record(out, record)
