"""Checks of an opened index that are too slow, or too rarely needed, for every opening."""

import numpy as np
from numpy.typing import NDArray

from cxr_edge.errors import SentenceIndexError
from cxr_edge.indexes.container import CLUSTERS
from cxr_edge.indexes.contents import NO_ROW, Strings
from cxr_edge.indexes.layout import blocks
from cxr_edge.indexes.search import SentenceIndex

_UNIT = 2e-3  # halves round each number by up to 2**-11 of it


def verify_values(index: SentenceIndex) -> None:
    """Check what an opening does not: texts, lengths of vectors, links, clusters.

    Raises:
        SentenceIndexError: the first that is wrong.
    """
    _check(_is_text(index.texts), index, "a text is not UTF-8")
    _check(_is_text(index.sources.ids), index, "a report id is not UTF-8")
    if index.metric == "cosine":
        _check(_is_unit(index.vectors), index, "a vector is not of unit length")
    graph = index.graph
    if graph is not None:
        sound = all(_leads_inside(block, len(index)) for block in blocks(graph.links))
        _check(sound, index, "a link leads to a row that does not exist")
    if CLUSTERS in index.manifest["files"]:
        _verify_clusters(index)


def _verify_clusters(index: SentenceIndex) -> None:
    held = index.clusters
    _check(_is_text(held.texts) and _is_text(held.sources.ids), index, "a member is not UTF-8")
    sizes = np.diff(held.members_offsets)
    _check(np.array_equal(sizes, index.cluster_size), index, "a cluster has another size")
    firsts = held.members[held.members_offsets[:-1]]
    own = all(held.texts[first] == index.texts[row] for row, first in enumerate(firsts))
    _check(own, index, "a cluster does not begin with the text of its row")


def _check(sound: bool, index: SentenceIndex, problem: str) -> None:
    if not sound:
        raise SentenceIndexError(f"index {index.directory}: {problem}; build the index again")


def _is_text(strings: Strings) -> bool:
    """Whether all is UTF-8 and no string begins inside a character."""
    try:
        strings.data.tobytes().decode()
    except UnicodeDecodeError:
        return False
    begins = strings.offsets[strings.offsets < strings.data.size]
    return not np.any(strings.data[begins] & 0xC0 == 0x80)


def _is_unit(vectors: NDArray[np.generic]) -> bool:
    return all(
        np.all(np.abs(np.linalg.norm(block.astype(np.float32), axis=1) - 1) < _UNIT)
        for block in blocks(vectors)
    )


def _leads_inside(lines: NDArray[np.uint32], rows: int) -> bool:
    return bool(np.all((lines < rows) | (lines == NO_ROW)))
