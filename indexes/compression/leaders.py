"""Blocks of rows against the representatives found so far, by one matrix product for every level.

Both functions are exact: their result is that of the definition in ``compression/__init__.py``,
whatever the size of blocks and chunks, the number of threads, or the BLAS.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cxr_edge.indexes.compression.pairs import PAIRS, band, exact_cosines

Vectors = NDArray[np.float32]
Rows = NDArray[np.int64]

NONE = -1
"""Stands for "no representative" in the results."""
_FIRST_CHUNK, _LAST_CHUNK = 256, 2048


@dataclass(frozen=True)
class Leaders:
    """The representatives found so far, of all levels together, so that they share products."""

    rows: Rows
    """int64 (M,), ascending: every row that represents at one level or more."""
    leads: NDArray[np.bool_]
    """bool (levels, M): at which."""

    @classmethod
    def of(cls, owners: NDArray[np.integer], start: int, stop: int) -> "Leaders":
        """Those among the rows ``start`` to ``stop``, whose owners are known.

        Args:
            owners: integers (levels, N): the representative of each row; a representative is its
                own.
            start: first row.
            stop: row after the last.
        """
        leads = owners[:, start:stop] == np.arange(start, stop)
        some = np.flatnonzero(leads.any(axis=0))
        return cls(some + start, leads[:, some])

    def followed_by(self, later: "Leaders") -> "Leaders":
        """These and later ones."""
        return Leaders(
            np.concatenate([self.rows, later.rows]),
            np.concatenate([self.leads, later.leads], axis=1),
        )


def match(
    vectors: Vectors,
    rows: Rows,
    leaders: Leaders,
    thresholds: tuple[float, ...],
    open_: NDArray[np.bool_],
) -> Rows:
    """The first representative that each row is like.

    Args:
        vectors: float32 (N, D), unit rows; may be mapped.
        rows: int64 (R,): the rows asked about.
        leaders: the representatives to compare with.
        thresholds: a cosine for each level; a row is like a representative above it.
        open_: bool (levels, R): where an answer is wanted.

    Returns:
        int64 (levels, R): row of the representative, or ``NONE``.
    """
    owners = np.full(open_.shape, NONE, np.int64)
    active = np.flatnonzero(open_.any(axis=0))
    block = vectors[rows[active]]
    first, size = 0, _FIRST_CHUNK
    while first < len(leaders.rows) and active.size:
        chunk = leaders.rows[first : first + size]
        columns = vectors[chunk]
        products = block @ columns.T
        for level, threshold in enumerate(thresholds):
            asked = np.flatnonzero(open_[level, active] & (owners[level, active] == NONE))
            of_level = np.flatnonzero(leaders.leads[level, first : first + size])
            if asked.size and of_level.size:
                part = _part(products, asked, of_level)
                found = _first_above(part, threshold, block, asked, columns, of_level)
                some = found != NONE
                owners[level, active[asked[some]]] = chunk[of_level[found[some]]]
        # Rows that are answered at every level leave the work.
        left = (open_[:, active] & (owners[:, active] == NONE)).any(axis=0)
        if not left.all():
            active, block = active[left], block[left]
        first, size = first + size, min(2 * size, _LAST_CHUNK)
    return owners


def _part(
    products: NDArray[np.float32], rows: NDArray[np.intp], columns: NDArray[np.intp]
) -> NDArray[np.float32]:
    if columns.size < products.shape[1]:
        products = products[:, columns]
    return products if rows.size == len(products) else products[rows]


def _first_above(
    products: NDArray[np.float32],
    threshold: float,
    block: Vectors,
    rows: NDArray[np.intp],
    chunk: Vectors,
    columns: NDArray[np.intp],
) -> NDArray[np.intp]:
    """Per row of ``products`` the first column above the threshold, or ``NONE``."""
    unsure_by = band(block.shape[1])
    near = products > threshold - unsure_by
    found: NDArray[np.intp] = near.argmax(axis=1)
    every = np.arange(len(found))
    none = ~near[every, found]
    unsure = np.flatnonzero(~none & (products[every, found] <= threshold + unsure_by))
    found[none] = NONE
    for row in unsure:
        candidates = np.flatnonzero(near[row])
        cosines = exact_cosines(
            np.broadcast_to(block[rows[row]], (candidates.size, block.shape[1])),
            chunk[columns[candidates]],
        )
        above = candidates[cosines > threshold]
        found[row] = above[0] if above.size else NONE
    return found


def settle(block: Vectors, thresholds: tuple[float, ...], open_: NDArray[np.bool_]) -> Rows:
    """The clustering of one block in itself, row after row.

    Args:
        block: float32 (R, D), unit rows in corpus order.
        thresholds: a cosine for each level.
        open_: bool (levels, R): rows that have no representative before this block.

    Returns:
        int64 (levels, R): number, in this block, of each open row's representative; ``NONE`` where
        the row was not open.
    """
    owners = np.full(open_.shape, NONE, np.int64)
    products = block @ block.T
    unsure_by = band(block.shape[1])
    for level, threshold in enumerate(thresholds):
        rows = np.flatnonzero(open_[level])
        near = np.triu(_part(products, rows, rows) > threshold - unsure_by, 1)
        unsure = near & (_part(products, rows, rows) <= threshold + unsure_by)
        left, right = np.nonzero(unsure)
        for start in range(0, left.size, PAIRS):  # there may be millions, of equal rows
            one, other = left[start : start + PAIRS], right[start : start + PAIRS]
            near[one, other] = exact_cosines(block[rows[one]], block[rows[other]]) > threshold
        free = np.ones(rows.size, np.bool_)
        for number in range(rows.size):
            if free[number]:
                near[number] &= free
                near[number, number] = True
                free &= ~near[number]
                owners[level, rows[near[number]]] = rows[number]
    return owners
