"""``cxr-bench graph``: what links between sentences that pictures look for together are worth.

The same plain graph is searched as it is and with these links added, with queries that had no part
in building it, for every width of the beam. Synthetic vectors (``vectors.Cones``), or the real
reports and pictures of Open-I.
"""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from time import perf_counter, process_time
from typing import Any

import click
import numpy as np
from numpy.typing import NDArray

from cxr_edge.benchmarks.parts.vectors import Cones
from cxr_edge.benchmarks.record import Samples, new_record, summary, write_record
from cxr_edge.benchmarks.record.options import json_option
from cxr_edge.indexes.building.progress import Line, Progress
from cxr_edge.indexes.contents import Graph
from cxr_edge.indexes.graph.base import Base, base_links
from cxr_edge.indexes.graph.build import DEPTH, shaped
from cxr_edge.indexes.graph.neighbours import nearest
from cxr_edge.indexes.graph.queries import Queries, encode_pictures
from cxr_edge.indexes.graph.tune import WIDTHS, K, measure
from cxr_edge.indexes.scan import walk

_TIMED = 200
_ENOUGH = 0.999


class Clock:
    """Seconds of each stage: of the clock on the wall, and of processors."""

    def __init__(self) -> None:
        self.seconds: dict[str, dict[str, float]] = {}

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Time a block."""
        wall, processor = perf_counter(), process_time()
        yield
        spent = {"wall": perf_counter() - wall, "processor": process_time() - processor}
        self.seconds[name] = {key: round(value, 1) for key, value in spent.items()}


def curve(
    vectors: NDArray[Any], graph: Graph, queries: NDArray[np.float32], truth: NDArray[np.uint32]
) -> tuple[list[dict[str, float]], dict[int, list[float]]]:
    """Recall, inner products and one-thread milliseconds a query for widening beams.

    Returns:
        A point for each width of the beam, and the milliseconds of every query by width.
    """
    points, taken = [], {}
    for width in WIDTHS:
        measured = measure(vectors, graph, queries, truth, width)
        spans = []
        for query in queries[:_TIMED]:
            began = perf_counter()
            walk(vectors, graph, query[None], K, ef=width)
            spans.append((perf_counter() - began) * 1e3)
        taken[width] = spans
        figures = summary(spans)
        points.append(
            {
                "ef": width,
                "recall": round(measured.recall, 4),
                "computed": round(measured.computed),
                "p50_ms": round(figures["p50"], 3),
                "p99_ms": round(figures["p99"], 3),
            }
        )
        if measured.recall >= _ENOUGH:
            break
    return points, taken


def open_i(
    folder: Path, progress: Progress
) -> tuple[NDArray[np.float32], Queries, NDArray[np.float32]]:
    """Sentences of the ``train`` reports, frontal pictures, and sentences of the ``valid`` reports.

    All in the space of the embedded bundle; the pictures are in the order of the studies, so that
    those of one patient are together.
    """
    from cxr_edge.bundle import Bundle
    from cxr_edge.indexes.building.encoding import embed
    from cxr_edge.indexes.corpora import CorpusOptions, open_corpus
    from cxr_edge.pipeline import locate

    bundle = Bundle.load(locate("bundle", None))
    path = folder / "studies.jsonl"
    texts = {
        split: dict.fromkeys(one.text for one in open_corpus(str(path), CorpusOptions(split=split)))
        for split in ("train", "valid")
    }
    studies = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    frontal = [
        folder / "images" / image["file"]
        for study in studies
        for image in study["images"]
        if image["projection"] == "Frontal" and (folder / "images" / image["file"]).is_file()
    ]
    pictures = encode_pictures(frontal, bundle, progress=progress)
    new = [text for text in texts["valid"] if text not in texts["train"]]
    return embed(list(texts["train"]), bundle), pictures, embed(new, bundle)


@click.command()
@click.option("--rows", default=20_000, show_default=True, type=click.IntRange(min=1000))
@click.option("--queries", type=click.IntRange(min=500), help="Default: a quarter of the rows.")
@click.option("--open-i", "real", type=click.Path(exists=True, path_type=Path), help="Its folder.")
@click.option("--threads", default=1, show_default=True, type=click.IntRange(min=1))
@json_option()
def graph(
    rows: int, queries: int | None, real: Path | None, threads: int, out: Path | None
) -> None:
    """Compare a plain graph with one that sample pictures have shaped."""
    clock, line = Clock(), Line()
    if real is not None:
        data = "Open-I, embedded bundle"
        with clock.stage("encode"):
            vectors, pictures, text = open_i(real, line)
        shaping, held = pictures.split()
        seen: NDArray[Any] = vectors
    else:
        cones = Cones()
        data = repr(cones)
        vectors = cones.sentences(rows, 0)
        shaping = cones.pictures(queries or rows // 4, 0)
        held, text = cones.pictures(1000, 1), cones.sentences(1000, 1)
        seen = vectors.astype(np.float16)
    with clock.stage("plain graph"):
        plain = base_links(vectors, Base(), progress=line)
    with clock.stage("look up"):
        lists = nearest(seen, shaping, DEPTH, threads=threads, progress=line)
    with clock.stage("shape"):
        finished, repaired = shaped(vectors, plain, lists, threads=threads, progress=line)
    line.end()
    kinds = {"image": held, "text": text[:1000]}
    truth = {kind: nearest(seen, asked, K, threads=threads) for kind, asked in kinds.items()}
    graphs = {"plain": replace(finished, links=plain), "shaped": finished}
    cosines = held[:200] @ vectors[:5000].T
    curves: dict[str, dict[str, object]] = {}
    samples: dict[str, Samples] = {}
    for name, one in graphs.items():
        curves[name] = {}
        for kind in kinds:
            curves[name][kind], spans = curve(seen, one, kinds[kind], truth[kind])
            samples |= {
                f"{name} / {kind} / ef {width}": Samples("ms", values)
                for width, values in spans.items()
            }
    results: dict[str, object] = {
        "queries": {"shaping": len(shaping), **{kind: len(q) for kind, q in kinds.items()}},
        "median_image_text_cosine": round(float(np.median(cosines)), 3),
        "best_rows_that_differ": round(len(np.unique(truth["image"])) / truth["image"].size, 3),
        "repaired": repaired,
        "seconds": clock.seconds,
        "curves": curves,
    }
    click.echo(json.dumps(results, indent=1))
    if out is not None:
        about = {
            "data": data,
            "rows": len(vectors),
            "dimension": vectors.shape[1],
            "dtype": seen.dtype.name,
            "threads": 1,
        }
        timed = {"warm_up": 0, "rounds": min(_TIMED, len(held))}
        write_record(
            out, new_record("graph", subject=about, runs=timed, samples=samples, results=results)
        )
