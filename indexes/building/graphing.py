"""The graph of an index, where one is worth building: see ``indexes/graph``."""

from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Literal

import numpy as np

from cxr_edge.bundle import Bundle
from cxr_edge.engines import default_threads
from cxr_edge.errors import CorpusError
from cxr_edge.indexes.building.progress import Progress
from cxr_edge.indexes.building.workspace import Workspace
from cxr_edge.indexes.contents import Columns, Graph
from cxr_edge.indexes.corpora import CorpusOptions
from cxr_edge.indexes.corpora.files import fingerprint
from cxr_edge.indexes.graph.build import Refused, build_graph
from cxr_edge.indexes.graph.queries import Queries, read_queries
from cxr_edge.indexes.writing import stored_dtype

Wanted = Literal["auto", "never", "always"]

EXACT_UP_TO = 50_000
"""Rows that are searched exactly within the planner's 5 ms; ``auto`` builds no graph for them."""
REPEATED = "picture that repeats an earlier one"
_FILE = "queries.npz"


def fingerprint_of(queries: Path) -> str:
    """Hex digest of a file of embeddings, or of the names, sizes and times of a folder of pictures.

    Raises:
        CorpusError: there is nothing of this name.
    """
    if not (queries.is_file() or queries.is_dir()):
        raise CorpusError(
            f"{queries} is not there; name a folder of images or a file of embeddings"
        )
    files = sorted(path for path in queries.rglob("*") if path.is_file())
    return fingerprint(files or [queries], "queries", CorpusOptions())


def take_queries(
    queries: Path | None, bundle: Bundle, work: Workspace, threads: int | None, progress: Progress
) -> Queries | None:
    """The sample queries; pictures are encoded once, whatever happens to the build.

    Raises:
        CxrEdgeError: as ``read_queries``.
    """
    if queries is None:
        return None
    kept = work.folder / _FILE
    if "queries" in work.state:
        return read_queries(kept, bundle, threads=threads)
    taken = _without_repeats(read_queries(queries, bundle, threads=threads, progress=progress))
    taken.save(kept)
    work.record(queries=dict(taken.left_out))
    return taken


def _without_repeats(queries: Queries) -> Queries:
    """Each picture once: a graph must not be judged by a copy of what has shaped it."""
    _, first = np.unique(queries.vectors, axis=0, return_index=True)
    if repeated := len(queries.vectors) - len(first):
        first.sort()
        left_out = queries.left_out + Counter({REPEATED: repeated})
        return replace(queries, vectors=queries.vectors[first], left_out=left_out)
    return queries


def graph_for(
    columns: Columns,
    queries: Queries | None,
    bundle: Bundle,
    work: Workspace,
    *,
    wanted: Wanted,
    threads: int | None,
    memory: int,
    progress: Progress,
) -> Graph | Refused | None:
    """Build the graph of one index; None where none is wanted.

    Raises:
        SpaceMismatch: the queries are of another encoder.
    """
    rows = len(columns.vectors)
    if wanted == "never" or (wanted == "auto" and rows <= EXACT_UP_TO):
        return None
    return build_graph(
        columns.vectors,
        queries,
        space=bundle.space,
        metric=bundle.metric,
        stored=stored_dtype(columns.vectors),
        threads=threads or default_threads(),
        memory=memory,
        folder=work.folder,
        progress=progress,
    )
