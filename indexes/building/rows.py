"""Last stage: the rows of an index at one level of compression, and what they stand for."""

import numpy as np
from numpy.typing import NDArray

from cxr_edge.indexes.building.reading import Texts
from cxr_edge.indexes.building.workspace import Workspace
from cxr_edge.indexes.contents import Clusters, Columns

_COPIED = 8192


def columns_of(
    texts: Texts, work: Workspace, owners: NDArray[np.uint32] | None
) -> tuple[Columns, Clusters | None]:
    """The contents of one index.

    Args:
        texts: all that was read, M texts.
        work: holds vectors, labels and attributes of all M.
        owners: uint32 (M,): the representative of each text; None: every text is a row.

    Returns:
        The columns, with vectors mapped, and the clusters where there are any.
    """
    if owners is None:
        every = Columns(
            vectors=work.load("vectors"),
            texts=texts.strings,
            sources=texts.sources,
            labels=work.load("labels"),
            attributes=work.load("attributes"),
            section=texts.section,
            frequency=texts.frequency,
            cluster_size=np.ones(len(texts), np.uint32),
        )
        return every, None
    rows = np.flatnonzero(owners == np.arange(len(owners)))
    members = np.argsort(owners, kind="stable").astype(np.uint32)
    sizes = np.bincount(owners, minlength=len(owners))[rows]
    offsets = np.zeros(len(rows) + 1, np.uint64)
    np.cumsum(sizes, out=offsets[1:])
    columns = Columns(
        vectors=_vectors(work, rows),
        texts=texts.strings.take(rows),
        sources=texts.sources.take(rows),
        labels=work.load("labels")[rows],
        attributes=work.load("attributes")[rows],
        section=texts.section[rows],
        frequency=texts.frequency[rows],
        cluster_size=sizes.astype(np.uint32),
    )
    return columns, Clusters(texts.strings, texts.sources, texts.frequency, members, offsets)


def _vectors(work: Workspace, rows: NDArray[np.intp]) -> NDArray[np.float32]:
    """The vectors of some rows, on the disk: there may be more of them than memory."""
    every = work.load("vectors")
    chosen = work.growing(f"representatives-{len(rows)}", "float32", (len(rows), every.shape[1]))
    for start in range(0, len(rows), _COPIED):
        part = slice(start, start + _COPIED)
        chosen[part] = every[rows[part]]
    return chosen
