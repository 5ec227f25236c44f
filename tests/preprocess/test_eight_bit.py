"""The 8-bit resize, the rounding of sides and the rounding of crops, against Pillow and by hand."""

import json

import cv2
import numpy as np
import pytest
from PIL import Image

from cxr_edge.errors import BundleError
from cxr_edge.preprocess import Recipe, apply
from cxr_edge.preprocess.eight_bit import resize_eight_bit
from cxr_edge.preprocess.recipe import Crop, Quantise, Resize, Scale
from cxr_edge.preprocess.resample import Kernel
from cxr_edge.types import LookupTable, SourceImage

FILTERS = {
    "bilinear": Image.Resampling.BILINEAR,
    "bicubic": Image.Resampling.BICUBIC,
    "lanczos": Image.Resampling.LANCZOS,
}


@pytest.mark.parametrize("name", sorted(FILTERS))
@pytest.mark.parametrize(
    ("source", "target"),
    [
        ((301, 217), (64, 96)),
        ((40, 50), (111, 50)),
        ((50, 40), (50, 33)),
        ((1024, 1000), (512, 500)),
    ],
)
def test_every_level_is_pillows(name, source, target):
    levels = np.random.default_rng(11).integers(0, 256, source, dtype=np.uint8)
    wanted = np.asarray(Image.fromarray(levels).resize(target[::-1], FILTERS[name]))
    picture = levels.astype(np.float32) / np.float32(255)
    got = resize_eight_bit(picture, *target, Kernel(name))
    assert np.array_equal(np.rint(got * 255).astype(np.uint8), wanted)


def test_every_level_is_pillows_on_a_radiograph(shared_data):
    with Image.open(sorted((shared_data / "nih").glob("*.png"))[0]) as file:
        image = file.convert("L")
    wanted = np.asarray(image.resize((384, 384), Image.Resampling.BICUBIC))
    picture = np.asarray(image).astype(np.float32) / np.float32(255)
    got = resize_eight_bit(picture, 384, 384, Kernel("bicubic"))
    assert np.array_equal(np.rint(got * 255).astype(np.uint8), wanted)


@pytest.mark.parametrize("target", [(64, 96), (96, 144), (48, 48), (32, 48), (107, 111)])
def test_area_is_opencvs(target):
    """Whole factors, half the size among them, and factors with a rest."""
    levels = np.random.default_rng(14).integers(0, 256, (192, 288), dtype=np.uint8)
    wanted = cv2.resize(levels, target[::-1], interpolation=cv2.INTER_AREA).astype(int)
    picture = levels.astype(np.float32) / np.float32(255)
    got = np.rint(resize_eight_bit(picture, *target, Kernel("area")) * 255).astype(int)
    # Where a factor has a rest OpenCV sums in single precision: a tie may then go either way.
    whole = all(s % t == 0 for s, t in zip(levels.shape, target, strict=True))
    assert np.abs(got - wanted).max() <= (0 if whole else 1)
    assert (got != wanted).mean() < 1e-3


@pytest.mark.parametrize(("rounding", "width"), [("floor", 101), ("nearest", 102)])
def test_the_other_side_of_a_resize(rounding, width):
    stored = np.random.default_rng(12).integers(0, 256, (295, 300), dtype=np.uint8)
    recipe = Recipe("minmax", (Resize(shortest=100, rounding=rounding),))
    assert apply(recipe, SourceImage(stored, 8)).shape == (1, 1, 100, width)


@pytest.mark.parametrize(("rounding", "first"), [("floor", 1), ("nearest", 2)])
def test_an_odd_margin(rounding, first):
    # A margin of three columns: half of it is 1.5, which Python's round takes to the even 2.
    stored = np.tile(np.arange(7, dtype=np.uint8), (4, 1))
    recipe = Recipe("minmax", (Crop(4, 4, rounding), Scale(6.0)), fast=False)
    row = apply(recipe, SourceImage(stored, 8))[0, 0, 0]
    assert np.allclose(row, np.arange(first, first + 4))


def test_the_new_fields_survive_json():
    steps = (
        Resize(shortest=8, kernel="bicubic", rounding="floor", eight_bit=True),
        Crop(8, 8, "nearest"),
    )
    recipe = Recipe("minmax+equalise", steps, fast=False)
    assert Recipe.from_json(json.loads(json.dumps(recipe.to_json()))) == recipe


@pytest.mark.parametrize(
    "build",
    [
        lambda: Resize(shortest=8, rounding="ceil"),
        lambda: Resize(shortest=8, kernel="nearest", eight_bit=True),
        lambda: Resize(shortest=8, kernel="bicubic", antialias=False, eight_bit=True),
        lambda: Crop(8, 8, "up"),
        lambda: Recipe("voi", (Resize(shortest=8, kernel="bicubic", eight_bit=True),)),
    ],
)
def test_nonsense_is_refused(build):
    with pytest.raises(BundleError, match="not valid"):
        build()


@pytest.mark.parametrize(("dtype", "top"), [(np.uint8, 255), (np.uint16, 4095), (np.uint16, 65534)])
@pytest.mark.parametrize("rounding", ["floor", "nearest"])
def test_levels_before_anything_else_are_exact(dtype, top, rounding):
    stored = np.arange(top + 1).astype(dtype)[None].repeat(2, axis=0)
    exact = stored[0].astype(np.float64) / top * 255
    wanted = np.rint(exact) if rounding == "nearest" else np.floor(exact)
    got = apply(Recipe("minmax", (Quantise(rounding),)), SourceImage(stored, 16))[0, 0, 0]
    assert np.array_equal(np.rint(got * 255), wanted)


def test_levels_of_a_table_are_exact():
    stored = np.arange(256, dtype=np.uint8)[None].repeat(2, axis=0)
    lut = LookupTable(0, np.arange(256, dtype=np.uint16), 8)
    got = apply(Recipe("voi", (Quantise("floor"),)), SourceImage(stored, 8, voi_lut=lut))
    assert np.array_equal(np.rint(got[0, 0, 0] * 255), np.arange(256))
