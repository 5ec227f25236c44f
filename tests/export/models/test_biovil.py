"""BioViL: published keys, transformers' ResNet, checkpoints, export, recipe."""

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

from cxr_edge.export.models.biovil import RECIPE, BiovilImage, load, read
from cxr_edge.preprocess import apply

FC = 1000 * 2048 + 1000
"""Parameters of the ImageNet head that is in the file and is not used."""


@pytest.fixture(scope="module")
def state():
    return TOWERS["biovil"].state()


def test_keys_and_count_as_published():
    tensors, count = published("biovil-resnet50")
    with torch.device("meta"):
        network = BiovilImage(read(tensors))
    used = {k: s for k, s in shapes(tensors).items() if not k.startswith("encoder.encoder.fc.")}
    assert shapes(network.state_dict()) == used
    assert sum(p.numel() for p in network.parameters()) + FC == count == 25_835_944


def projected(state, grid):
    """The projection of every place and their mean, by torch's functions."""
    hidden = F.conv2d(grid, state["projector.model.0.weight"])
    hidden = F.batch_norm(
        hidden,
        *(state[f"projector.model.1.{name}"] for name in ("running_mean", "running_var")),
        *(state[f"projector.model.1.{name}"] for name in ("weight", "bias")),
    )
    places = F.conv2d(
        F.relu(hidden), *(state[f"projector.model.3.{name}"] for name in ("weight", "bias"))
    )
    mean = F.adaptive_avg_pool2d(places, 1).flatten(1)
    return mean / mean.norm(dim=1, keepdim=True)


def test_says_what_transformers_resnet_says(state):
    torch.manual_seed(9)
    pixels = torch.rand(3, 3, 128, 96)
    with torch.inference_mode():
        grid = transformers_trunk(under("encoder.encoder.", state))(pixels).last_hidden_state
        wanted = projected(state, grid)
        got = load(state)(pixels)
    assert (got - wanted).abs().max() < 1e-5


def reference(stored, side):
    small = shortest(eight_bits(stored), 512, Image.Resampling.BILINEAR)
    return np.repeat(centre(small, side)[None, None].astype(np.float32) / 255, 3, axis=1)


def test_recipe_on_a_wide_picture():
    stored = wide_picture()
    got = apply(RECIPE, source(stored))
    assert got.shape == (1, 3, 480, 480)
    assert np.abs(got - reference(stored, 480)).max() < 1e-5


def test_recipe_on_a_radiograph(shared_data):
    stored = radiograph(shared_data)
    assert np.abs(apply(RECIPE, source(stored)) - reference(stored, 480)).max() < 1e-5
