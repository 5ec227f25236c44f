"""CXR-RePaiR's retrieval baseline: ResNet-18 keys, transformers' ResNet, checkpoints, recipe."""

import cv2
import numpy as np
import pytest
import torch
from image_towers import (
    agree,
    eight_bits,
    radiograph,
    randomise,
    source,
    transformers_trunk,
    under,
    wide_picture,
)
from PIL import Image
from torch.nn import functional as F

from cxr_edge.errors import CheckpointError
from cxr_edge.export.models.plain_resnet import PlainResNet, TrunkConfig
from cxr_edge.export.models.resnet18_baseline import RECIPE, Baseline, export_spec, load, read
from cxr_edge.export.precision import trace
from cxr_edge.preprocess import apply

RESNET18 = TrunkConfig(False, 64, (64, 128, 256, 512), (2, 2, 2, 2))
SMALL = TrunkConfig(False, 8, (8, 8, 16, 24), (2, 1, 1, 2))


@pytest.fixture(scope="module")
def state():
    return under("trunk.", randomise(Baseline(SMALL), 21))


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


@pytest.mark.parametrize("prefix", ["", "module.", "model.model.", "module.encoder_q."])
def test_every_form_of_checkpoint(state, prefix):
    form = {prefix + key: tensor for key, tensor in state.items()}
    form |= {f"{prefix}fc.0.weight": torch.zeros(24, 24), f"{prefix}fc.0.bias": torch.zeros(24)}
    form = {k: v for k, v in form.items() if not k.endswith("num_batches_tracked")}
    if "encoder_q" in prefix:
        form |= {k.replace("encoder_q", "encoder_k"): v * 0 for k, v in form.items()}
        form["module.queue"] = torch.zeros(3, 3)
    form = {k: v.half() if "layer2" in k else v for k, v in form.items()}
    network = load(form)
    assert read(form) == SMALL
    assert not network.training
    assert torch.equal(network.trunk.conv1.weight, state["conv1.weight"])
    assert network.trunk.layer2[0].conv1.weight.dtype == torch.float32


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda s: s.pop("layer4.1.bn2.bias"), "1 keys missing (trunk.layer4.1.bn2.bias)"),
        (lambda s: s.update(text=torch.zeros(1)), "1 unknown (trunk.text)"),
        (lambda s: s.update({"bn1.bias": torch.zeros(5)}), "trunk.bn1.bias is 5, expected 8"),
        (lambda s: s.pop("conv1.weight"), "conv1.weight missing"),
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
    torch.save(state, tmp_path / "epoch.pt")
    spec = export_spec(tmp_path / "epoch.pt")
    (graph,) = spec.graphs
    agree(graph, trace(graph).model)
    assert spec.dimension == 24


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
