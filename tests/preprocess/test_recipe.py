"""Recipes: their JSON, their digest, what is refused, and whole recipes against references."""

import hashlib
import json

import cv2
import numpy as np
import pytest
import torch
from PIL import Image

from cxr_edge.errors import BundleError, StudyError
from cxr_edge.preprocess import Recipe, apply
from cxr_edge.types import SourceImage

RESIZE = {"op": "resize", "height": 32, "width": 32}
BAD = {
    "not an object": [],
    "unknown field": {"tone": "voi", "steps": [RESIZE], "size": 3},
    "unknown tone": {"tone": "gamma", "steps": [RESIZE]},
    "no tone": {"steps": [RESIZE]},
    "no steps": {"tone": "voi", "steps": []},
    "steps not a list": {"tone": "voi", "steps": "resize"},
    "unknown op": {"tone": "voi", "steps": [{"op": "sharpen"}]},
    "no op": {"tone": "voi", "steps": [{"height": 3}]},
    "unknown op field": {"tone": "voi", "steps": [{**RESIZE, "gamma": 2}]},
    "missing op field": {"tone": "voi", "steps": [{"op": "crop", "height": 3}]},
    "half a size": {"tone": "voi", "steps": [{"op": "resize", "height": 3}]},
    "two sizes": {"tone": "voi", "steps": [{**RESIZE, "longest": 9}]},
    "no size at all": {"tone": "voi", "steps": [{"op": "resize"}]},
    "size 0": {"tone": "voi", "steps": [{"op": "resize", "longest": 0}]},
    "size true": {"tone": "voi", "steps": [{"op": "resize", "longest": True}]},
    "size 1.5": {"tone": "voi", "steps": [{"op": "resize", "longest": 1.5}]},
    "unknown kernel": {"tone": "voi", "steps": [{**RESIZE, "kernel": "gauss"}]},
    "lanczos without antialias": {
        "tone": "voi",
        "steps": [{**RESIZE, "kernel": "lanczos", "antialias": False}],
    },
    "aligned corners with area": {"tone": "voi", "steps": [{**RESIZE, "align_corners": True}]},
    "antialias as text": {"tone": "voi", "steps": [{**RESIZE, "antialias": "no"}]},
    "fast as number": {"tone": "voi", "fast": 1, "steps": [RESIZE]},
    "rounding": {"tone": "voi", "steps": [{"op": "quantise", "rounding": "up"}]},
    "std 0": {"tone": "voi", "steps": [{"op": "normalise", "mean": [0], "std": [0]}]},
    "lengths": {"tone": "voi", "steps": [{"op": "normalise", "mean": [0], "std": [1, 2]}]},
    "mean as number": {"tone": "voi", "steps": [{"op": "normalise", "mean": 0, "std": [1]}]},
}


def image(shape=(120, 90), **fields):
    down, across = np.mgrid[0 : shape[0], 0 : shape[1]]
    smooth = 0.5 + 0.5 * np.sin(down / 9.0) * np.cos(across / 11.0)
    return SourceImage(stored=np.rint(smooth * 4000).astype(np.uint16), bits_stored=12, **fields)


@pytest.mark.parametrize("name", BAD)
def test_bad_recipes_are_refused_in_one_line(name):
    with pytest.raises(BundleError) as caught:
        Recipe.from_json(BAD[name])
    assert "\n" not in str(caught.value)


def test_round_trip_and_digest():
    data = {"tone": "voi", "steps": [RESIZE, {"op": "standardise"}]}
    recipe = Recipe.from_json(data)
    again = Recipe.from_json(json.loads(json.dumps(recipe.to_json())))
    assert again == recipe
    assert again.digest == recipe.digest
    text = json.dumps(recipe.to_json(), sort_keys=True, separators=(",", ":"))
    assert recipe.digest == hashlib.sha256(text.encode()).hexdigest()
    spelled = {
        "tone": "voi",
        "fast": True,
        "steps": [{**RESIZE, "kernel": "area"}, data["steps"][1]],
    }
    assert Recipe.from_json(spelled).digest == recipe.digest
    other = Recipe.from_json({**data, "tone": "minmax"})
    assert other.digest != recipe.digest


def test_default_network():
    recipe = Recipe.from_json({"tone": "voi", "steps": [RESIZE, {"op": "standardise"}]})
    tensor = apply(recipe, image())
    assert tensor.shape == (1, 1, 32, 32)
    assert tensor.dtype == np.float32
    assert abs(tensor.mean()) < 1e-5
    assert abs(tensor.std() - 1) < 1e-4


def test_letterbox_with_constants_as_torch_and_pillow_make_it():
    """Longest side by Lanczos, zero padding, 0-255, three channels, constants, plain bicubic."""
    steps = [
        {"op": "resize", "longest": 64, "kernel": "lanczos"},
        {"op": "quantise"},
        {"op": "pad"},
        {"op": "scale", "factor": 255},
        {"op": "repeat", "channels": 3},
        {"op": "normalise", "mean": [101.48761], "std": [83.43944]},
        {"op": "resize", "height": 45, "width": 45, "kernel": "bicubic", "antialias": False},
    ]
    source = image()
    recipe = Recipe.from_json({"tone": "minmax+equalise", "fast": False, "steps": steps})
    tensor = apply(recipe, source)

    eight = (source.stored / source.stored.max() * 255).astype(np.uint8)
    picture = Image.fromarray(cv2.equalizeHist(eight)).resize((48, 64), Image.Resampling.LANCZOS)
    square = np.zeros((64, 64), np.float32)
    square[:, 8:56] = np.asarray(picture)
    normal = torch.from_numpy((square - 101.48761) / 83.43944)[None, None].repeat(1, 3, 1, 1)
    expected = torch.nn.functional.interpolate(
        normal, (45, 45), mode="bicubic", align_corners=False
    ).numpy()
    assert tensor.shape == expected.shape
    # Pillow rounds to 8 bits after each of its two passes, which we do once.
    assert np.abs(tensor - expected).max() * 83.43944 <= 2.5
    assert np.abs(tensor - expected).mean() * 83.43944 <= 0.5


def test_shortest_side_and_centre_crop():
    steps = [
        {"op": "resize", "shortest": 45, "kernel": "bicubic"},
        {"op": "crop", "height": 45, "width": 45},
        {"op": "repeat"},
        {"op": "normalise", "mean": [0.48, 0.46, 0.41], "std": [0.27, 0.26, 0.28]},
    ]
    source = image()
    tensor = apply(Recipe.from_json({"tone": "minmax", "steps": steps}), source)
    grey = (source.stored / np.float32(source.stored.max())).astype(np.float32)
    picture = np.asarray(Image.fromarray(grey).resize((45, 60), Image.Resampling.BICUBIC))[7:52]
    for channel, (mean, std) in enumerate([(0.48, 0.27), (0.46, 0.26), (0.41, 0.28)]):
        np.testing.assert_allclose(tensor[0, channel], (picture - mean) / std, atol=1e-3)


def test_crop_larger_than_the_picture_is_refused():
    steps = [{"op": "resize", "longest": 40}, {"op": "crop", "height": 40, "width": 40}]
    with pytest.raises(StudyError, match="smaller than"):
        apply(Recipe.from_json({"tone": "voi", "steps": steps}), image())


def test_standardise_leaves_padding_out():
    """Letterbox, image padding and borders must not move the mean of the picture itself."""
    steps = [{"op": "resize", "longest": 60}, {"op": "pad"}, {"op": "standardise"}]
    recipe = Recipe.from_json({"tone": "minmax", "steps": steps})
    tensor = apply(recipe, image())[0, 0]
    inside = tensor[:, 7:52]
    assert inside.shape == (60, 45)
    assert abs(inside.mean()) < 1e-5
    assert abs(inside.std() - 1) < 1e-4

    source = image((120, 120))
    framed = np.zeros((160, 160), np.uint16)
    framed[20:140, 20:140] = source.stored + 10
    for fields in ({"padding": (0, 0)}, {"region": (20, 140, 20, 140)}):
        wide = SourceImage(stored=framed, bits_stored=12, **fields)
        steps = [{"op": "resize", "longest": 80}, {"op": "standardise"}]
        middle = apply(Recipe.from_json({"tone": "minmax", "steps": steps}), wide)[
            0, 0, 10:70, 10:70
        ]
        assert abs(middle.mean()) < 1e-4
        assert abs(middle.std() - 1) < 1e-3


@pytest.mark.parametrize(("rounding", "function"), [("nearest", np.rint), ("floor", np.floor)])
def test_quantise(rounding, function):
    steps = [{"op": "resize", "height": 40, "width": 30}, {"op": "quantise", "rounding": rounding}]
    plain = apply(Recipe.from_json({"tone": "minmax", "steps": steps[:1]}), image())
    tensor = apply(Recipe.from_json({"tone": "minmax", "steps": steps}), image())
    np.testing.assert_allclose(tensor * 255, function(plain * np.float32(255)), atol=1e-4)
