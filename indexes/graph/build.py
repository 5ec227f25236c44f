"""From vectors and sample queries to a graph that has proved itself, or to a reason why not."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cxr_edge.errors import SpaceMismatch
from cxr_edge.indexes.building.progress import Progress, silent
from cxr_edge.indexes.contents import Graph
from cxr_edge.indexes.graph import base
from cxr_edge.indexes.graph.neighbours import nearest
from cxr_edge.indexes.graph.queries import Queries
from cxr_edge.indexes.graph.reach import connect
from cxr_edge.indexes.graph.shape import companions, entries, join
from cxr_edge.indexes.graph.tune import K, Measured, measure, narrowest
from cxr_edge.indexes.native import MISSING, reader
from cxr_edge.indexes.planner import RECALL

FEWEST_ROWS = 1000
"""So few rows are always searched exactly."""
FEWEST_QUERIES = 500
"""A fifth is held out: with fewer, the recall measured with them says too little."""
MOST_SHAPING = 100_000
MOST_HELD_OUT = 2000
DEPTH = 32
"""How many of a sample query's best rows belong together."""
COMPANIONS = 31
"""Links of this kind a row has at most; with 32 plain ones and one that connects, 64."""
ENTRIES = 256
_TEXTS = 500


@dataclass(frozen=True)
class Refused:
    """No graph, and why; the index stays exact."""

    reason: str

    @property
    def about(self) -> Mapping[str, Any]:
        """``graph`` of the manifest."""
        return {"refused": self.reason}


def build_graph(
    vectors: NDArray[np.float32],
    queries: Queries | None,
    *,
    space: str,
    metric: str = "cosine",
    stored: str = "float32",
    connectivity: int = 16,
    expansion_add: int = 200,
    seed: int = 0,
    threads: int = 1,
    memory: int = 8 * 2**30,
    folder: Path | None = None,
    progress: Progress = silent,
) -> Graph | Refused:
    """Build a graph, find out how to search it, and refuse it if it misses too much.

    The same vectors, queries and seed give the same graph whatever ``threads`` is: hnswlib adds
    rows with one thread, because with several chance decides which rows it links.

    Args:
        vectors: float32 (N, D), in memory or mapped; unit length where the metric is cosine.
        queries: embeddings of sample pictures.
        space: the encoder of the vectors.
        metric: ``cosine`` or ``inner_product``.
        stored: dtype of the vectors in the index, which is what a search will see.
        connectivity: M of hnswlib.
        expansion_add: efConstruction of hnswlib.
        seed: of hnswlib.
        threads: processors for all other stages.
        memory: bytes that may be taken.
        folder: for a temporary file of about the size of the vectors.
        progress: told how far each stage is.

    Raises:
        SpaceMismatch: the queries are of another encoder.
    """
    rows, dimension = vectors.shape
    if reason := _refusal(rows, dimension, queries, space, connectivity, stored, memory):
        return Refused(reason)
    assert queries is not None  # said by _refusal
    shaping, held = queries.split()
    shaping, held = _spread(shaping, MOST_SHAPING), _spread(held, MOST_HELD_OUT)
    seen: NDArray[Any] = vectors if stored == vectors.dtype.name else vectors.astype(stored)
    lists = nearest(seen, shaping, DEPTH, threads=threads, progress=progress)
    plain = base.base_links(
        vectors, base.Base(connectivity, expansion_add, seed), folder=folder, progress=progress
    )
    graph, repaired = shaped(vectors, plain, lists, threads=threads, progress=progress)
    truth = nearest(seen, held, K, threads=threads)
    measured, good = narrowest(seen, graph, held, truth, RECALL, threads=threads)
    if not good:
        return Refused(
            f"the graph finds {measured.recall:.4f} of the best {K} for {len(held)} held-out "
            f"image queries with a beam of {measured.width}; {RECALL} is needed beyond a standard "
            "error: give more sample queries"
        )
    about = {
        "builder": f"hnswlib {version('hnswlib')}, companions",
        "connectivity": connectivity,
        "expansion_add": expansion_add,
        "seed": seed,
        "degree": graph.links.shape[1],
        "repaired": repaired,
        "queries": {
            "count": len(queries.vectors),
            "shaping": len(shaping),
            "held_out": len(held),
            "digest": queries.digest,
            "space": queries.space or "taken on trust",
        },
        "expansion_search": measured.width,
        **_report(measured, _texts(seen, graph, measured.width, threads)),
    }
    return replace(graph, about=about)


def shaped(
    vectors: NDArray[np.float32],
    plain: NDArray[np.uint32],
    lists: NDArray[np.uint32],
    *,
    threads: int = 1,
    progress: Progress = silent,
) -> tuple[Graph, int]:
    """A plain graph with the links that sample queries ask for.

    Args:
        vectors: float32 (N, D).
        plain: uint32 (N, P), padded with ``NO_ROW``.
        lists: uint32 (Q, K), the best rows of each sample query, best first.
        threads: processors.
        progress: told how many rows are done.

    Returns:
        The graph, not measured yet, and how many rows could only be reached by a link of their own.
    """
    begin = entries(lists, ENTRIES)
    beside = companions(vectors, lists, COMPANIONS, threads=threads, progress=progress)
    links, repaired = connect(join(plain, beside, plain.shape[1] + COMPANIONS), begin)
    return Graph.over(vectors, links, begin), repaired


def _refusal(
    rows: int,
    dimension: int,
    queries: Queries | None,
    space: str,
    connectivity: int,
    stored: str,
    memory: int,
) -> str:
    """Why no graph is built; empty where nothing speaks against it.

    Raises:
        SpaceMismatch: the queries are of another encoder.
    """
    if queries is None:
        return "no sample queries were given, and a graph made for sentences misleads pictures"
    if queries.space not in ("", space) or queries.vectors.shape[1] != dimension:
        raise SpaceMismatch(
            f"the sample queries are of {queries.space or 'an unnamed encoder'} "
            f"({queries.vectors.shape[1]} dimensions), the vectors are of {space} ({dimension}); "
            "encode the pictures with the same bundle"
        )
    if len(queries.vectors) < FEWEST_QUERIES:
        return (
            f"{len(queries.vectors)} sample queries are too few to shape and judge a graph; give "
            f"at least {FEWEST_QUERIES}"
        )
    if rows < FEWEST_ROWS:
        return f"{rows} rows are searched exactly in no time"
    if reader is None:
        return MISSING
    if not base.available():
        return base.MISSING
    # hnswlib's copy or, later, the links three times over; and the vectors as they will be stored.
    copies = rows * dimension * 2 if stored == "float16" else 0
    needed = base.bytes_needed(rows, dimension, connectivity) + rows * 4 * 64 + copies
    if needed > memory:
        return (
            f"building takes about {needed / 2**20:.0f} MB, {memory / 2**20:.0f} are allowed; "
            "allow more with --memory"
        )
    return ""


def _spread(vectors: NDArray[np.float32], most: int) -> NDArray[np.float32]:
    """At most so many of them, evenly over the whole."""
    if len(vectors) <= most:
        return vectors
    chosen: NDArray[np.float32] = vectors[np.linspace(0, len(vectors) - 1, most).astype(np.intp)]
    return chosen


def _texts(seen: NDArray[Any], graph: Graph, width: int, threads: int) -> Measured:
    """Recall for queries out of the corpus itself, for comparison: rows spread over the index."""
    chosen = np.linspace(0, len(seen) - 1, min(_TEXTS, len(seen))).astype(np.intp)
    queries = np.ascontiguousarray(seen[chosen], np.float32)
    truth = nearest(seen, queries, K, threads=threads)
    return measure(seen, graph, queries, truth, width, threads=threads)


def _report(image: Measured, text: Measured) -> dict[str, Any]:
    return {
        "recall": {
            "k": K,
            "image": round(image.recall, 5),
            "image_error": round(image.error, 5),
            "text": round(text.recall, 5),
        },
        "computed": {"image": round(image.computed), "text": round(text.computed)},
    }
