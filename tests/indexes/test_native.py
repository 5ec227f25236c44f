"""The compiled reader against numpy and against a plain search written here."""

import heapq
import subprocess
import sys
from collections.abc import Iterator

import numpy as np
import pytest
from synthetic_index import exact_graph, synthetic_columns

from cxr_edge.errors import SentenceIndexError
from cxr_edge.indexes.contents import NO_ROW, Graph
from cxr_edge.indexes.native import MISSING, reader
from cxr_edge.indexes.scan import scan, scores_of, threads_for, walk, widened
from cxr_edge.processors import at_most

needs_reader = pytest.mark.skipif(reader is None, reason=MISSING)


@pytest.fixture(params=["avx512", "avx2", "neon", "scalar"])
def kernel(request: pytest.FixtureRequest) -> Iterator[str]:
    if reader is None:
        pytest.skip(MISSING)
    if request.param not in reader.kernels():
        pytest.skip(f"this processor has no {request.param}")
    reader.use(request.param)
    yield request.param
    reader.use(reader.kernels()[0])


def vectors_of(rows: int, dimension: int, dtype: str, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal((rows, dimension)).astype(dtype)


@pytest.mark.parametrize("dtype", ["float32", "float16"])
@pytest.mark.parametrize("dimension", [1, 7, 15, 16, 17, 48, 63, 64, 65, 100, 128, 200, 512, 769])
def test_inner_products(kernel: str, dimension: int, dtype: str) -> None:
    vectors = vectors_of(37, dimension, dtype)
    query = vectors_of(1, dimension, "float32", 1)[0]
    scores = np.empty(37, np.float32)
    reader.scores(vectors, query, scores)
    exact = vectors.astype(np.float64) @ query.astype(np.float64)
    bound = np.abs(vectors).astype(np.float64) @ np.abs(query.astype(np.float64))
    assert np.all(np.abs(scores - exact) <= 1e-6 * bound + 1e-30)
    plain = np.empty(37, np.float32)
    reader.use("scalar")
    reader.scores(vectors, query, plain)
    np.testing.assert_array_equal(scores.view(np.uint32), plain.view(np.uint32))


def test_every_half_is_read_as_numpy_reads_it(kernel: str) -> None:
    """All 65,536 of them, subnormals, infinities and NaN among them."""
    halves = np.arange(2**16, dtype=np.uint16).view(np.float16)
    scores = np.empty(2**16, np.float32)
    reader.scores(halves.reshape(-1, 1), np.ones(1, np.float32), scores)
    np.testing.assert_array_equal(scores, halves.astype(np.float32))


def test_numpy_reads_every_finite_half_exactly() -> None:
    halves = np.arange(2**16, dtype=np.uint16).view(np.float16)
    halves = halves[np.isfinite(halves)].reshape(-1, 16)
    wide = widened(halves)
    assert wide.dtype == np.float32
    expected = halves.astype(np.float32)
    np.testing.assert_array_equal(wide.view(np.uint32), expected.view(np.uint32))


@pytest.mark.parametrize("dtype", ["float32", "float16"])
def test_without_the_reader_numpy_finds_the_same(
    monkeypatch: pytest.MonkeyPatch, dtype: str
) -> None:
    vectors, queries = vectors_of(1111, 24, dtype), vectors_of(9, 24, "float32", 2)
    monkeypatch.setattr("cxr_edge.indexes.scan.reader", None)
    found = scan(vectors, queries, 7)
    exact = queries.astype(np.float64) @ vectors.T.astype(np.float64)
    np.testing.assert_array_equal(found.rows, np.argsort(-exact, kind="stable")[:, :7])
    with pytest.raises(SentenceIndexError, match="graph cannot be searched"):
        walk(vectors, exact_graph(vectors.astype(np.float32)), queries, 7, ef=9)


@pytest.mark.parametrize("dtype", ["float32", "float16"])
@pytest.mark.parametrize("k", [1, 5, 600, 1111])
@pytest.mark.parametrize("threads", [1, 2, 7])
def test_scan_is_the_full_sort(kernel: str, threads: int, k: int, dtype: str) -> None:
    vectors, queries = vectors_of(1111, 24, dtype), vectors_of(9, 24, "float32", 2)
    found = scan(vectors, queries, k, threads=threads)
    for number, query in enumerate(queries):
        scores = np.empty(1111, np.float32)
        reader.scores(vectors, query, scores)
        order = np.lexsort((np.arange(1111), -scores))[:k]
        np.testing.assert_array_equal(found.rows[number], order)
        np.testing.assert_array_equal(found.scores[number], scores[order])


@pytest.mark.parametrize("threads", [1, 3])
def test_ties_go_to_the_lower_row(kernel: str, threads: int) -> None:
    vectors = np.ones((700, 4), np.float32)
    found = scan(vectors, vectors[:1], 5, threads=threads)
    assert list(found.rows[0]) == [0, 1, 2, 3, 4]


@pytest.mark.parametrize("threads", [1, 2, 4])
def test_a_score_that_is_no_number_is_the_worst(kernel: str, threads: int) -> None:
    vectors = np.ones((6, 4), np.float32)
    vectors[[1, 4]] = np.nan
    found = scan(vectors, vectors[:1], 6, threads=threads)
    assert list(found.rows[0]) == [0, 2, 3, 5, 1, 4]


@pytest.mark.parametrize("dtype", ["float32", "float16"])
def test_shared_out_scores_are_the_same_bits(kernel: str, dtype: str) -> None:
    vectors, query = vectors_of(1111, 77, dtype), vectors_of(1, 77, "float32", 2)[0]
    alone = scores_of(vectors, query)
    np.testing.assert_array_equal(scores_of(vectors, query, threads=3), alone)
    np.testing.assert_allclose(
        alone, vectors.astype(np.float64) @ query.astype(np.float64), rtol=0, atol=1e-5
    )


def test_only_large_searches_are_shared_out() -> None:
    with at_most(64):
        assert threads_for(np.empty((7510, 64), np.float16)) == 1
        assert threads_for(np.empty((7510, 512), np.float16)) == 1
        assert threads_for(np.empty((331_007, 512), np.float16)) == 4
    with at_most(1):
        assert threads_for(np.empty((331_007, 512), np.float16)) == 1


def plain_walk(
    vectors: np.ndarray, graph: Graph, query: np.ndarray, k: int, ef: int
) -> list[tuple[float, int]]:
    """Malkov and Yashunin 2020, algorithm 2, with sorted lists; ties go to the lower row.

    The beam is ordered by the codes, in whole numbers; what it ends with by the vectors.
    """
    asked = query * graph.steps
    levels = min(2**15 - 1, (2**31 - 1) // 128 // len(query))
    rounded = np.rint(asked / np.abs(asked).max() * np.float32(levels)).astype(np.int64)
    scores = graph.codes.astype(np.int64) @ rounded
    seen = {int(row) for row in graph.entry}
    waiting = [(-scores[row], row) for row in seen]
    heapq.heapify(waiting)
    kept = sorted(waiting)[:ef]
    while waiting:
        worst = kept[-1]
        one = heapq.heappop(waiting)
        if len(kept) == ef and one > worst:
            break
        for row in graph.links[one[1]]:
            if row == NO_ROW:
                break
            if int(row) not in seen:
                seen.add(int(row))
                heapq.heappush(waiting, (-scores[row], int(row)))
                kept = sorted([*kept, (-scores[row], int(row))])[:ef]
    exact = scores_of(vectors, query)
    ranked = sorted((-float(exact[row]), row) for _, row in kept)
    return [(-score, row) for score, row in ranked[:k]]


@pytest.mark.parametrize("dtype", ["float32", "float16"])
@pytest.mark.parametrize("dimension", [16, 77, 160])
@pytest.mark.parametrize("ef", [5, 17, 64, 400])
def test_the_walk_is_the_published_one(kernel: str, dtype: str, dimension: int, ef: int) -> None:
    vectors = synthetic_columns(600, dimension).vectors
    graph = exact_graph(vectors, 10)
    stored = vectors.astype(dtype)
    queries = vectors_of(20, dimension, "float32", 3)
    found = walk(stored, graph, queries, 5, ef=ef, threads=2)
    for number, query in enumerate(queries):
        expected = plain_walk(stored, graph, query, 5, ef)
        assert list(found.rows[number]) == [row for _, row in expected]
        np.testing.assert_array_equal(found.scores[number], [score for score, _ in expected])
    assert np.all(found.computed >= len(graph.entry))
    assert np.all(found.computed <= 600)


@needs_reader
def test_a_wide_beam_finds_what_the_scan_finds() -> None:
    vectors = synthetic_columns(600, 16).vectors
    queries = vectors_of(50, 16, "float32", 4)
    found = walk(vectors, exact_graph(vectors, 10), queries, 10, ef=600)
    np.testing.assert_array_equal(found.rows, scan(vectors, queries, 10).rows)


@needs_reader
def test_what_cannot_be_reached_is_not_found() -> None:
    """Two islands, entered on the first; a line of links ends at its first gap."""
    vectors = np.zeros((8, 4), np.float32)
    vectors[np.arange(8), [0, 0, 0, 0, 1, 1, 1, 1]] = np.arange(8, 0, -1)
    links = np.full((8, 2), NO_ROW, np.uint32)
    links[[0, 1, 2, 4, 5, 6], 0] = [1, 2, 3, 5, 6, 7]
    links[3] = [NO_ROW, 4]
    query = np.array([[0, 1, 0, 0]], np.float32)
    one = walk(vectors, Graph.over(vectors, links, np.array([0], np.uint32)), query, 6, ef=8)
    assert list(one.rows[0]) == [0, 1, 2, 3, NO_ROW, NO_ROW]
    assert list(one.computed) == [4]
    both = walk(vectors, Graph.over(vectors, links, np.array([0, 4], np.uint32)), query, 6, ef=8)
    assert list(both.rows[0]) == [4, 5, 6, 7, 0, 1]


@needs_reader
@pytest.mark.parametrize("bad", [600, 2**31, NO_ROW - 1])
def test_a_link_that_leads_nowhere_is_an_error(bad: int) -> None:
    vectors = synthetic_columns(600, 16).vectors
    graph = exact_graph(vectors, 10)
    for array in (graph.links, graph.entry):
        kept = array.flat[0]
        array.flat[0] = bad
        with pytest.raises(SentenceIndexError, match="does not exist"):
            walk(vectors, graph, vectors[:1], 5, ef=600)
        array.flat[0] = kept


@needs_reader
def test_shapes_and_types_that_do_not_fit_are_refused() -> None:
    vectors, rows, scores = (
        vectors_of(9, 4, "float32"),
        np.zeros((1, 3), np.uint32),
        np.zeros((1, 3), np.float32),
    )
    wrong = [
        (vectors[:, :3].copy(), vectors[:1], rows, scores),
        (vectors.astype(np.float64), vectors[:1], rows, scores),
        (vectors.T, vectors[:1], rows, scores),
        (vectors, vectors[0], rows, scores),
        (vectors, vectors[:2], rows, scores),
        (vectors, vectors[:1], rows.astype(np.int64), scores),
        (vectors, vectors[:1], np.zeros((1, 10), np.uint32), np.zeros((1, 10), np.float32)),
        (vectors, vectors[:1], rows[:, :0], scores[:, :0]),
    ]
    for arguments in wrong:
        with pytest.raises((ValueError, BufferError)):
            reader.scan(*arguments)
    rows.flags.writeable = False
    with pytest.raises((ValueError, BufferError)):
        reader.scan(vectors, vectors[:1], rows, scores)
    with pytest.raises(TypeError):
        reader.scan(vectors, "queries", rows, scores)


@needs_reader
def test_whatever_the_links_hold_nothing_crashes() -> None:
    """In a process of its own, so that a crash would show as a signal."""
    code = """
import numpy as np
from cxr_edge.errors import SentenceIndexError
from cxr_edge.indexes.contents import Graph
from cxr_edge.indexes.scan import walk
rng = np.random.default_rng(0)
vectors = rng.standard_normal((301, 24)).astype(np.float16)
queries = rng.standard_normal((4, 24)).astype(np.float32)
refused = 0
for turn in range(600):
    top = int(rng.choice([301, 302, 400, 2**20, 2**31, 2**32 - 1]))
    def some(*shape):
        data = rng.integers(0, top, shape, dtype=np.uint64).astype(np.uint32)
        data[rng.random(shape) < 0.3] %= 301
        data[rng.random(shape) < 0.1] = 2**32 - 1
        return data
    degree, entries = (int(rng.integers(1, 40)) for _ in range(2))
    codes = rng.integers(-128, 128, vectors.shape).astype(np.int8)
    steps = rng.integers(0, 2**32, 24, dtype=np.uint64).astype(np.uint32).view(np.float32)
    graph = Graph(some(301, degree), some(entries), codes, steps, {})
    if turn % 3 == 0:
        bits = rng.integers(0, 2**16, vectors.shape, dtype=np.uint16)
        given = bits.view(np.float16)
    else:
        given = vectors
    try:
        found = walk(given, graph, queries, 3, ef=int(rng.integers(3, 400)))
        reached = found.rows[found.rows != 2**32 - 1]
        assert (reached < 301).all()
    except SentenceIndexError:
        refused += 1
print(refused)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2000:]
    assert 0 < int(done.stdout) < 600
