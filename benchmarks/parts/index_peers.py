"""``cxr-bench index``: our index beside hnswlib, usearch, faiss and numpy, in one run."""

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from time import perf_counter, process_time
from typing import Any

import click
import numpy as np

from cxr_edge.benchmarks.parts.peer_process import TARGETS, K
from cxr_edge.benchmarks.parts.peers import PEERS, Peer
from cxr_edge.benchmarks.parts.vectors import Cones
from cxr_edge.benchmarks.record import Samples, new_record, write_json, write_record
from cxr_edge.benchmarks.record.options import json_option, plot_option
from cxr_edge.errors import CxrEdgeError
from cxr_edge.indexes.graph.neighbours import nearest

_ASKED = 500
_PICTURES = 62_500
"""Sample pictures at most; looking up the best rows of more would take longer than the graph."""


def _ask(process: "subprocess.Popen[str]", line: str = "") -> str:
    assert process.stdin is not None
    assert process.stdout is not None
    if line:
        process.stdin.write(f"{line}\n")
        process.stdin.flush()
    answer = process.stdout.readline()
    if not answer:
        raise CxrEdgeError("a process of the benchmark has died: see above; run it again")
    return answer


def _start(name: str, folder: Path, queries: Path, job: str) -> "subprocess.Popen[str]":
    module = "cxr_edge.benchmarks.parts.peer_process"
    command = [sys.executable, "-m", module, name, str(folder), str(queries), job]
    return subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"},
    )


def _measure(name: str, folder: Path, queries: Path) -> dict[str, Any]:
    """Curves from one process; memory from two that have the index open at the same time."""
    with _start(name, folder, queries, "sweep") as process:
        answer: dict[str, Any] = json.loads(_ask(process))
    pair = [_start(name, folder, queries, "memory") for _ in range(2)]
    try:
        for process in pair:
            _ask(process)
        held = [json.loads(_ask(process, "count")) for process in pair]
    finally:
        for process in pair:
            process.communicate("end\n")
    answer["two_processes"] = [
        {key: value for key, value in one.items() if key.endswith("_mb")} for one in held
    ]
    return answer


def _one(name: str, peer: Peer, rows: int, queries: Path, folder: Path) -> dict[str, Any]:
    built = _built(peer, rows, folder)
    if built["kind"].startswith("refused"):
        return built
    return {**built, **_measure(name, folder / "files", queries)}


def _built(peer: Peer, rows: int, folder: Path) -> dict[str, Any]:
    """What ``peer`` holds in ``folder``, built now unless an earlier run has left it there.

    The note beside it is written last, so that a build that was interrupted is never measured.
    """
    note, files = folder / "built.json", folder / "files"
    data = {"data": repr(Cones()), "rows": rows}
    if note.is_file():
        kept: dict[str, Any] = json.loads(note.read_text())
        if kept.pop("of") == data:
            return kept
    shutil.rmtree(folder, ignore_errors=True)
    files.mkdir(parents=True)
    cones = Cones()
    vectors = cones.sentences(rows, 0)
    pictures = cones.pictures(min(max(500, rows // 4), _PICTURES), 0)
    wall, processor = perf_counter(), process_time()
    kind = peer.build(files, vectors, pictures)
    seconds = {"wall": perf_counter() - wall, "processor": process_time() - processor}
    size = sum(path.stat().st_size for path in files.rglob("*") if path.is_file())
    built = {
        "kind": kind,
        "build_seconds": {key: round(value, 1) for key, value in seconds.items()},
        "file_mb": round(size / 2**20, 1),
    }
    write_json(note, {**built, "of": data})
    return built


def _at(points: list[dict[str, float]], target: float) -> str:
    """Milliseconds of the narrowest beam that reaches a recall, as text."""
    for point in points:
        if point["recall"] >= target:
            return f"{point['p50_ms']:.2f}/{point['p99_ms']:.2f}"
    best = max(points, key=lambda point: point["recall"])
    return f"({best['recall']:.3f})"


def _show(rows: int, results: Mapping[str, dict[str, Any]]) -> None:
    click.echo(f"{rows} rows; p50/p99 in ms, in brackets the recall that was reached instead")
    targets = [f"{kind} {target}" for kind in ("image", "text") for target in TARGETS]
    heads = ("build s", "file MB", "open ms", "private MB", *targets)
    click.echo(f"  {'':20}" + "".join(f"{head:>13}" for head in heads))
    for name, result in results.items():
        if "curves" not in result:
            click.echo(f"  {name:20}  {result['kind']}")
            continue
        cells = [
            f"{result['build_seconds']['wall']:.1f}",
            f"{result['file_mb']:.1f}",
            f"{result['open_to_first_result_ms']:.1f}",
            f"{result['two_processes'][0]['private_by_index_mb']:.1f}",
            *(_at(result["curves"][kind], t) for kind in ("image", "text") for t in TARGETS),
        ]
        click.echo(f"  {name:20}" + "".join(f"{cell:>13}" for cell in cells))


def plot(sizes: Mapping[str, Any], target: Path) -> None:
    """Recall of image queries over milliseconds, a panel for each number of rows."""
    import matplotlib

    matplotlib.use("agg")
    from matplotlib import pyplot
    from matplotlib.ticker import LogLocator, NullFormatter, ScalarFormatter

    figure, panels = pyplot.subplots(1, len(sizes), figsize=(4.5 * len(sizes), 4), squeeze=False)
    for panel, (rows, results) in zip(panels[0], sizes.items(), strict=True):
        for name, result in results.items():
            if "curves" not in result:
                continue
            points = result["curves"]["image"]
            style = "o-" if len(points) > 1 else "s"
            times, recalls = [p["p50_ms"] for p in points], [p["recall"] for p in points]
            panel.plot(times, recalls, style, label=name, markersize=4)
        panel.axhline(TARGETS[-1], color="grey", linewidth=0.5)
        panel.set(title=f"{int(rows):,} rows", xscale="log", xlabel="ms a query, p50, one thread")
        panel.xaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
        panel.xaxis.set_major_formatter(ScalarFormatter())
        panel.xaxis.set_minor_formatter(NullFormatter())
        panel.set_ylabel(f"recall@{K} of image queries")
    panels[0][0].legend(fontsize=7)
    figure.tight_layout()
    figure.savefig(target)
    pyplot.close(figure)


@click.command()
@click.option(
    "--rows",
    "sizes",
    multiple=True,
    default=[7500],
    show_default=True,
    type=click.IntRange(min=1000),
    help="Number of rows; may be given several times.",
)
@click.option("--only", multiple=True, type=click.Choice(list(PEERS)), help="Default: all.")
@click.option(
    "--keep",
    type=click.Path(file_okay=False, path_type=Path),
    help="Keep what is built here; what an earlier run has built here is measured again.",
)
@json_option()
@plot_option()
def index(
    sizes: tuple[int, ...],
    only: tuple[str, ...],
    keep: Path | None,
    out: Path | None,
    picture: Path | None,
) -> None:
    """Build, open and search synthetic indexes of 512 dimensions with several libraries."""
    measured: dict[str, dict[str, Any]] = {}
    samples: dict[str, Samples] = {}
    for rows in sizes:
        results = measured[str(rows)] = {}
        with tempfile.TemporaryDirectory(prefix="cxr-bench-index-") as place:
            queries = Path(place) / "queries.npz"
            _write_queries(rows, queries)
            for name, peer in PEERS.items():
                if only and name not in only:
                    continue
                if reason := peer.missing():
                    results[name] = {"kind": reason}
                    continue
                if keep is not None:
                    folder = keep / f"{rows}-{re.sub(r'[^a-z]+', '-', name.lower())}"
                    results[name] = _one(name, peer, rows, queries, folder)
                    continue
                with tempfile.TemporaryDirectory(dir=place) as here:
                    results[name] = _one(name, peer, rows, queries, Path(here) / "built")
        for name, result in results.items():
            for part, values in result.pop("taken", {}).items():
                samples[f"{name} / {rows} rows / {part}"] = Samples("ms", values)
        _show(rows, results)
        if out is not None:
            record = new_record(
                "index",
                subject={"data": repr(Cones()), "threads": 1},
                runs={"warm_up": 1, "rounds": _ASKED},
                samples=samples,
                results={"sizes": measured},
            )
            write_record(out, record)
    if picture is not None:
        plot(measured, picture)


def _write_queries(rows: int, target: Path) -> None:
    cones = Cones()
    vectors = cones.sentences(rows, 0)
    image, text = cones.pictures(_ASKED, 1), cones.sentences(_ASKED, 1)
    np.savez(
        target,
        image=image,
        text=text,
        image_truth=nearest(vectors, image, K),
        text_truth=nearest(vectors, text, K),
        shape=np.array(vectors.shape),
    )
