"""Index libraries side by side: each builds a file in a folder, opens it, and searches it.

All search by inner product over the same unit vectors with one thread. What has no width of the
beam is exact.
"""

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cxr_edge.benchmarks.parts.vectors import plain_columns
from cxr_edge.indexes.contents import Graph
from cxr_edge.indexes.graph.queries import Queries

Search = Callable[[NDArray[np.float32], int, int], NDArray[Any]]
"""Of one query (D,), how many rows and the width of the beam: row numbers, best first."""
CONNECTIVITY, EXPANSION_ADD = 32, 400
"""Of the peers' graphs."""
SPACE = "synthetic"


@dataclass(frozen=True)
class Peer:
    """One way to hold and search vectors."""

    build: Callable[[Path, NDArray[np.float32], NDArray[np.float32]], str]
    """Given a folder, vectors (N, D) and sample pictures (Q, D): writes its files, says what."""
    open: Callable[[Path, int, int], Search]
    """Given the folder, N and D."""
    exact: bool = False
    needs: str = ""
    """The module it comes from."""

    def missing(self) -> str:
        """Why it cannot be measured here; empty where it can."""
        try:
            import_module(self.needs or "numpy")
        except ImportError:
            return f"{self.needs} is not installed: pip install cxr-edge[bench]"
        return ""


# ---- ours ----


def _build_ours(
    folder: Path, vectors: NDArray[np.float32], pictures: NDArray[np.float32] | None
) -> str:
    from cxr_edge.indexes.graph.build import Refused, build_graph
    from cxr_edge.indexes.writing import stored_dtype, write_index

    graph: Graph | None = None
    dtype = stored_dtype(vectors)
    if pictures is not None:
        queries = Queries(pictures, SPACE)
        built = build_graph(vectors, queries, space=SPACE, stored=dtype, folder=folder)
        if isinstance(built, Refused):
            return f"refused: {built.reason}"
        graph = built
    manifest = {"name": "bench", "unit": "sentence", "metric": "cosine", "space": SPACE}
    columns = plain_columns(vectors)
    write_index(folder / "index", columns, manifest=manifest, graph=graph, dtype=dtype)
    return dtype if graph is None else f"{dtype}, ef {graph.about['expansion_search']}"


def _build_exact(folder: Path, vectors: NDArray[np.float32], _: NDArray[np.float32]) -> str:
    return _build_ours(folder, vectors, None)


def _open_exact(folder: Path, _rows: int, _dimension: int) -> Search:
    from cxr_edge.indexes.scan import scan
    from cxr_edge.indexes.search import SentenceIndex

    index = SentenceIndex.open(folder / "index", exact=True)
    return lambda query, k, _: scan(index.vectors, query[None], k).rows[0]


def _open_graph(folder: Path, _rows: int, _dimension: int) -> Search:
    from cxr_edge.indexes.scan import walk
    from cxr_edge.indexes.search import SentenceIndex

    index = SentenceIndex.open(folder / "index", budget_ms=0)
    graph = index.graph
    assert graph is not None
    return lambda query, k, ef: walk(index.vectors, graph, query[None], k, ef=ef).rows[0]


# ---- numpy ----


def _build_numpy(folder: Path, vectors: NDArray[np.float32], _: NDArray[np.float32]) -> str:
    np.save(folder / "vectors.npy", vectors)
    return "float32"


def _open_numpy(folder: Path, _rows: int, _dimension: int) -> Search:
    vectors = np.load(folder / "vectors.npy", mmap_mode="r")

    def search(query: NDArray[np.float32], k: int, _: int) -> NDArray[Any]:
        scores = vectors @ query
        best = np.argpartition(-scores, k)[:k]
        return best[np.argsort(-scores[best])]

    return search


# ---- hnswlib ----


def _build_hnswlib(folder: Path, vectors: NDArray[np.float32], _: NDArray[np.float32]) -> str:
    import hnswlib

    index = hnswlib.Index("ip", vectors.shape[1])
    index.init_index(len(vectors), M=CONNECTIVITY, ef_construction=EXPANSION_ADD, random_seed=0)
    index.add_items(vectors, num_threads=1)
    index.save_index(str(folder / "index.hnsw"))
    return f"float32, M {CONNECTIVITY}, efConstruction {EXPANSION_ADD}"


def _open_hnswlib(folder: Path, rows: int, dimension: int) -> Search:
    import hnswlib

    index = hnswlib.Index("ip", dimension)
    index.load_index(str(folder / "index.hnsw"), max_elements=rows)
    index.set_num_threads(1)

    def search(query: NDArray[np.float32], k: int, ef: int) -> NDArray[Any]:
        index.set_ef(ef)
        found: NDArray[Any] = index.knn_query(query[None], k=k)[0][0]
        return found

    return search


# ---- usearch ----


def _usearch(dimension: int) -> Any:  # noqa: ANN401
    from usearch.index import Index

    return Index(
        ndim=dimension,
        metric="ip",
        dtype="f16",
        connectivity=CONNECTIVITY,
        expansion_add=EXPANSION_ADD,
    )


def _build_usearch(folder: Path, vectors: NDArray[np.float32], _: NDArray[np.float32]) -> str:
    index = _usearch(vectors.shape[1])
    index.add(np.arange(len(vectors)), vectors, threads=1)
    index.save(str(folder / "index.usearch"))
    return f"float16, M {CONNECTIVITY}, efConstruction {EXPANSION_ADD}"


def _open_usearch(folder: Path, _rows: int, dimension: int) -> Search:
    index = _usearch(dimension)
    index.view(str(folder / "index.usearch"))

    def search(query: NDArray[np.float32], k: int, ef: int) -> NDArray[Any]:
        index.expansion_search = ef
        found: NDArray[Any] = index.search(query, k, threads=1).keys
        return found

    return search


# ---- faiss ----


def _faiss() -> Any:  # noqa: ANN401
    """The module, without its stubs: they lack what its Python side adds."""
    faiss = import_module("faiss")
    faiss.omp_set_num_threads(1)
    return faiss


def _build_faiss(folder: Path, vectors: NDArray[np.float32], _: NDArray[np.float32]) -> str:
    faiss = _faiss()
    half = faiss.ScalarQuantizer.QT_fp16
    index = faiss.IndexHNSWSQ(vectors.shape[1], half, CONNECTIVITY, faiss.METRIC_INNER_PRODUCT)
    index.hnsw.efConstruction = EXPANSION_ADD
    index.train(vectors[:1])
    index.add(vectors)
    faiss.write_index(index, str(folder / "index.faiss"))
    return f"float16, M {CONNECTIVITY}, efConstruction {EXPANSION_ADD}"


def _open_faiss(folder: Path, _rows: int, _dimension: int) -> Search:
    faiss = _faiss()
    index = faiss.read_index(str(folder / "index.faiss"), faiss.IO_FLAG_MMAP_IFC)

    def search(query: NDArray[np.float32], k: int, ef: int) -> NDArray[Any]:
        settings = faiss.SearchParametersHNSW(efSearch=ef)
        found: NDArray[Any] = index.search(query[None], k, params=settings)[1][0]
        return found

    return search


PEERS: dict[str, Peer] = {
    "ours, exact": Peer(_build_exact, _open_exact, exact=True),
    "ours, graph": Peer(_build_ours, _open_graph, needs="hnswlib"),
    "numpy, exact": Peer(_build_numpy, _open_numpy, exact=True),
    "hnswlib": Peer(_build_hnswlib, _open_hnswlib, needs="hnswlib"),
    "usearch, view": Peer(_build_usearch, _open_usearch, needs="usearch"),
    "faiss HNSW, mapped": Peer(_build_faiss, _open_faiss, needs="faiss"),
}
