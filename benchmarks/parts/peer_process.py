"""One index in a process of its own: ``python -m cxr_edge.benchmarks.parts.peer_process``.

Opens what was built in a folder, and either sweeps the width of the beam or, when it is told to by
a line on standard input, says how much memory it holds. Answers with JSON, a line each.
"""

import json
import re
import sys
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np

from cxr_edge.benchmarks.parts.peers import PEERS, Search
from cxr_edge.indexes.graph.tune import WIDTHS

K = 10
WIDER = (3072, 4096, 6144, 8192)
TARGETS = (0.95, 0.99)
_WARM = 200


def sweep(
    search: Search, asked: dict[str, Any], exact: bool
) -> tuple[dict[str, list[dict[str, float]]], dict[str, list[float]]]:
    """For each kind of query, recall and milliseconds for widening beams, up to the last target.

    Returns:
        Points by kind, and the milliseconds of every query by kind and width.
    """
    curves: dict[str, list[dict[str, float]]] = {}
    taken: dict[str, list[float]] = {}
    for kind in ("image", "text"):
        queries, truth = asked[kind], asked[f"{kind}_truth"]
        curves[kind] = []
        for width in (0,) if exact else (*WIDTHS, *WIDER):
            spans, shares = [], []
            for query, best in zip(queries, truth, strict=True):
                began = perf_counter()
                rows = search(query, K, width)
                spans.append((perf_counter() - began) * 1e3)
                shares.append(len({int(row) for row in rows} & {int(row) for row in best}) / K)
            taken[f"{kind} / ef {width}"] = [round(span, 4) for span in spans]
            recall = float(np.mean(shares))
            p50, p99 = np.percentile(spans, [50, 99])
            point = {"ef": width, "recall": recall, "p50_ms": float(p50), "p99_ms": float(p99)}
            curves[kind].append({key: round(value, 4) for key, value in point.items()})
            if recall >= TARGETS[-1]:
                break
    return curves, taken


def memory() -> dict[str, float]:
    """MB that only this process holds, and MB it shares, files included."""
    text = Path("/proc/self/smaps_rollup").read_text()
    kb = {name: int(size) for name, size in re.findall(r"^(\w+):\s+(\d+) kB", text, re.MULTILINE)}
    private = kb["Private_Clean"] + kb["Private_Dirty"]
    shared = kb["Shared_Clean"] + kb["Shared_Dirty"]
    return {"private_mb": round(private / 1024, 1), "shared_mb": round(shared / 1024, 1)}


def main(name: str, folder: Path, queries: Path, job: str) -> None:
    """Answer on standard output.

    Args:
        name: a name of ``PEERS``.
        folder: what its ``build`` has filled.
        queries: ``.npz`` of ``image``, ``text``, their ``_truth``, and ``shape``.
        job: ``sweep`` or ``memory``.
    """
    peer = PEERS[name]
    with np.load(queries) as loaded:
        asked = {key: loaded[key] for key in loaded.files}
    rows, dimension = asked["shape"].tolist()
    peer.missing()  # imported now: what a library takes to load is not what an index takes to open
    before = memory()
    began = perf_counter()
    search = peer.open(folder, rows, dimension)
    search(asked["image"][0], K, 64)
    first = (perf_counter() - began) * 1e3
    answer: dict[str, Any] = {"open_to_first_result_ms": round(first, 1)}
    if job == "sweep":
        answer["curves"], answer["taken"] = sweep(search, asked, peer.exact)
    else:
        for query in asked["image"][:_WARM]:
            search(query, K, 64)
        print("ready", flush=True)
        sys.stdin.readline()
        now = memory()
        answer |= now | {"private_by_index_mb": round(now["private_mb"] - before["private_mb"], 1)}
    print(json.dumps(answer), flush=True)
    sys.stdin.readline()  # both processes must be there while either counts


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3]), sys.argv[4])
