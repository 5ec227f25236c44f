"""GLoRIA's image side: published keys, transformers' ResNet, aligned corners, recipe."""

import cv2
import numpy as np
import onnx
import pytest
import torch
from half_precision import DELICATE, under_autocast
from image_towers import (
    agree,
    centre,
    eight_bits,
    published,
    radiograph,
    randomise,
    shapes,
    source,
    transformers_trunk,
    under,
    wide_picture,
)
from torch.nn import functional as F

from cxr_edge.errors import CheckpointError
from cxr_edge.export.models.gloria import RECIPE, GloriaConfig, GloriaImage, export_spec, load, read
from cxr_edge.export.models.plain_resnet import TrunkConfig
from cxr_edge.export.precision import trace
from cxr_edge.preprocess import apply

SMALL = GloriaConfig(TrunkConfig(True, 8, (4, 8, 8, 16), (1, 1, 2, 1)), 24)


@pytest.fixture(scope="module")
def state():
    return randomise(GloriaImage(SMALL), 4)


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


def test_under_autocast_the_normalisation_stays_fp32(state):
    torch.manual_seed(40)
    network, pixels = load(state), torch.rand(2, 3, 224, 224)
    answer, kinds = under_autocast(lambda: network(pixels))
    assert kinds["convolution"] == {torch.float16}
    for name in set(DELICATE) & set(kinds):
        assert kinds[name] == {torch.float32}, name
    with torch.inference_mode():
        wanted = network(pixels)[0]
    assert answer[0].dtype == torch.float32
    assert F.cosine_similarity(answer[0], wanted).min() > 0.9999


def wild(state):
    whole = {f"gloria.img_encoder.{key}": tensor for key, tensor in state.items()}
    text = {"gloria.text_encoder.model.embeddings.position_ids": torch.arange(8)[None]}
    return {
        "image side alone": state,
        "Lightning": {**whole, **text},
        "data parallel": {f"module.{key}": tensor for key, tensor in {**whole, **text}.items()},
        "saved after loading": {k.removeprefix("gloria."): t for k, t in {**whole, **text}.items()},
        "with a classifier": {**whole, "gloria.img_encoder.model.fc.weight": torch.zeros(3, 64)},
        "in part fp16": {k: t.half() if "conv" in k else t for k, t in whole.items()},
    }


@pytest.mark.parametrize("form", list(wild({})))
def test_checkpoints_in_the_wild(state, form):
    torch.manual_seed(7)
    pixels = torch.randn(1, 3, 64, 64)
    network = load(wild(state)[form])
    with torch.inference_mode():
        error = (network(pixels)[0] - load(state)(pixels)[0]).abs().max()
    assert error < (5e-3 if "fp16" in form else 1e-7)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda s: s.pop("local_embedder.weight"), "local_embedder.weight missing"),
        (lambda s: s.pop("global_embedder.bias"), "1 keys missing (global_embedder.bias)"),
        (lambda s: s.update({"extra.weight": torch.zeros(2)}), "1 unknown (extra.weight)"),
        (lambda s: s.clear(), "not a gloria checkpoint"),
    ],
)
def test_what_does_not_fit_is_refused_in_one_line(state, change, words):
    changed = dict(state)
    change(changed)
    with pytest.raises(CheckpointError) as refused:
        load(changed)
    assert words in str(refused.value)
    assert "\n" not in str(refused.value)


def test_exports_with_corners_aligned(state, tmp_path):
    torch.save(state, tmp_path / "chexpert_resnet50.ckpt")
    spec = export_spec(tmp_path / "chexpert_resnet50.ckpt")
    assert (spec.dimension, spec.metric) == (24, "cosine")
    (graph,) = spec.graphs
    assert graph.outputs == ("embedding", "local")
    content = trace(graph).model
    agree(graph, content)
    (resize,) = [n for n in onnx.load_from_string(content).graph.node if n.op_type == "Resize"]
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
