"""Writes an index: whole or not at all, the same bytes for the same contents."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cxr_edge.indexes.container import (
    CLUSTERS,
    CLUSTERS_LAYOUT,
    DATA,
    INDEX_LAYOUT,
    MANIFEST,
    SCHEMA,
)
from cxr_edge.indexes.contents import Clusters, Columns, Graph, Sources, Strings
from cxr_edge.indexes.layout import blocks, rising
from cxr_edge.indexes.search import SentenceIndex
from cxr_edge.manifest import write_directory

HALF_ABOVE = 20_000
"""Above so many rows vectors are stored as float16 unless the caller says otherwise."""


def write_index(
    out: Path,
    columns: Columns,
    *,
    manifest: Mapping[str, Any],
    graph: Graph | None = None,
    clusters: Clusters | None = None,
    dtype: str | None = None,
    replace: bool = False,
) -> SentenceIndex:
    """Write an index and open it.

    Vectors are read a part at a time, so they may be mapped and larger than the memory.

    Args:
        out: directory to create.
        columns: the rows.
        manifest: ``name``, ``unit``, ``metric``, ``space``, ``key`` where it is not ``text``, and
            whatever else is to be on record.
            ``schema``, ``count``, ``dimension``, ``dtype``, ``sections``, ``files``, ``digest`` are
            added here, and ``graph`` where one is given; without one, ``graph`` may say why
            (``{"refused": reason}``).
        graph: links over the rows.
        clusters: what the rows stand for.
        dtype: ``float32`` or ``float16``; default float16 above ``HALF_ABOVE`` rows, where all
            numbers are within its range.
        replace: put it in the place of an older index.

    Raises:
        ValueError: the columns do not fit each other, or a vector does not fit the dtype.
        OutputError: ``out`` exists, is something else than an index, or cannot be written.
    """
    rows, dimension = columns.vectors.shape
    if not rising(columns.sources.offsets, columns.sources.numbers.size, strictly=True):
        raise ValueError("a text has no report id")
    dtype = dtype or stored_dtype(columns.vectors)
    arrays: dict[str, NDArray[Any]] = {
        "vectors": columns.vectors,
        **_texts(columns.texts, columns.sources),
        "labels": columns.labels,
        "attributes": columns.attributes,
        "section": columns.section,
        "frequency": columns.frequency,
        "cluster_size": columns.cluster_size,
    }
    dtypes = {"vectors": dtype}
    payload = {
        **manifest,
        "schema": SCHEMA,
        "count": rows,
        "dimension": dimension,
        "dtype": dtype,
    }
    if graph is not None:
        payload["graph"] = dict(graph.about)
        arrays |= {name: getattr(graph, name) for name in ("links", "entry", "codes", "steps")}
    payload["sections"], _ = INDEX_LAYOUT.plan(arrays, dtypes)
    files: dict[str, Iterable[bytes]] = {DATA: INDEX_LAYOUT.parts(arrays, dtypes)}
    if clusters is not None:
        if not np.array_equal(np.diff(clusters.members_offsets), columns.cluster_size):
            raise ValueError("cluster_size is not the number of members of each row")
        held = _texts(clusters.texts, clusters.sources) | {
            "frequency": clusters.frequency,
            "members": clusters.members,
            "members_offsets": clusters.members_offsets,
        }
        payload["clusters"], _ = CLUSTERS_LAYOUT.plan(held)
        files[CLUSTERS] = CLUSTERS_LAYOUT.parts(held)
    write_directory(out, MANIFEST, payload, files, replace=replace)
    return SentenceIndex.open(out)


def stored_dtype(vectors: NDArray[Any]) -> str:
    """How vectors (N, D) are stored unless the caller says otherwise: ``float16`` or ``float32``.

    Few rows are stored as they are; so are numbers beyond the range of float16, as raw vectors
    that are compared by inner product may have.
    """
    if len(vectors) <= HALF_ABOVE:
        return "float32"
    largest = float(np.finfo(np.float16).max)
    fit = all(float(np.abs(block).max(initial=0)) <= largest for block in blocks(vectors))
    return "float16" if fit else "float32"


def _texts(texts: Strings, sources: Sources) -> dict[str, NDArray[Any]]:
    return {
        "text": texts.data,
        "text_offsets": texts.offsets,
        "report_ids": sources.ids.data,
        "report_ids_offsets": sources.ids.offsets,
        "sources": sources.numbers,
        "sources_offsets": sources.offsets,
    }
