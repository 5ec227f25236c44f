"""The single steps of building a graph, against plain versions written here."""

import numpy as np
import pytest

from cxr_edge.indexes.contents import NO_ROW
from cxr_edge.indexes.graph.reach import connect, reached
from cxr_edge.indexes.graph.shape import companions, entries, join
from cxr_edge.indexes.native import MISSING, reader

needs_reader = pytest.mark.skipif(reader is None, reason=MISSING)


def unit(rows: int, dimension: int, seed: int = 0) -> np.ndarray:
    vectors = np.random.default_rng(seed).standard_normal((rows, dimension)).astype(np.float32)
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def pruned(vectors: np.ndarray, row: int, near: list[int], alpha: float, degree: int) -> list[int]:
    """Nearest first; dropped when a chosen one is nearer to it, by alpha, than the row is."""
    exact = vectors.astype(np.float64)

    def apart(a: int, b: int) -> float:
        return float(((exact[a] - exact[b]) ** 2).sum())

    chosen: list[int] = []
    for one in sorted(set(near) - {row, NO_ROW}, key=lambda other: apart(row, other)):
        if len(chosen) < degree and all(
            alpha * apart(one, other) > apart(row, one) for other in chosen
        ):
            chosen.append(one)
    return chosen


@needs_reader
@pytest.mark.parametrize("alpha", [1.0, 1.2, 2.0])
@pytest.mark.parametrize("degree", [1, 8, 60])
def test_pruning_is_the_plain_rule(alpha: float, degree: int) -> None:
    vectors = unit(300, 24)
    rng = np.random.default_rng(1)
    rows = rng.choice(300, 40).astype(np.uint32)
    candidates = rng.integers(0, 300, (40, 70)).astype(np.uint32)
    candidates[::3, 50:] = NO_ROW
    candidates[:, 5] = rows
    links = np.zeros((40, degree), np.uint32)
    assert reader is not None
    reader.prune(vectors, rows, candidates, alpha, links)
    for row, near, line in zip(rows, candidates, links, strict=True):
        expected = pruned(vectors, int(row), near.tolist(), alpha, degree)
        assert line[line != NO_ROW].tolist() == expected
        assert np.all(line[len(expected) :] == NO_ROW)


@needs_reader
def test_copies_hide_each_other() -> None:
    vectors = unit(20, 8)
    vectors[5:15] = vectors[4]
    links = np.zeros((1, 10), np.uint32)
    assert reader is not None
    everything = np.arange(20, dtype=np.uint32)[None]
    reader.prune(vectors, np.array([0], np.uint32), everything, 1.2, links)
    assert np.isin(links, np.arange(4, 15)).sum() <= 1


@needs_reader
def test_rows_that_do_not_exist_are_an_error() -> None:
    vectors, links = unit(10, 8), np.zeros((1, 4), np.uint32)
    good, bad = np.array([[1, 2]], np.uint32), np.array([[1, 10]], np.uint32)
    assert reader is not None
    for rows, candidates in ((0, bad), (10, good)):
        with pytest.raises(ValueError, match="does not exist"):
            reader.prune(vectors, np.array([rows], np.uint32), candidates, 1.2, links)
    with pytest.raises(ValueError, match="expected"):
        reader.prune(vectors, np.arange(2, dtype=np.uint32), good, 1.2, links)


@needs_reader
def test_companions_stand_in_one_list() -> None:
    vectors, rng = unit(200, 16), np.random.default_rng(2)
    lists = np.stack([rng.choice(150, 12, replace=False) for _ in range(60)]).astype(np.uint32)
    links = companions(vectors, lists, 6, per_row=60)
    together = {row: set(lists[(lists == row).any(axis=1)].ravel().tolist()) for row in range(200)}
    for row, line in enumerate(links):
        expected = pruned(vectors, row, sorted(together[row]), 1.2, 6)
        assert line[line != NO_ROW].tolist() == expected
    np.testing.assert_array_equal(links, companions(vectors, lists, 6, per_row=60, threads=2))


@needs_reader
def test_only_the_lists_in_which_a_row_stands_highest_count() -> None:
    vectors = unit(6, 8)
    lists = np.array([[1, 0, 2], [3, 4, 0], [0, 5, 1]], np.uint32)  # row 0: second, third, first
    links = companions(vectors, lists, 5, per_row=2, alpha=1000)
    assert set(links[0][links[0] != NO_ROW]) == {1, 2, 5}


def test_joined_lines_keep_order_and_drop_repeats() -> None:
    first = np.array([[3, 1, NO_ROW], [NO_ROW] * 3], np.uint32)
    second = np.array([[1, 7, 3], [5, NO_ROW, NO_ROW]], np.uint32)
    expected = [[3, 1, 7, NO_ROW], [5, NO_ROW, NO_ROW, NO_ROW]]
    assert join(first, second, 4).tolist() == expected
    assert join(first, second, 2).tolist() == [[3, 1], [5, NO_ROW]]


@pytest.mark.parametrize("seed", range(5))
def test_islands_are_connected(seed: int) -> None:
    """Ten islands, loners, and rows that only lead out."""
    rng = np.random.default_rng(seed)
    links = np.full((300, 4), NO_ROW, np.uint32)
    for row in range(280):
        island = row // 28 * 28
        size = rng.integers(0, 5)
        links[row, :size] = rng.choice(np.setdiff1d(np.arange(island, island + 28), row), size)
    entry = np.array([0, 3], np.uint32)
    assert not reached(links, entry).all()
    wide, added = connect(links, entry)
    assert reached(wide, entry).all()
    assert wide.shape == (300, 5)
    assert int((wide != NO_ROW).sum()) == int((links != NO_ROW).sum()) + added
    for before, line in zip(links, wide, strict=True):
        kept = line[line != NO_ROW]
        assert set(before[before != NO_ROW]) <= set(kept)
        assert np.all(line[: len(kept)] == kept)  # no gap: a search would stop there


def test_entries_are_what_most_queries_find_best() -> None:
    lists = np.array([[4, 1], [4, 2], [9, 4], [2, 4], [2, 9], [2, 1]], np.uint32)
    assert entries(lists, 2).tolist() == [2, 4]
    assert entries(lists, 10).tolist() == [2, 4, 9]
