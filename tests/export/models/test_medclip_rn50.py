"""MedCLIP's image side: published keys, transformers' ResNet, checkpoints, export, recipe."""

import cv2
import numpy as np
import pytest
import torch
from image_towers import (
    eight_bits,
    published,
    radiograph,
    shapes,
    source,
    transformers_trunk,
    under,
    wide_picture,
)
from PIL import Image
from torch.nn import functional as F
from tower_table import TOWERS

from cxr_edge.export.models.medclip_rn50 import (
    RECIPE,
    MedclipImage,
    load,
    read,
)
from cxr_edge.preprocess import apply


@pytest.fixture(scope="module")
def state():
    return TOWERS["medclip-rn50"].state()


def test_keys_and_count_as_published():
    tensors, count = published("medclip-rn50")
    with torch.device("meta"):
        network = MedclipImage(read(tensors))
    assert shapes(tensors) == {
        f"vision_model.{k}": s for k, s in shapes(network.state_dict()).items()
    }
    assert sum(p.numel() for p in network.parameters()) == count == 24_556_608


def test_says_what_transformers_resnet_says(state):
    torch.manual_seed(2)
    pixels = torch.randn(3, 3, 96, 96)
    trunk = transformers_trunk({k: t for k, t in under("model.", state).items() if "fc." not in k})
    with torch.inference_mode():
        feature = trunk(pixels).pooler_output.flatten(1)
        wanted = feature @ state["model.fc.weight"].T
        wanted = wanted / wanted.norm(dim=-1, keepdim=True)
        got = load(state)(pixels)
    assert (got - wanted).abs().max() < 1e-5
    assert F.cosine_similarity(got[0], got[1], dim=0) < 0.9999


def reference(stored):
    grey = cv2.equalizeHist(eight_bits(stored))
    height, width = grey.shape
    side = max(height, width)
    padded = Image.new("L", (side, side), 0)
    padded.paste(Image.fromarray(grey), ((side - width) // 2, (side - height) // 2))
    small = np.asarray(padded.resize((224, 224), Image.Resampling.BICUBIC)).astype(np.float32)
    plane = (small / 255 - 0.5862785803043838) / 0.27950088968644304
    return np.repeat(plane[None, None], 3, axis=1)


def test_recipe_on_a_wide_picture():
    stored = wide_picture()
    got = apply(RECIPE, source(stored))
    assert got.shape == (1, 3, 224, 224)
    assert np.abs(got - reference(stored)).max() < 1e-5


def test_recipe_on_a_radiograph(shared_data):
    stored = radiograph(shared_data)
    assert np.abs(apply(RECIPE, source(stored)) - reference(stored)).max() < 1e-5
