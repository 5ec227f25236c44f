"""Makes sure that every row can be reached from the entries."""

import numpy as np
from numpy.typing import NDArray

from cxr_edge.indexes.contents import NO_ROW


def reached(links: NDArray[np.uint32], entry: NDArray[np.uint32]) -> NDArray[np.bool_]:
    """Which rows a walk along all links comes to, bool (N,)."""
    seen = np.zeros(len(links), bool)
    _spread(links, entry, seen)
    return seen


def connect(links: NDArray[np.uint32], entry: NDArray[np.uint32]) -> tuple[NDArray[np.uint32], int]:
    """Links with one more column, through which every row is reached.

    Rows that link to something reachable but are not reached themselves get a link from it; the
    nearest of their links comes first in their line. What is cut off altogether is linked from the
    row attached before it, so that a chain leads there.

    Args:
        links: uint32 (N, R), padded with ``NO_ROW``, the nearest of a row's links first.
        entry: uint32 (E,), E >= 1.

    Returns:
        uint32 (N, R + 1), and how many links were added.
    """
    rows, degree = links.shape
    wide = np.full((rows, degree + 1), NO_ROW, np.uint32)
    wide[:, :degree] = links
    room = np.ones(rows, bool)
    seen = reached(links, entry)
    tail = int(entry[0])
    added = 0
    while (left := np.flatnonzero(~seen)).size:
        # The first of a row's own links that is reached and still has its place free.
        targets = wide[left, :degree]
        there = targets != NO_ROW
        safe = np.where(there, targets, 0).astype(np.intp)
        good = there & seen[safe] & room[safe]
        parents = np.where(good.any(axis=1), safe[np.arange(left.size), good.argmax(axis=1)], -1)
        attached = np.flatnonzero(parents >= 0)
        _, first = np.unique(parents[attached], return_index=True)
        attached = attached[first]
        if not attached.size:  # nothing that is left leads to a free place: begin a chain
            if not room[tail]:
                tail = int(np.flatnonzero(seen & room)[0])
            attached, parents = np.array([0]), np.full(left.size, tail)
        new = left[attached]
        wide[parents[attached], degree] = new
        room[parents[attached]] = False
        tail = int(new[-1])
        added += len(new)
        _spread(wide, new.astype(np.uint32), seen)
    return _tidy(wide), added


def _spread(links: NDArray[np.uint32], begin: NDArray[np.uint32], seen: NDArray[np.bool_]) -> None:
    """Mark everything that links lead to from ``begin``, in place."""
    front = begin[~seen[begin]]
    seen[front] = True
    while front.size:
        found = np.unique(links[front])
        if found.size and found[-1] == NO_ROW:
            found = found[:-1]
        front = found[~seen[found]]
        seen[front] = True


def _tidy(links: NDArray[np.uint32]) -> NDArray[np.uint32]:
    """No gaps: a search reads a line up to the first ``NO_ROW``."""
    gap = links[:, -2] == NO_ROW
    lines = np.flatnonzero(gap & (links[:, -1] != NO_ROW))
    ends = (links[lines] == NO_ROW).argmax(axis=1)
    links[lines, ends] = links[lines, -1]
    links[lines, -1] = NO_ROW
    return links
