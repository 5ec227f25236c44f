"""``cxr-bench entries``: a flat graph begun at entry rows beside hnswlib's hierarchy."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import click
import numpy as np
from numpy.typing import NDArray

from cxr_edge.benchmarks.parts.vectors import Cones
from cxr_edge.benchmarks.record import new_record, write_record
from cxr_edge.benchmarks.record.options import json_option
from cxr_edge.indexes.contents import Graph
from cxr_edge.indexes.graph.base import Base, base_links
from cxr_edge.indexes.graph.neighbours import nearest
from cxr_edge.indexes.scan import walk

WIDTHS = (64, 256, 1024)
ENTRIES = (1, 64, 256)
QUERIES = 500
K = 10


def recall(found: NDArray[Any], truth: NDArray[np.uint32]) -> float:
    """Share of the true best rows that were found, over all queries."""
    pairs = zip(found.tolist(), truth.tolist(), strict=True)
    return round(sum(len(set(a) & set(b)) for a, b in pairs) / truth.size, 4)


@click.command()
@click.option("--rows", default=20_000, show_default=True, type=click.IntRange(min=2000))
@json_option()
def entries(rows: int, out: Path | None) -> None:
    """Recall and inner products of both, from the same links; time plays no part."""
    import hnswlib

    cones, base = Cones(), Base()
    made = cones.sentences(rows + QUERIES, 0)
    vectors, texts, pictures = made[:rows], made[rows:], cones.pictures(QUERIES, 0)
    whole = hnswlib.Index("ip", vectors.shape[1])
    whole.init_index(
        rows, M=base.connectivity, ef_construction=base.expansion_add, random_seed=base.seed
    )
    whole.add_items(vectors, np.arange(rows), num_threads=1)
    linked = Graph.over(vectors, base_links(vectors, base), np.zeros(1, np.uint32))
    drawn = np.random.default_rng(0).permutation(rows).astype(np.uint32)
    measured: list[dict[str, object]] = []
    for kind, queries in (("image", pictures), ("text", texts)):
        truth = nearest(vectors, queries, K)
        for width in WIDTHS:
            whole.set_ef(width)
            line: dict[str, object] = {"queries": kind, "ef": width}
            line["hierarchy"] = recall(whole.knn_query(queries, K, num_threads=1)[0], truth)
            for count in ENTRIES:
                begun = replace(linked, entry=np.sort(drawn[:count]))
                found = walk(vectors, begun, queries, K, ef=width)
                line[f"{count} entries"] = recall(found.rows, truth)
                line[f"{count} entries, inner products"] = round(float(found.computed.mean()))
            measured.append(line)
            click.echo("  ".join(f"{key} {value}" for key, value in line.items()))
    if out is not None:
        record = new_record(
            "entries",
            subject={"data": repr(cones), "rows": rows, "k": K},
            runs={"queries": QUERIES},
            samples={},
            results={"measured": measured},
        )
        write_record(out, record)
