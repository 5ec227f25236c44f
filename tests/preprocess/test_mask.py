"""The mask of valid pixels, resized at once, against the mask at full size resized afterwards."""

import numpy as np
import pytest

from cxr_edge.preprocess.mask import resized_mask, valid_mask
from cxr_edge.preprocess.native import numpy_only
from cxr_edge.preprocess.recipe import Recipe, Resize, Standardise
from cxr_edge.preprocess.resample import Kernel, resize, weights
from cxr_edge.preprocess.run import apply
from cxr_edge.types import SourceImage


def image(dtype, **fields):
    limits = np.iinfo(dtype)
    pixels = np.random.default_rng(3).integers(limits.min, limits.max, (301, 257), dtype)
    return SourceImage(pixels, 16, **fields)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.int16])
@pytest.mark.parametrize("name", ["area", "bilinear", "lanczos", "nearest"])
@pytest.mark.parametrize(
    "fields",
    [
        {"region": (31, 280, 7, 255)},
        {"padding": (20, 90)},
        {"padding": (-5, 90), "region": (31, 280, 7, 255)},
    ],
    ids=str,
)
def test_it_is_the_whole_mask_resized(dtype, name, fields):
    source = image(dtype, **fields)
    full = valid_mask(source)
    assert set(np.unique(full)) == {0.0, 1.0}
    wanted = resize(full, 64, 48, Kernel(name))
    np.testing.assert_allclose(resized_mask(source, 64, 48, Kernel(name)), wanted, atol=1e-5)
    with numpy_only():
        np.testing.assert_allclose(resized_mask(source, 64, 48, Kernel(name)), wanted, atol=1e-5)


@pytest.mark.parametrize("fields", [{}, {"padding": (20_000, 20_000)}], ids=str)
def test_exact_halves_count_as_valid_in_whatever_order_they_are_summed(fields):
    """Both borders cut output pixels in half; Pillow's weights make that half a sum of many."""
    pixels = np.random.default_rng(4).integers(1, 4000, (517, 200), dtype=np.uint16)
    source = SourceImage(pixels, 12, region=(56, 507, 36, 189), **fields)
    kernel = Kernel("lanczos")
    recipe = Recipe("minmax", (Resize(64, 25, kernel="lanczos"), Standardise(0.0)), fast=True)
    full = valid_mask(source)
    shares = np.einsum(
        "rh,hw,cw->rc",
        *(  # in double precision
            np.asarray(part, np.float64)
            for part in (weights(517, 64, kernel), full, weights(200, 25, kernel))
        ),
    )
    assert (np.abs(shares - 0.5) < 1e-6).sum() > 10
    with numpy_only():
        results = [apply(recipe, source)[0, 0]]
    results.append(apply(recipe, source)[0, 0])
    for result in results:
        valid = result[shares > 0.5 - 1e-6].astype(np.float64)
        assert abs(valid.mean()) < 1e-5
        assert abs(valid.std() - 1) < 1e-5


def test_where_all_pixels_are_valid_there_is_none():
    assert valid_mask(image(np.uint16)) is None
    assert resized_mask(image(np.uint16), 64, 48, Kernel()) is None
