"""The mask of valid pixels, resized at once, against the mask at full size resized afterwards."""

import numpy as np
import pytest

from cxr_edge.preprocess.mask import resized_mask, valid_mask
from cxr_edge.preprocess.native import numpy_only
from cxr_edge.preprocess.resample import Kernel, resize
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


def test_where_all_pixels_are_valid_there_is_none():
    assert valid_mask(image(np.uint16)) is None
    assert resized_mask(image(np.uint16), 64, 48, Kernel()) is None
