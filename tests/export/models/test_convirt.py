"""ConVIRT's image side: ResNet-50 keys, transformers' ResNet, layouts in the wild, recipe."""

import re

import cv2
import numpy as np
import pytest
import torch
from image_towers import (
    agree,
    centre,
    eight_bits,
    published,
    radiograph,
    randomise,
    shapes,
    shortest,
    source,
    transformers_trunk,
    under,
    wide_picture,
)
from PIL import Image
from torch.nn import functional as F

from cxr_edge.errors import CheckpointError
from cxr_edge.export.models.convirt import (
    RECIPE,
    Convirt,
    ConvirtConfig,
    export_spec,
    load,
    read,
)
from cxr_edge.export.models.plain_resnet import TrunkConfig
from cxr_edge.export.precision import trace
from cxr_edge.preprocess import apply

SMALL = ConvirtConfig(TrunkConfig(True, 8, (4, 8, 8, 16), (1, 2, 1, 2)), (64, 48, 20))
POSITIONS = {"conv1": 0, "bn1": 1, "layer1": 4, "layer2": 5, "layer3": 6, "layer4": 7}


@pytest.fixture(scope="module")
def state():
    return randomise(Convirt(SMALL), 23)


def by_position(state):
    """A trunk made of the children of a ResNet, with two layers beside it."""
    form = {}
    for key, tensor in state.items():
        key = re.sub(r"^trunk\.(\w+)\.", lambda m: f"res_features.{POSITIONS[m[1]]}.", key)
        key = key.replace("projection.0.", "res_l1.").replace("projection.2.", "res_l2.")
        form[key] = tensor
    return form | {"bert_model.embeddings.weight": torch.zeros(2), "bert_l1.bias": torch.zeros(3)}


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


@pytest.mark.parametrize(
    "form",
    [
        dict,
        lambda s: {f"module.{k}": v for k, v in s.items()},
        lambda s: {k.replace("trunk.", "module.img_encoder."): v for k, v in s.items()},
        lambda s: {k.removeprefix("trunk."): v for k, v in s.items()},
        by_position,
        lambda s: {k: v for k, v in s.items() if "num_batches" not in k},
        lambda s: {k: v.half().float() if "bn" in k else v.half() for k, v in s.items()},
    ],
)
def test_every_form_of_checkpoint(state, form):
    network = load(form(state))
    assert read(form(state)) == SMALL
    assert not network.training
    close = torch.allclose(network.projection[2].weight, state["projection.2.weight"], atol=1e-3)
    assert close
    assert {p.dtype for p in network.parameters()} == {torch.float32}


def test_a_single_layer_without_a_number(state):
    form = {k: v for k, v in state.items() if k.startswith("trunk.")}
    form |= {"projection.weight": torch.zeros(20, 64), "projection.bias": torch.zeros(20)}
    assert read(form).projection == (64, 20)
    assert load(form).projection[0].weight.shape == (20, 64)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda s: s.pop("trunk.layer3.0.bn3.bias"), "keys missing (trunk.layer3.0.bn3.bias)"),
        (lambda s: s.update({"trunk.layer1.0.se.weight": torch.zeros(1)}), "1 unknown"),
        (lambda s: s.update({"projection.2.bias": torch.zeros(3)}), "is 3, expected 20"),
        (lambda s: s.pop("trunk.conv1.weight"), "conv1.weight missing"),
    ],
)
def test_a_wrong_checkpoint_is_refused_in_one_line(state, change, told):
    wrong = dict(state)
    change(wrong)
    with pytest.raises(CheckpointError) as refusal:
        load(wrong)
    assert told in str(refusal.value)
    assert "\n" not in str(refusal.value)


def test_export_agrees_in_any_batch(state, tmp_path):
    torch.save(by_position(state), tmp_path / "model.pth")
    spec = export_spec(tmp_path / "model.pth")
    (graph,) = spec.graphs
    agree(graph, trace(graph).model)
    assert spec.dimension == 20


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
