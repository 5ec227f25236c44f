"""``cxr-bench opening``: what an index costs to write, to open and to search exactly."""

import json
import subprocess
import sys
import tempfile
from pathlib import Path
from time import perf_counter
from unittest.mock import patch

import click
import numpy as np

from cxr_edge.benchmarks.record import machine, write_json
from cxr_edge.blas import one_blas_thread
from cxr_edge.indexes import scan
from cxr_edge.indexes.contents import Columns, Sources, Strings
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
    return Columns(
        vectors=vectors,
        texts=Strings.of(f"Sentence {n} has about as many letters as most." for n in range(rows)),
        sources=Sources.of([f"s{n}"] for n in range(rows)),
        labels=np.zeros((rows, 14), np.int8),
        attributes=np.zeros(rows, np.uint8),
        section=np.ones(rows, np.uint8),
        frequency=np.ones(rows, np.uint32),
        cluster_size=np.ones(rows, np.uint32),
    )


def _median_ms(index: SentenceIndex, runs: int) -> float:
    """One thread scores every row and takes the ten best; median over random queries."""
    rng = np.random.default_rng(1)
    spans = []
    with one_blas_thread():
        for _ in range(runs):
            query = rng.standard_normal((1, DIMENSION), dtype=np.float32)
            started = perf_counter()
            scan.scan(index.vectors, query, 10)
            spans.append((perf_counter() - started) * 1e3)
    return round(float(np.median(spans)), 2)


def measure(rows: int, dtype: str, folder: Path, runs: int) -> dict[str, object]:
    """Write, open and search one index; milliseconds and MiB."""
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
    figures: dict[str, object] = {
        "rows": rows,
        "dtype": dtype,
        "file_mib": round((out / "index.bin").stat().st_size / 2**20, 1),
        "write_s": round(written, 2),
        "open_ms": round(quickest[0], 1),
        "private_before_mib": round(quickest[1], 1),
        "private_after_mib": round(quickest[2], 1),
        "numpy_ms": 0.0,
        "reader_ms": _median_ms(index, runs) if FAST else None,
    }
    with patch.object(scan, "FAST", False):
        figures["numpy_ms"] = _median_ms(index, runs)
    return figures


@click.command()
@click.option("--rows", multiple=True, type=int, default=(20_000, 50_000, 200_000))
@click.option("--runs", default=30, show_default=True, type=click.IntRange(min=5))
@click.option("--json", "out", type=click.Path(path_type=Path), help="Also write the figures here.")
def opening(rows: tuple[int, ...], runs: int, out: Path | None) -> None:
    """Write, open and search indexes of random vectors, exactly and with one thread."""
    measured = []
    with tempfile.TemporaryDirectory(prefix="cxr-edge-opening-") as folder:
        for count in rows:
            for dtype in ("float32", "float16"):
                figures = measure(count, dtype, Path(folder), runs)
                measured.append(figures)
                click.echo("  ".join(f"{key} {value}" for key, value in figures.items()))
    if out is not None:
        write_json(out, {"machine": machine(), "dimension": DIMENSION, "measured": measured})
