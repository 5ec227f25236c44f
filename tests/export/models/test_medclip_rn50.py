"""MedCLIP's image side: published keys, transformers' ResNet, checkpoints, export, recipe."""

import cv2
import numpy as np
import pytest
import torch
from half_precision import DELICATE, under_autocast
from image_towers import (
    agree,
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
from PIL import Image
from torch.nn import functional as F

from cxr_edge.errors import CheckpointError
from cxr_edge.export.models.medclip_rn50 import (
    RECIPE,
    MedclipConfig,
    MedclipImage,
    export_spec,
    load,
    read,
)
from cxr_edge.export.models.plain_resnet import TrunkConfig
from cxr_edge.export.precision import trace
from cxr_edge.preprocess import Recipe, apply

SMALL = MedclipConfig(TrunkConfig(True, 8, (4, 8, 8, 16), (1, 2, 1, 2)), 24)


@pytest.fixture(scope="module")
def state():
    return randomise(MedclipImage(SMALL), 1)


@pytest.fixture(scope="module")
def file(state, tmp_path_factory):
    path = tmp_path_factory.mktemp("medclip") / "pytorch_model.bin"
    torch.save({f"vision_model.{key}": tensor for key, tensor in state.items()}, path)
    return path


def test_keys_and_count_as_published():
    tensors, count = published("medclip-rn50")
    with torch.device("meta"):
        network = MedclipImage(read(tensors))
    assert shapes(tensors) == {
        f"vision_model.{k}": s for k, s in shapes(network.state_dict()).items()
    }
    assert sum(p.numel() for p in network.parameters()) == count == 24_556_608


def test_sizes_come_from_the_weights(state):
    assert read(state) == SMALL


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


def test_under_autocast_the_normalisation_stays_fp32(state):
    torch.manual_seed(40)
    network, pixels = load(state), torch.rand(2, 3, 96, 96)
    answer, kinds = under_autocast(lambda: network(pixels))
    assert kinds["convolution"] == {torch.float16}
    for name in set(DELICATE) & set(kinds):
        assert kinds[name] == {torch.float32}, name
    with torch.inference_mode():
        wanted = network(pixels)
    assert answer.dtype == torch.float32
    assert F.cosine_similarity(answer, wanted).min() > 0.9999


def wild(state):
    whole = {f"vision_model.{key}": tensor for key, tensor in state.items()}
    text = {
        "text_model.model.embeddings.position_ids": torch.arange(8)[None],
        "text_model.projection_head.weight": torch.zeros(4, 4),
        "logit_scale": torch.tensor(2.6),
    }
    return {
        "image side alone": state,
        "both towers": {**whole, **text},
        "data parallel": {f"module.{key}": tensor for key, tensor in {**whole, **text}.items()},
        "no counters": {k: t for k, t in whole.items() if "num_batches" not in k},
        "in part fp16": {k: t.half() if "conv" in k else t for k, t in whole.items()},
    }


@pytest.mark.parametrize("form", list(wild({})))
def test_checkpoints_in_the_wild(state, form):
    torch.manual_seed(3)
    pixels = torch.randn(2, 3, 64, 64)
    network = load(wild(state)[form])
    assert not network.training
    assert {p.dtype for p in network.parameters()} == {torch.float32}
    with torch.inference_mode():
        error = (network(pixels) - load(state)(pixels)).abs().max()
    assert error < (5e-3 if "fp16" in form else 1e-7)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda s: s.pop("model.fc.weight"), "model.fc.weight missing"),
        (lambda s: s.pop("model.layer2.1.bn1.bias"), "1 keys missing (model.layer2.1.bn1.bias)"),
        (lambda s: s.update({"model.bn1.bias": torch.zeros(9)}), "model.bn1.bias is 9, expected 8"),
        (lambda s: s.update({"model.fc.bias": torch.zeros(24)}), "1 unknown (model.fc.bias)"),
        (lambda s: s.clear(), "not a medclip-rn50 checkpoint"),
    ],
)
def test_what_does_not_fit_is_refused_in_one_line(state, change, words):
    changed = dict(state)
    change(changed)
    with pytest.raises(CheckpointError) as refused:
        load(changed)
    assert words in str(refused.value)
    assert "\n" not in str(refused.value)


def test_exports(file):
    spec = export_spec(file)
    assert (spec.dimension, spec.metric) == (24, "cosine")
    assert Recipe.from_json(spec.recipe) == RECIPE
    assert all(entry["muted"] and entry["auroc"] is None for entry in spec.observations.values())
    (graph,) = spec.graphs
    agree(graph, trace(graph).model)


def test_needs_a_checkpoint():
    with pytest.raises(CheckpointError, match="needs --checkpoint"):
        export_spec(None)


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
