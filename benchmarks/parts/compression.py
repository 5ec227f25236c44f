"""``cxr-bench compression``: time and memory of the clustering, and what it leaves of a corpus."""

import hashlib
import os
import re
import tempfile
import time
from collections.abc import Mapping
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from threading import Event, Thread
from typing import Any

import click
import numpy as np

from cxr_edge.benchmarks.parts.clustered import write_embeddings
from cxr_edge.benchmarks.record import machine, new_record, read_record, write_record
from cxr_edge.benchmarks.record.options import json_option, table_option
from cxr_edge.indexes.compression import LEVELS
from cxr_edge.indexes.engines import ENGINES

TIMES, SIZES = "times", "sizes"
"""The parts of a record."""
_SAMPLED = 0.02
"""Seconds between two looks at the private memory, for which the system keeps no peak."""


def measure(path: Path, levels: tuple[float, ...], engine: str, threads: int) -> dict[str, Any]:
    """Compress a .npy file of unit rows in this process; best called in one of its own.

    Returns:
        Seconds and processor seconds (of this process, not of Ray's), peak memory in MiB: all that
        was resident, mapped file included, and what was private; representatives and a digest of
        the result.
    """
    from threadpoolctl import threadpool_limits

    from cxr_edge.indexes.compression.clustering import cluster
    from cxr_edge.indexes.engines import get_engine

    rows = len(np.load(path, mmap_mode="r"))
    owners = np.zeros((len(levels), rows), np.uint32)
    runner = get_engine(engine, threads)
    private, finished = [0], Event()

    def watch() -> None:
        while not finished.wait(_SAMPLED):
            private.append(_status("RssAnon"))

    watcher = Thread(target=watch)
    watcher.start()
    with threadpool_limits(threads, "blas"):
        began, work = time.perf_counter(), time.process_time()
        for _ in cluster(path, levels, owners, engine=runner):
            pass
        seconds, busy = time.perf_counter() - began, time.process_time() - work
    finished.set()
    watcher.join()
    runner.close()
    leaders = (owners == np.arange(rows)).sum(axis=1)
    return {
        "rows": rows,
        "engine": engine,
        "threads": threads,
        "seconds": round(seconds, 1),
        "processor_seconds": round(busy, 1),
        "peak_mib": _status("VmHWM"),
        "private_mib": max(private),
        "representatives": {f"{le:g}": int(n) for le, n in zip(levels, leaders, strict=True)},
        "sha256": hashlib.sha256(owners.tobytes()).hexdigest(),
    }


def _status(name: str) -> int:
    """A memory figure of this process in MiB; 0 where the system does not tell."""
    try:
        text = Path("/proc/self/status").read_text()
    except OSError:
        return 0
    found = re.search(rf"^{name}:\s+(\d+) kB", text, re.MULTILINE)
    return int(found[1]) // 1024 if found else 0


def corpus_sizes(reports: Path, folder: Path) -> dict[str, Any]:
    """Build a corpus of reports at the six levels: rows and bytes of each index."""
    from cxr_edge.bundle import Bundle
    from cxr_edge.indexes.build import BuildOptions, build_index
    from cxr_edge.indexes.corpora import CorpusOptions, open_corpus
    from cxr_edge.pipeline import locate

    bundle = Bundle.load(locate("bundle", None))
    corpus = open_corpus(reports, CorpusOptions(split="train"))
    began = time.perf_counter()
    built = build_index(corpus, bundle, folder / "sizes", BuildOptions("sizes", levels=LEVELS))
    seconds = time.perf_counter() - began
    levels = {}
    for level, index in built.indexes.items():
        sizes = {path.name: path.stat().st_size for path in index.directory.iterdir()}
        levels[f"{level:g}"] = {"rows": len(index), "bytes": dict(sorted(sizes.items()))}
    return {
        "embedding": bundle.space,
        "seconds": round(seconds, 1),
        "corpus": dict(built.counts),
        "levels": levels,
    }


@click.command()
@click.argument("reports", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--rows", multiple=True, type=click.IntRange(min=1), default=[200_000])
@click.option("--dimension", default=768, show_default=True, type=click.IntRange(min=2))
@click.option(
    "--level", default=0.15, show_default=True, type=click.FloatRange(0, 1, min_open=True)
)
@click.option("--all-levels", type=click.IntRange(min=1), help="Rows for a run at all six levels.")
@click.option("--ray", type=click.IntRange(min=1), help="Rows for a run over Ray.")
@click.option("--threads", default=os.cpu_count() or 1, show_default=True, type=int)
@click.option("--work", type=click.Path(file_okay=False, path_type=Path), help="Large files here.")
@click.option("--only", type=click.Choice([TIMES, SIZES]), help="Measure one of the two parts.")
@json_option("Also write the record here; a part that is not measured stays.")
@table_option(lambda record: table(record["results"]))
def compression(
    reports: Path,
    rows: tuple[int, ...],
    dimension: int,
    level: float,
    all_levels: int | None,
    ray: int | None,
    threads: int,
    work: Path | None,
    only: str | None,
    out: Path | None,
) -> None:
    """Time the compression of made-up embeddings, and build REPORTS at the six levels."""
    results: dict[str, Any] = {}
    if only and out is not None and out.exists():
        results = read_record(out)["results"]
    plan: list[tuple[int, tuple[float, ...], str]]
    plan = [(number, (level,), "local") for number in rows]
    if all_levels:
        plan.append((all_levels, tuple(one for one in LEVELS if one > 0), "local"))
    if ray:
        plan += [(ray, (level,), name) for name in ENGINES if (ray, (level,), name) not in plan]
    with tempfile.TemporaryDirectory(dir=work) as name:
        folder = Path(name)
        if only != TIMES:
            sizes = corpus_sizes(reports, folder)
            results[SIZES] = {"machine": machine(), "file": reports.name, **sizes}
        if only != SIZES:
            runs = []
            for number, levels, engine in sorted(plan):
                path = folder / f"{number}.npy"
                if not path.exists():
                    write_embeddings(path, number, dimension)
                runs.append(_alone(path, levels, engine, threads))
                click.echo(_line(runs[-1]), err=True)
            results[TIMES] = {"machine": machine(), "dimension": dimension, "runs": runs}
    click.echo(table(results))
    if out is not None:
        about = {"reports": reports.name, "threads": threads}
        record = new_record("compression", subject=about, runs={}, samples={}, results=results)
        write_record(out, record)


def _alone(path: Path, levels: tuple[float, ...], engine: str, threads: int) -> dict[str, Any]:
    """``measure`` in a process of its own, so that its memory is its own."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        return pool.submit(measure, path, levels, engine, threads).result()


def table(results: Mapping[str, Any]) -> str:
    """The figures as the two tables of docs/index-build.md."""
    lines = []
    if TIMES in results:
        lines += [
            "| rows | levels | engine | threads | seconds | processor seconds | peak MiB "
            "| of it private | representatives |\n|---|---|---|---|---|---|---|---|---|",
            *map(_line, results[TIMES]["runs"]),
            "",
        ]
    if SIZES in results:
        lines.append("| level | sentences | index, bytes | clusters, bytes |\n|---|---|---|---|")
        for level, one in results[SIZES]["levels"].items():
            size = one["bytes"]
            clusters = f"{size['clusters.bin']:,}" if "clusters.bin" in size else ""
            lines.append(f"| {level} | {one['rows']:,} | {size['index.bin']:,} | {clusters} |")
    return "\n".join(lines)


def _line(run: Mapping[str, Any]) -> str:
    found = run["representatives"]
    counts = ", ".join(f"{n:,} ({run['rows'] / n:.1f} times fewer)" for n in found.values())
    busy = f"{run['processor_seconds']:.0f}" if run["engine"] == "local" else ""
    cells = (f"{run['rows']:,}", ", ".join(found), run["engine"], run["threads"])
    costs = (f"{run['seconds']:.0f}", busy, f"{run['peak_mib']:,}", f"{run['private_mib']:,}")
    return "| " + " | ".join(map(str, (*cells, *costs, counts))) + " |"
