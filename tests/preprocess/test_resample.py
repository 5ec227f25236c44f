"""Resizing against Pillow, torch and OpenCV."""

import cv2
import numpy as np
import pytest
import torch
from PIL import Image

from cxr_edge.preprocess.resample import Kernel, resize, weights

SIZES = [((300, 260), (64, 64)), ((97, 131), (33, 50)), ((40, 50), (90, 75)), ((64, 64), (64, 64))]
PILLOW = {
    "bilinear": Image.Resampling.BILINEAR,
    "bicubic": Image.Resampling.BICUBIC,
    "lanczos": Image.Resampling.LANCZOS,
}


def picture(shape):
    return np.random.default_rng(1).random(shape, np.float32)


@pytest.mark.parametrize("name", PILLOW)
@pytest.mark.parametrize(("source", "target"), SIZES)
def test_antialiased_kernels_equal_pillow(name, source, target):
    image = picture(source)
    expected = Image.fromarray(image).resize(target[::-1], PILLOW[name])
    np.testing.assert_allclose(resize(image, *target, Kernel(name)), expected, atol=2e-5)


@pytest.mark.parametrize(
    ("name", "align_corners"), [("bilinear", False), ("bilinear", True), ("bicubic", False)]
)
@pytest.mark.parametrize(("source", "target"), SIZES)
def test_plain_kernels_equal_torch(name, source, target, align_corners):
    image = picture(source)
    expected = torch.nn.functional.interpolate(
        torch.from_numpy(image)[None, None], target, mode=name, align_corners=align_corners
    )[0, 0]
    ours = resize(image, *target, Kernel(name, antialias=False, align_corners=align_corners))
    np.testing.assert_allclose(ours, expected, atol=2e-5)


@pytest.mark.parametrize(("source", "target"), SIZES)
def test_nearest_equals_torch(source, target):
    image = picture(source)
    expected = torch.nn.functional.interpolate(
        torch.from_numpy(image)[None, None], target, mode="nearest-exact"
    )[0, 0]
    np.testing.assert_array_equal(resize(image, *target, Kernel("nearest")), expected)


@pytest.mark.parametrize(("source", "target"), [((300, 260), (64, 64)), ((97, 131), (33, 50))])
def test_area_equals_opencv(source, target):
    image = picture(source)
    expected = cv2.resize(image, target[::-1], interpolation=cv2.INTER_AREA)
    np.testing.assert_allclose(resize(image, *target, Kernel("area")), expected, atol=2e-5)


def test_area_equals_torch_where_the_sizes_divide():
    image = picture((320, 192))
    expected = torch.nn.functional.interpolate(
        torch.from_numpy(image)[None, None], (64, 64), mode="area"
    )[0, 0]
    np.testing.assert_allclose(resize(image, 64, 64, Kernel("area")), expected, atol=2e-6)


@pytest.mark.parametrize("name", ["area", "nearest", "bilinear", "bicubic", "lanczos"])
def test_weights_sum_to_one(name):
    np.testing.assert_allclose(weights(3050, 224, Kernel(name)).sum(axis=1), 1.0, atol=1e-5)
