"""``cxr-bench opening``: what an index costs to write, to open and to search exactly."""

import json
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from time import perf_counter
from unittest.mock import patch

import click
import numpy as np

from cxr_edge.benchmarks.parts.vectors import plain_columns
from cxr_edge.benchmarks.record import Samples, new_record, write_record
from cxr_edge.benchmarks.record.options import json_option
from cxr_edge.blas import one_blas_thread
from cxr_edge.indexes import scan
from cxr_edge.indexes.contents import Columns
from cxr_edge.indexes.native import FAST
from cxr_edge.indexes.search import SentenceIndex
from cxr_edge.indexes.writing import write_index

DIMENSION = 512

# A process of its own opens the index, so that nothing of it is mapped yet; the file was just
# written and stands in the page cache.
_OPEN = """
import json, re, sys, time
import numpy as np
from cxr_edge.indexes.search import SentenceIndex
def private():
    try:
        with open("/proc/self/smaps_rollup") as lines:
            return int(re.search(r"Anonymous:\\s+(\\d+)", lines.read())[1]) / 1024
    except OSError:
        return 0.0
before, started = private(), time.perf_counter()
index = SentenceIndex.open(sys.argv[1])
print(json.dumps([(time.perf_counter() - started) * 1e3, before, private()]))
"""


def _columns(rows: int) -> Columns:
    """Random unit vectors: neither opening nor exact search looks at what they mean."""
    rng = np.random.default_rng(0)
    vectors = rng.standard_normal((rows, DIMENSION), dtype=np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    return plain_columns(vectors)


def _scans(index: SentenceIndex, runs: int, counts: Mapping[str, int]) -> dict[str, Samples]:
    """Score every row and take the ten best, for random queries; counts of threads in turns."""
    rng = np.random.default_rng(1)
    spans: dict[str, list[float]] = {name: [] for name in counts}
    with one_blas_thread():
        for _ in range(runs):
            query = rng.standard_normal((1, DIMENSION), dtype=np.float32)
            for name, threads in counts.items():
                started = perf_counter()
                scan.scan(index.vectors, query, 10, threads=threads)
                spans[name].append((perf_counter() - started) * 1e3)
    return {name: Samples("ms", one) for name, one in spans.items()}


def measure(
    rows: int, dtype: str, folder: Path, runs: int
) -> tuple[dict[str, object], dict[str, Samples]]:
    """Write, open and search one index: milliseconds and MiB, and every sample."""
    about = {"name": "opening", "unit": "sentence", "metric": "cosine", "space": "none/0"}
    columns, out = _columns(rows), folder / f"{rows}-{dtype}"
    started = perf_counter()
    index = write_index(out, columns, manifest=about, dtype=dtype)
    written = perf_counter() - started
    opened = []
    for _ in range(3):
        command = [sys.executable, "-c", _OPEN, str(out)]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        opened.append(json.loads(done.stdout))
    quickest = min(opened)
    samples = {"open": Samples("ms", [one[0] for one in opened])}
    if FAST:
        counts = {"reader": 1, "shared": scan.threads_for(index.vectors)}
        samples |= _scans(index, runs, counts)
    with patch.object(scan, "FAST", False):
        samples |= _scans(index, runs, {"numpy": 1})
    middle = {name: round(float(np.median(one.values)), 2) for name, one in samples.items()}
    figures: dict[str, object] = {
        "rows": rows,
        "dtype": dtype,
        "file_mib": round((out / "index.bin").stat().st_size / 2**20, 1),
        "write_s": round(written, 2),
        "open_ms": round(quickest[0], 1),
        "private_before_mib": round(quickest[1], 1),
        "private_after_mib": round(quickest[2], 1),
        "numpy_ms": middle["numpy"],
        "reader_ms": middle.get("reader"),
        "shared_ms": middle.get("shared"),
        "shared_among": scan.threads_for(index.vectors),
    }
    return figures, {f"{name} / {dtype} / {rows} rows": one for name, one in samples.items()}


@click.command()
@click.option("--rows", multiple=True, type=int, default=(20_000, 50_000, 200_000))
@click.option("--runs", default=30, show_default=True, type=click.IntRange(min=5))
@json_option()
def opening(rows: tuple[int, ...], runs: int, out: Path | None) -> None:
    """Write, open and search indexes of random vectors, exactly.

    One thread searches with numpy and with the compiled reader; then as many as a pipeline takes.
    """
    measured = []
    samples: dict[str, Samples] = {}
    with tempfile.TemporaryDirectory(prefix="cxr-edge-opening-") as folder:
        for count in rows:
            for dtype in ("float32", "float16"):
                figures, taken = measure(count, dtype, Path(folder), runs)
                samples |= taken
                measured.append(figures)
                click.echo("  ".join(f"{key} {value}" for key, value in figures.items()))
    if out is not None:
        record = new_record(
            "opening",
            subject={"dimension": DIMENSION},
            runs={"warm_up": 0, "rounds": runs},
            samples=samples,
            results={"measured": measured},
        )
        write_record(out, record)
