"""Greedy leader clustering: the fast one is the one written down, whatever block and BLAS."""

import json
import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from threadpoolctl import threadpool_limits

from cxr_edge.bundle import Bundle
from cxr_edge.indexes.building.encoding import embed
from cxr_edge.indexes.compression import LEVELS
from cxr_edge.indexes.compression.clustering import cluster, rows_that_fit
from cxr_edge.indexes.compression.pairs import band, exact_cosines, normalised
from cxr_edge.labelers.sentences import split_sentences
from cxr_edge.pipeline import DEFAULT_DATA

ABOVE_ZERO = tuple(level for level in LEVELS if level > 0)


def written_down(vectors: np.ndarray, level: float) -> np.ndarray:
    """The definition, row by row: first unassigned row leads, takes all unassigned rows above."""
    wide = vectors.astype(np.float64)
    owner = np.full(len(vectors), -1)
    for row in range(len(vectors)):
        if owner[row] >= 0:
            continue
        owner[row] = row
        cosines = np.cumsum(wide[row] * wide[row + 1 :], axis=1)[:, -1]
        owner[row + 1 :][(cosines > 1.0 - level) & (owner[row + 1 :] < 0)] = row
    return owner


def fast(vectors: np.ndarray, levels: tuple[float, ...], **options: object) -> np.ndarray:
    owners = np.zeros((len(levels), len(vectors)), np.uint32)
    assert list(cluster(vectors, levels, owners, **options))[-1:] == [len(vectors)][: len(vectors)]
    return owners


def cloud(rows: int, dimension: int, seed: int, centres: int = 40) -> np.ndarray:
    """Points around centres, from far to nearly the same, with exact repeats."""
    rng = np.random.default_rng(seed)
    middle = rng.standard_normal((centres, dimension))
    width = rng.uniform(0.02, 0.6, (rows, 1))
    points = middle[rng.integers(0, centres, rows)] + width * rng.standard_normal((rows, dimension))
    points[rng.integers(0, rows, rows // 10)] = points[rng.integers(0, rows, rows // 10)]
    return normalised(points.astype(np.float32))


@pytest.fixture(scope="module")
def openi(shared_data) -> np.ndarray:
    """Embeddings of real sentences by the text network of the embedded bundle."""
    seen: dict[str, None] = {}
    with (shared_data / "openi" / "studies.jsonl").open() as stream:
        for line in stream:
            for sentence in split_sentences(json.loads(line).get("findings") or ""):
                seen.setdefault(sentence.lower())
            if len(seen) > 2000:
                break
    return embed(list(seen), Bundle.load(DEFAULT_DATA / "bundle"), threads=1)


@pytest.mark.parametrize(("dimension", "seed"), [(3, 0), (16, 1), (64, 2), (768, 3)])
def test_it_is_the_definition_at_every_level_and_block_size(dimension: int, seed: int) -> None:
    vectors = cloud(700, dimension, seed)
    expected = np.stack([written_down(vectors, level) for level in ABOVE_ZERO])
    assert (np.diff([len(set(row)) for row in expected]) <= 0).all()
    for block in (1, 7, 256, 699, 4096):
        np.testing.assert_array_equal(fast(vectors, ABOVE_ZERO, block=block), expected)
    for number, level in enumerate(ABOVE_ZERO):
        np.testing.assert_array_equal(fast(vectors, (level,), block=300)[0], expected[number])


def test_it_is_the_definition_on_real_sentences(openi: np.ndarray) -> None:
    expected = np.stack([written_down(openi, level) for level in ABOVE_ZERO])
    for block in (129, 1024):
        np.testing.assert_array_equal(fast(openi, ABOVE_ZERO, block=block), expected)


def test_the_number_of_threads_changes_nothing(openi: np.ndarray) -> None:
    owners = []
    for threads in (1, 2):
        with threadpool_limits(threads, "blas"):
            owners.append(fast(openi, ABOVE_ZERO, block=512))
    np.testing.assert_array_equal(*owners)


@pytest.mark.parametrize("level", ABOVE_ZERO)
def test_rows_are_near_their_representative_and_representatives_far(
    openi: np.ndarray, level: float
) -> None:
    (owner,) = fast(openi, (level,))
    rows = np.arange(len(openi))
    leaders = np.flatnonzero(owner == rows)
    followers = np.flatnonzero(owner != rows)
    assert 0 < leaders.size < rows.size
    assert (owner[followers] < followers).all()
    np.testing.assert_array_equal(owner[owner], owner)
    assert (exact_cosines(openi[followers], openi[owner[followers]]) > 1 - level).all()
    wide = openi[leaders].astype(np.float64)
    between = np.triu(wide @ wide.T, 1)
    left, right = np.nonzero(between > 1 - level - band(128))
    assert (exact_cosines(openi[leaders[left]], openi[leaders[right]]) <= 1 - level).all()
    assert between.max() <= 1 - level + band(128)


def straddling(pairs: int, dimension: int, level: float, seed: int) -> np.ndarray:
    """Rows 2i and 2i + 1 have a cosine next to the threshold; single numbers are stepped across.

    Different pairs share no dimension, so that nothing else is near.
    """
    rng = np.random.default_rng(seed)
    size = dimension // pairs
    rows = np.zeros((2 * pairs, dimension), np.float32)
    for pair in range(pairs):
        part = slice(pair * size, (pair + 1) * size)
        first, other = rng.standard_normal((2, size))
        first /= np.linalg.norm(first)
        other -= other @ first * first
        other /= np.linalg.norm(other)
        cosine = 1 - level
        rows[2 * pair, part] = first
        rows[2 * pair + 1, part] = cosine * first + np.sqrt(1 - cosine**2) * other
        column = part.start + int(np.argmax(np.abs(first)))
        for _ in range(int(rng.integers(0, 4))):
            rows[2 * pair + 1, column] = np.nextafter(
                rows[2 * pair + 1, column], np.float32(rng.choice((-2, 2)))
            )
    return rows


@pytest.mark.parametrize("level", ABOVE_ZERO)
def test_pairs_next_to_the_threshold_are_decided_in_float64(level: float) -> None:
    vectors = np.concatenate([straddling(6, 768, level, seed) for seed in range(60)])
    # All rows of one set are far from the others' unless they share dimensions: sets are compared
    # one by one, and together.
    cosines = exact_cosines(vectors[::2], vectors[1::2])
    above = cosines > 1 - level
    assert 0.2 < above.mean() < 0.8
    single = np.array([a @ b for a, b in zip(vectors[::2], vectors[1::2], strict=True)])
    assert (np.abs(cosines - (1 - level)) < band(768)).all()
    assert ((single.astype(np.float64) > 1 - level) != above).any(), "float32 would have done"
    expected = written_down(vectors, level)
    for block in (1, 5, 64, 4096):
        np.testing.assert_array_equal(fast(vectors, (level,), block=block)[0], expected)


def lost_in_rounding(dimension: int) -> tuple[np.ndarray, np.ndarray]:
    """Two unit vectors whose products are each too small to be seen beside the first one.

    Products of just under half a last digit of the sum so far are lost one by one where they are
    added one after the other, as they are within a block of a matrix product.
    """
    tiny = np.sqrt(0.999 * 2.0**-25)
    first = np.full(dimension, tiny)
    first[0] = np.sqrt(0.501)
    first[-1] = np.sqrt(1 - (first[:-1] ** 2).sum())
    second = first.copy()
    second[-1] *= -1
    one, other = normalised(np.stack([first, second]))
    return one, other


@pytest.mark.parametrize("dimension", [2, 128, 768, 2048])
def test_no_order_of_a_sum_leaves_the_band(dimension: int) -> None:
    rng = np.random.default_rng(dimension)
    pairs = [normalised(rng.standard_normal((2, dimension)) + 1) for _ in range(20)]
    for one, other in [*pairs, lost_in_rounding(dimension)]:
        (exact,) = exact_cosines(one[None], other[None])
        products = one * other
        by_magnitude = np.argsort(-np.abs(products))
        for order in (slice(None), slice(None, None, -1), by_magnitude, by_magnitude[::-1]):
            single = np.cumsum(products[order], dtype=np.float32)[-1]
            assert abs(float(single) - exact) <= band(dimension)


@pytest.mark.parametrize("dimension", [768, 1024])
def test_what_a_product_loses_is_decided_again(dimension: int) -> None:
    """A row that float32 puts below the threshold by more than 1e-5 and that is above it."""
    one, other = lost_in_rounding(dimension)
    (exact,) = exact_cosines(one[None], other[None])
    (sequential,) = np.cumsum(one * other, dtype=np.float32)[-1:]
    assert exact - float(sequential) > 1e-5
    vectors = np.stack([one, *[other] * 40])
    level = 1 - (exact - 1e-9)
    expected = written_down(vectors, level)
    assert (expected == 0).all()
    for block in (1, 16, 4096):
        np.testing.assert_array_equal(fast(vectors, (level,), block=block)[0], expected)


def test_rows_that_all_lie_at_the_threshold_take_little_memory() -> None:
    """Four and a half million pairs in one block, each to be decided again."""
    rows = normalised(np.ones((3000, 8), np.float32))
    tracemalloc.start()
    found = fast(rows, (2e-8,), block=4096)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert (found == written_down(rows, 2e-8)).all()
    assert peak < 600 * 2**20


def test_a_cosine_equal_to_the_threshold_is_not_above_it() -> None:
    above = np.nextafter(np.float32(0.75), np.float32(1))
    rows = np.array([[1, 0, 0], [0.75, np.sqrt(1 - 0.75**2), 0], [above, 0, np.sqrt(1 - 0.75**2)]])
    assert fast(rows.astype(np.float32), (0.25,)).tolist() == [[0, 1, 0]]


def test_the_first_representative_takes_a_row_not_the_nearest() -> None:
    angles = np.deg2rad([0, 50, 26])
    rows = np.stack([np.cos(angles), np.sin(angles)], axis=1).astype(np.float32)
    assert fast(rows, (0.15,)).tolist() == [[0, 1, 0]]


def test_rows_of_zeros_stay_alone() -> None:
    rows = normalised(np.array([[0, 0], [1, 1], [0, 0], [2, 2]], np.float32))
    assert fast(rows, (0.01,)).tolist() == [[0, 1, 2, 1]]


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.tuples(*[st.integers(-3, 3)] * 3), min_size=1, max_size=40),
    st.sampled_from(ABOVE_ZERO),
    st.integers(1, 9),
)
def test_small_lattices_are_full_of_ties(points, level: float, block: int) -> None:
    vectors = normalised(np.array(points, np.float32))
    np.testing.assert_array_equal(
        fast(vectors, (level,), block=block)[0], written_down(vectors, level)
    )


def test_it_goes_on_where_it_was() -> None:
    vectors = cloud(900, 24, 5)
    whole = fast(vectors, ABOVE_ZERO, block=128)
    owners = np.zeros_like(whole)
    for settled in cluster(vectors, ABOVE_ZERO, owners, block=128):
        if settled >= 400:
            break
    owners[:, settled:] = 0xFFFFFFFF  # what was not settled is not looked at
    list(cluster(vectors, ABOVE_ZERO, owners, done=settled, block=300))
    np.testing.assert_array_equal(owners, whole)


def test_nothing_that_is_not_finite_is_normalised() -> None:
    with pytest.raises(ValueError, match="finite"):
        normalised(np.array([[1, np.nan]], np.float32))


def test_a_block_fits_the_memory() -> None:
    sizes = [rows_that_fit(megabytes * 2**20, 768) for megabytes in (1, 64, 128, 1024)]
    assert sizes == sorted(sizes)
    assert sizes[0] == 256
    assert sizes[-1] == 4096
