"""BioViL: published keys, transformers' ResNet, checkpoints, export, recipe."""

import numpy as np
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
    shortest,
    source,
    transformers_trunk,
    under,
    wide_picture,
)
from PIL import Image
from torch.nn import functional as F

from cxr_edge.errors import CheckpointError
from cxr_edge.export.models.biovil import RECIPE, BiovilConfig, BiovilImage, export_spec, load, read
from cxr_edge.export.models.plain_resnet import TrunkConfig
from cxr_edge.export.precision import trace
from cxr_edge.preprocess import apply

SMALL = BiovilConfig(TrunkConfig(True, 8, (4, 8, 8, 16), (1, 1, 1, 2)), 12, 10)
FC = 1000 * 2048 + 1000
"""Parameters of the ImageNet head that is in the file and is not used."""


@pytest.fixture(scope="module")
def state():
    return randomise(BiovilImage(SMALL), 8)


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
    head = {"encoder.encoder.fc.weight": torch.zeros(1000, 64)}
    return {
        "with the unused head": {**state, **head},
        "data parallel": {f"module.{key}": tensor for key, tensor in {**state, **head}.items()},
        "no counters": {k: t for k, t in state.items() if "num_batches" not in k},
        "in part fp16": {k: t.half() if "conv" in k else t for k, t in state.items()},
    }


@pytest.mark.parametrize("form", list(wild({})))
def test_checkpoints_in_the_wild(state, form):
    torch.manual_seed(10)
    pixels = torch.rand(2, 3, 64, 64)
    network = load(wild(state)[form])
    with torch.inference_mode():
        error = (network(pixels) - load(state)(pixels)).abs().max()
    assert error < (5e-3 if "fp16" in form else 1e-7)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda s: s.pop("projector.model.3.bias"), "1 keys missing (projector.model.3.bias)"),
        (
            lambda s: s.update({"projector.model.0.weight": torch.zeros(12, 32, 1, 1)}),
            "projector.model.0.weight is 12x32x1x1, expected 12x64x1x1",
        ),
        (
            lambda s: s.update({"encoder.backbone_to_vit.weight": torch.zeros(2)}),
            "1 unknown (encoder.backbone_to_vit.weight)",
        ),
        (lambda s: s.clear(), "not a biovil checkpoint"),
    ],
)
def test_what_does_not_fit_is_refused_in_one_line(state, change, words):
    changed = dict(state)
    change(changed)
    with pytest.raises(CheckpointError) as refused:
        load(changed)
    assert words in str(refused.value)
    assert "\n" not in str(refused.value)


def test_exports(state, tmp_path):
    torch.save(state, tmp_path / "biovil.pt")
    spec = export_spec(tmp_path / "biovil.pt")
    assert (spec.dimension, spec.metric) == (10, "cosine")
    (graph,) = spec.graphs
    agree(graph, trace(graph).model)


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
