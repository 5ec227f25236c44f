"""CXR-RePaiR's retrieval baseline: ResNet-18 keys, transformers' ResNet, checkpoints, recipe."""

import cv2
import numpy as np
import pytest
import torch
from image_towers import (
    eight_bits,
    radiograph,
    source,
    transformers_trunk,
    wide_picture,
)
from PIL import Image
from torch.nn import functional as F
from tower_table import TOWERS

from cxr_edge.export.models.plain_resnet import PlainResNet, TrunkConfig
from cxr_edge.export.models.resnet18_baseline import RECIPE, load
from cxr_edge.preprocess import apply

RESNET18 = TrunkConfig(False, 64, (64, 128, 256, 512), (2, 2, 2, 2))


@pytest.fixture(scope="module")
def state():
    return TOWERS["resnet18-baseline"].state()


def test_full_size_is_that_of_transformers_resnet18():
    """Its count of parameters without the classifier, and its 512 features, come from there."""
    from transformers import ResNetConfig, ResNetModel

    with torch.device("meta"):
        own = PlainResNet(RESNET18)
        theirs = ResNetModel(
            ResNetConfig(
                embedding_size=64,
                hidden_sizes=[64, 128, 256, 512],
                depths=[2, 2, 2, 2],
                layer_type="basic",
            )
        )
    shapes = [sorted(tuple(t.shape) for t in m.state_dict().values()) for m in (own, theirs)]
    assert shapes[0] == shapes[1]
    assert RESNET18.features == 512


def test_numbers_are_those_of_transformers(state):
    pixels = torch.randn(3, 3, 96, 96, generator=torch.Generator().manual_seed(22))
    with torch.inference_mode():
        got = load(state)(pixels)
        wanted = transformers_trunk(state)(pixels).pooler_output.flatten(1)
    assert (got - F.normalize(wanted, dim=1)).abs().max() < 1e-5


@pytest.mark.parametrize("kind", ["real", "made"])
def test_recipe_is_pillows_letterbox(kind, shared_data):
    stored = radiograph(shared_data) if kind == "real" else wide_picture()
    grey = cv2.equalizeHist(eight_bits(stored))
    ratio = 320 / max(grey.shape)
    sides = (int(grey.shape[1] * ratio), int(grey.shape[0] * ratio))
    small = Image.fromarray(grey).resize(sides, Image.Resampling.LANCZOS)
    box = Image.new("L", (320, 320))
    box.paste(small, ((320 - sides[0]) // 2, (320 - sides[1]) // 2))
    wanted = (np.asarray(box, np.float64) - 101.48761) / 83.43944
    got = apply(RECIPE, source(stored))
    assert got.shape == (1, 3, 320, 320)
    assert np.abs(got - wanted).max() < 1e-5
