"""The contents of a small synthetic index."""

import numpy as np

from cxr_edge.indexes.contents import Clusters, Columns, Graph, Sources, Strings


def synthetic_columns(rows: int = 200, dimension: int = 8, seed: int = 0) -> Columns:
    rng = np.random.default_rng(seed)
    vectors = rng.standard_normal((rows, dimension)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    return Columns(
        vectors=vectors,
        texts=Strings.of(f"Sentence {n}: größer." for n in range(rows)),
        sources=Sources.of([f"report-{n}", f"report-{n // 2}"] for n in range(rows)),
        labels=rng.integers(0, 4, (rows, 14)).astype(np.int8),
        attributes=np.zeros(rows, np.uint8),
        section=np.ones(rows, np.uint8),
        frequency=np.arange(1, rows + 1, dtype=np.uint32),
        cluster_size=np.full(rows, 2, np.uint32),
    )


def synthetic_clusters(rows: int = 200) -> Clusters:
    """Row n stands for its own text and one more."""
    members = np.arange(2 * rows, dtype=np.uint32).reshape(2, rows).T.ravel()
    texts = [f"Sentence {n}: größer." for n in range(rows)] + [f"As {n}." for n in range(rows)]
    return Clusters(
        texts=Strings.of(texts),
        sources=Sources.of([f"report-{n}"] for n in range(2 * rows)),
        frequency=np.ones(2 * rows, np.uint32),
        members=np.ascontiguousarray(members),
        members_offsets=np.arange(0, 2 * rows + 1, 2, dtype=np.uint64),
    )


def exact_graph(
    vectors: np.ndarray, degree: int = 8, *, recall: float = 1.0, ef: int = 64
) -> Graph:
    """Every row linked to its exact nearest ones and to its neighbours in row order."""
    rows = len(vectors)
    near = np.argsort(-(vectors @ vectors.T), axis=1, kind="stable")[:, 1 : degree - 1]
    ring = np.stack([(np.arange(rows) + 1) % rows, (np.arange(rows) - 1) % rows], axis=1)
    links = np.ascontiguousarray(np.concatenate([near, ring], axis=1), np.uint32)
    entry = np.arange(0, rows, 16, dtype=np.uint32)
    about = {"expansion_search": ef, "recall": {"image": recall, "k": 10}}
    return Graph.over(vectors, links, entry, about)
