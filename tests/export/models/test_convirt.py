"""ConVIRT's image side: ResNet-50 keys, transformers' ResNet, layouts in the wild, recipe."""

import cv2
import numpy as np
import pytest
import torch
from image_towers import (
    centre,
    eight_bits,
    published,
    radiograph,
    shapes,
    shortest,
    source,
    transformers_trunk,
    under,
    wide_picture,
)
from PIL import Image
from torch.nn import functional as F
from tower_table import TOWERS

from cxr_edge.export.models.convirt import (
    RECIPE,
    load,
    read,
)
from cxr_edge.preprocess import apply


@pytest.fixture(scope="module")
def state():
    return TOWERS["convirt"].state()


def test_trunk_is_the_published_resnet50():
    tensors, count = published("resnet50-torchvision")
    network = load(tensors)
    trunk = {k: s for k, s in shapes(tensors).items() if not k.startswith("fc.")}
    assert shapes(network.trunk.state_dict()) == trunk
    assert sum(p.numel() for p in network.parameters()) == count - 2048 * 1000 - 1000
    assert read(tensors).dimension == 2048


def test_papers_projection():
    """Section 3.2: a ReLU layer as wide as the feature, then 512."""
    tensors, _ = published("resnet50-torchvision")
    meta = torch.device("meta")
    tensors |= {
        "projection.0.weight": torch.empty(2048, 2048, device=meta),
        "projection.0.bias": torch.empty(2048, device=meta),
        "projection.2.weight": torch.empty(512, 2048, device=meta),
        "projection.2.bias": torch.empty(512, device=meta),
    }
    assert read(tensors).projection == (2048, 2048, 512)


@pytest.mark.parametrize("layers", [0, 1, 2])
def test_numbers_are_those_of_transformers(state, layers):
    form = {k: v for k, v in state.items() if k.startswith("trunk.")}
    pixels = torch.randn(3, 3, 96, 96, generator=torch.Generator().manual_seed(24))
    with torch.inference_mode():
        wanted = transformers_trunk(under("trunk.", state))(pixels).pooler_output.flatten(1)
    for k in range(layers):
        weight, bias = (state[f"projection.{2 * k}.{kind}"] for kind in ("weight", "bias"))
        form |= {f"projection.{2 * k}.weight": weight, f"projection.{2 * k}.bias": bias}
        wanted = F.linear(wanted if k == 0 else wanted.relu(), weight, bias)
    with torch.inference_mode():
        got = load(form)(pixels)
    assert (got - F.normalize(wanted, dim=1)).abs().max() < 1e-5


def test_a_single_layer_without_a_number(state):
    form = {k: v for k, v in state.items() if k.startswith("trunk.")}
    form |= {"projection.weight": torch.zeros(20, 64), "projection.bias": torch.zeros(20)}
    assert read(form).projection == (64, 20)
    assert load(form).projection[0].weight.shape == (20, 64)


@pytest.mark.parametrize("kind", ["real", "made"])
def test_recipe_is_pillows_resize_and_torchvisions_crop(kind, shared_data):
    stored = radiograph(shared_data) if kind == "real" else wide_picture()
    grey = cv2.equalizeHist(eight_bits(stored))
    middle = centre(shortest(grey, 256, Image.Resampling.BILINEAR), 224)
    mean, deviation = np.array([[0.485, 0.456, 0.406], [0.229, 0.224, 0.225]])[..., None, None]
    wanted = (middle[None] / 255.0 - mean) / deviation
    got = apply(RECIPE, source(stored))
    assert got.shape == (1, 3, 224, 224)
    assert np.abs(got - wanted).max() < 1e-5
