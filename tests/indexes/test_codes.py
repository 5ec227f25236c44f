"""Codes of one byte a number: near the vectors, and the same for any block size or dtype."""

import numpy as np
import pytest

from cxr_edge.indexes.codes import encode


@pytest.mark.parametrize("dtype", ["float32", "float16"])
def test_a_vector_is_within_half_a_step_of_its_code(dtype: str) -> None:
    rng = np.random.default_rng(0)
    spread = rng.uniform(0.001, 3, 40)
    vectors = (rng.standard_normal((3000, 40)) * spread + 5 * spread).astype(dtype)
    codes, steps = encode(vectors)
    assert codes.dtype == np.int8
    assert steps.dtype == np.float32
    exact = vectors.astype(np.float64)
    middle = (exact.min(axis=0) + exact.max(axis=0)) / 2
    assert np.all(np.abs(middle + codes * steps.astype(np.float64) - exact) <= 0.5001 * steps)


def test_scores_by_codes_differ_from_exact_ones_by_a_constant_and_little_else() -> None:
    rng = np.random.default_rng(1)
    vectors = rng.standard_normal((2000, 64)).astype(np.float32) + 3
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    queries = rng.standard_normal((20, 64)).astype(np.float32)
    codes, steps = encode(vectors)
    exact = queries @ vectors.T
    coarse = (queries * steps) @ codes.astype(np.float32).T
    left = exact - coarse
    assert np.all(left.std(axis=1) < 0.01 * exact.std(axis=1))


def test_a_dimension_that_never_changes_and_no_rows_at_all() -> None:
    codes, steps = encode(np.full((5, 3), 0.25, np.float32))
    assert not codes.any()
    assert np.all(steps > 0)
    codes, steps = encode(np.empty((0, 3), np.float32))
    assert codes.shape == (0, 3)
    assert np.all(np.isfinite(steps))
