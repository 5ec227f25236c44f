"""GLoRIA's image side: published keys, transformers' ResNet, aligned corners, recipe."""

import cv2
import numpy as np
import onnx
import pytest
import torch
from image_towers import (
    centre,
    eight_bits,
    published,
    radiograph,
    shapes,
    source,
    transformers_trunk,
    under,
    wide_picture,
)
from torch.nn import functional as F
from tower_table import TOWERS

from cxr_edge.export.models.gloria import RECIPE, GloriaImage, load, read
from cxr_edge.preprocess import apply


@pytest.fixture(scope="module")
def state():
    return TOWERS["gloria"].state()


def test_keys_and_count_as_published():
    tensors, count = published("gloria")
    with torch.device("meta"):
        network = GloriaImage(read(tensors))
    own = {f"gloria.img_encoder.{k}": s for k, s in shapes(network.state_dict()).items()}
    assert shapes(tensors) == own
    assert sum(p.numel() for p in network.parameters()) == count == 25_868_096


def test_says_what_transformers_resnet_says_of_an_enlarged_picture(state):
    """``grid_sample`` with aligned corners is torch's other, separate way to enlarge."""
    torch.manual_seed(5)
    pixels = torch.randn(2, 3, 224, 224)
    axis = torch.linspace(-1, 1, 299)
    places = torch.stack(torch.meshgrid(axis, axis, indexing="xy"), dim=2)
    large = F.grid_sample(pixels, places.expand(2, -1, -1, -1), align_corners=True)
    trunk = transformers_trunk(under("model.", state))
    with torch.inference_mode():
        answer = trunk(large, output_hidden_states=True)
        feature = answer.pooler_output.flatten(1)
        whole = feature @ state["global_embedder.weight"].T + state["global_embedder.bias"]
        grid = answer.hidden_states[-2]
        parts = torch.einsum("pc,nchw->nphw", state["local_embedder.weight"][:, :, 0, 0], grid)
        embedding, local = load(state)(pixels)
    assert local.shape == (2, 24, 19, 19)
    assert (embedding - whole / whole.norm(dim=1, keepdim=True)).abs().max() < 1e-5
    assert (local - parts).abs().max() < 3e-5 * parts.abs().max()


def test_corners_must_be_aligned(state):
    """The other way of enlarging is another embedding: the trap is real."""
    torch.manual_seed(6)
    network = load(state)
    pixels = F.interpolate(torch.randn(1, 3, 28, 28), size=(224, 224), mode="bicubic")
    other = F.interpolate(pixels, size=(299, 299), mode="bilinear", align_corners=False)
    with torch.inference_mode():
        # At 299 pixels the network's own resize is the identity.
        aligned, not_aligned = network(pixels)[1], network(other)[1]
    assert (aligned - not_aligned).abs().max() > 0.01 * aligned.abs().max()


def test_the_graph_enlarges_with_corners_aligned(exported):
    _, bundle = exported("gloria", "fp32")
    nodes = onnx.load_from_string(bundle.read("image.onnx")).graph.node
    (resize,) = [node for node in nodes if node.op_type == "Resize"]
    attributes = {a.name: onnx.helper.get_attribute_value(a) for a in resize.attribute}
    assert attributes["coordinate_transformation_mode"] == b"align_corners"
    assert attributes["mode"] == b"linear"


def reference(stored):
    """OpenCV's area resize to a longest side of 256, zero padding, the middle, -1..1."""
    grey = cv2.equalizeHist(eight_bits(stored))
    height, width = grey.shape
    longest = max(height, width)
    size = (int(width * (256 / longest)), int(height * (256 / longest)))
    small = cv2.resize(grey, size, interpolation=cv2.INTER_AREA)
    top, left = (256 - size[1]) // 2, (256 - size[0]) // 2
    padded = np.zeros((256, 256), np.uint8)
    padded[top : top + size[1], left : left + size[0]] = small
    plane = (centre(padded, 224).astype(np.float64) / 255 - 0.5) / 0.5
    return np.repeat(plane[None, None], 3, axis=1)


@pytest.mark.parametrize("turned", [False, True], ids=["wide", "high"])
def test_recipe_on_an_odd_picture(turned):
    stored = wide_picture()
    stored = np.ascontiguousarray(stored.T) if turned else stored
    got = apply(RECIPE, source(stored))
    assert got.shape == (1, 3, 224, 224)
    # OpenCV sums in single precision here, so what ends half way between two levels may go either
    # way: it is one level where it does, and that is rare.
    error = np.abs(got - reference(stored))
    assert error.max() < 2 / 255 + 1e-5
    assert (error > 1e-5).mean() < 1e-3


def test_recipe_on_a_radiograph(shared_data):
    stored = radiograph(shared_data)
    assert np.abs(apply(RECIPE, source(stored)) - reference(stored)).max() < 1e-5
