"""BioViL-T: published keys, both halves of a place, the pooler against torch's own attention."""

from math import cos, pi, sin

import numpy as np
import pytest
import torch
from image_towers import (
    centre,
    eight_bits,
    operators,
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
from torch import nn
from torch.nn import functional as F
from tower_table import BIOVIL_T, TOWERS

from cxr_edge.export.models.biovil_t import (
    RECIPE,
    BiovilTImage,
    load,
    read,
)
from cxr_edge.export.models.temporal_pooler import HEADS, sine_positions
from cxr_edge.preprocess import apply

FC = 1000 * 2048 + 1000
"""Parameters of the ImageNet head that is in the file and is not used."""


@pytest.fixture(scope="module")
def state():
    return TOWERS["biovil-t"].state()


def test_keys_and_count_as_published():
    tensors, count = published("biovil-t-image")
    with torch.device("meta"):
        network = BiovilTImage(read(tensors))
    used = {k: s for k, s in shapes(tensors).items() if not k.startswith("encoder.encoder.fc.")}
    assert shapes(network.state_dict()) == used
    assert sum(p.numel() for p in network.parameters()) + FC == count == 27_349_928


def test_positions_are_sines_of_row_and_column():
    """DETR's formula, place by place."""
    got = sine_positions(3, 5, 16)
    for row in range(3):
        for column in range(5):
            for channel in range(8):
                period = 10000 ** (2 * (channel // 2) / 8)
                wave = cos if channel % 2 else sin
                y = (row + 1) / (3 + 1e-6) * 2 * pi / period
                x = (column + 1) / (5 + 1e-6) * 2 * pi / period
                token = got[row * 5 + column]
                assert abs(token[channel].item() - wave(y)) < 1e-5
                assert abs(token[8 + channel].item() - wave(x)) < 1e-5


def pooled(state, current, previous):
    """The pooler with torch's multi-head attention in the place of ours."""
    pooler = under("encoder.vit_pooler.", state)
    height, width = current.shape[2:]
    tokens = torch.cat([current.flatten(2), previous.flatten(2)], dim=2).transpose(1, 2)
    places = sine_positions(height, width, current.shape[1])
    places = torch.cat([places + pooler["type_embed"][0], places + pooler["type_embed"][1]])
    for k in range(BIOVIL_T.layers):
        block = under(f"blocks.{k}.", pooler)
        attention = nn.MultiheadAttention(BIOVIL_T.width, HEADS, batch_first=True).eval()
        qkv = torch.cat([block[f"attn.proj_{letter}.weight"] for letter in "qkv"])
        attention.load_state_dict(
            {
                "in_proj_weight": qkv,
                "in_proj_bias": torch.zeros(3 * BIOVIL_T.width),
                "out_proj.weight": block["attn.proj.weight"],
                "out_proj.bias": block["attn.proj.bias"],
            }
        )
        normal = norm(tokens, block, "norm1") + places
        tokens = tokens + attention(normal, normal, normal, need_weights=False)[0]
        inner = norm(tokens, block, "norm2") @ block["mlp.fc1.weight"].T + block["mlp.fc1.bias"]
        inner = inner * 0.5 * (1 + torch.erf(inner / 2**0.5))
        tokens = tokens + inner @ block["mlp.fc2.weight"].T + block["mlp.fc2.bias"]
    later = norm(tokens, pooler, "norm_post")[:, : height * width]
    return later.transpose(1, 2).reshape(current.shape)


def norm(x, weights, name):
    return F.layer_norm(
        x, x.shape[-1:], weights[f"{name}.weight"], weights[f"{name}.bias"], eps=1e-6
    )


@pytest.mark.parametrize("pair", [False, True], ids=["one picture", "with an earlier one"])
def test_says_what_torch_and_transformers_say(state, pair):
    torch.manual_seed(14)
    pixels, earlier = torch.rand(2, 3, 96, 128), torch.rand(2, 3, 96, 128)
    trunk = transformers_trunk(under("encoder.encoder.", state))
    with torch.inference_mode():
        current, previous = (
            F.conv2d(trunk(x).last_hidden_state, state["encoder.backbone_to_vit.weight"])
            for x in (pixels, earlier)
        )
        nothing = state["encoder.missing_previous_emb"].repeat(2, 1, 3, 4)
        change = pooled(state, current, previous) if pair else nothing
        grid = torch.cat([current, change], dim=1)
        hidden = F.conv2d(grid, state["projector.model.0.weight"])
        names = ("running_mean", "running_var", "weight", "bias")
        hidden = F.batch_norm(hidden, *(state[f"projector.model.1.{name}"] for name in names))
        ends = (state[f"projector.model.3.{name}"] for name in ("weight", "bias"))
        mean = F.conv2d(F.relu(hidden), *ends).mean(dim=(2, 3))
        got = load(state)(pixels, earlier if pair else None)
    assert (got - mean / mean.norm(dim=1, keepdim=True)).abs().max() < 1e-5


def test_the_graph_takes_a_single_picture(exported):
    _, bundle = exported("biovil-t", "fp32")
    assert "Softmax" not in operators(bundle.read("image.onnx")), "the pooler of pairs is left out"


def test_recipe_on_a_wide_picture():
    stored = wide_picture()
    got = apply(RECIPE, source(stored))
    assert got.shape == (1, 3, 448, 448)
    small = centre(shortest(eight_bits(stored), 512, Image.Resampling.BILINEAR), 448)
    assert np.abs(got - small[None, None].astype(np.float32) / 255).max() < 1e-5


def test_recipe_on_a_radiograph(shared_data):
    stored = radiograph(shared_data)
    small = centre(shortest(eight_bits(stored), 512, Image.Resampling.BILINEAR), 448)
    got = apply(RECIPE, source(stored))
    assert np.abs(got - small[None, None].astype(np.float32) / 255).max() < 1e-5
