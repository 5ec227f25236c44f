"""LLM2CLIP4CXR's image tower: published keys, rotation as complex numbers, stock files, recipe."""

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
    operators,
    published,
    radiograph,
    randomise,
    shapes,
    shortest,
    source,
    under,
    wide_picture,
)
from PIL import Image
from torch.nn import functional as F

from cxr_edge.errors import CheckpointError
from cxr_edge.export.models.defaults import smooth_pictures
from cxr_edge.export.models.eva02 import Eva02, Eva02Config, rotary_tables
from cxr_edge.export.models.llm2clip4cxr_vision import RECIPE, export_spec, load, read
from cxr_edge.export.precision import trace
from cxr_edge.export.spec import GraphSpec
from cxr_edge.preprocess import apply

SMALL = Eva02Config(image_size=70, patch=14, width=128, layers=2, hidden=50, dimension=24)


def weights(config, seed):
    state = randomise(Eva02(config), seed)
    cosines, sines = rotary_tables(config.grid)
    for key in state:
        if "rope." in key:
            state[key] = cosines if key.endswith("cos") else sines
    return state


@pytest.fixture(scope="module")
def state():
    return weights(SMALL, 16)


def test_keys_and_count_as_published():
    tensors, count = published("llm2clip4cxr-vision")
    config = read(tensors)
    assert config == Eva02Config(448, 14, 1024, 24, 2730, 1280)
    with torch.device("meta"):
        network = Eva02(config)
    assert shapes(tensors) == {f"visual.{k}": s for k, s in shapes(network.state_dict()).items()}
    assert len(tensors) == 562
    assert sum(p.numel() for p in network.parameters()) == count == 305_416_384


def turned(x, grid):
    """Rotary positions as the product with unit complex numbers, patch by patch, in float64."""
    pairs = torch.view_as_complex(x.double().reshape(*x.shape[:-1], 32, 2).contiguous())
    out = pairs.clone()
    for row in range(grid):
        for column in range(grid):
            angles = [
                place / grid * 16 / 10000 ** (2 * k / 32)
                for place in (row, column)
                for k in range(16)
            ]
            unit = torch.polar(torch.ones(32, dtype=torch.float64), torch.tensor(angles).double())
            token = 1 + row * grid + column
            out[:, :, token] = pairs[:, :, token] * unit
    return torch.view_as_real(out).reshape(x.shape).float()


def independent(state, pixels, layers, grid):
    """The tower by torch's functions, one head's attention by torch's fused routine."""

    def linear(x, name):
        return F.linear(x, state[f"{name}.weight"], state.get(f"{name}.bias"))

    def norm(x, name):
        return F.layer_norm(
            x, x.shape[-1:], state[f"{name}.weight"], state[f"{name}.bias"], eps=1e-6
        )

    def heads(x):
        return x.reshape(len(x), -1, x.shape[2] // 64, 64).permute(0, 2, 1, 3)

    patches = F.unfold(pixels, 14, stride=14).transpose(1, 2)
    patches = patches @ state["patch_embed.proj.weight"].flatten(1).T
    patches = patches + state["patch_embed.proj.bias"]
    x = torch.cat([state["cls_token"].repeat(len(pixels), 1, 1), patches], dim=1)
    x = x + state["pos_embed"]
    for k in range(layers):
        block = f"blocks.{k}"
        inner = norm(x, f"{block}.norm1")
        q, key, v = (heads(linear(inner, f"{block}.attn.{letter}_proj")) for letter in "qkv")
        mixed = F.scaled_dot_product_attention(turned(q, grid), turned(key, grid), v)
        mixed = norm(mixed.permute(0, 2, 1, 3).flatten(2), f"{block}.attn.inner_attn_ln")
        x = x + linear(mixed, f"{block}.attn.proj")
        inner = norm(x, f"{block}.norm2")
        gate = linear(inner, f"{block}.mlp.w1")
        gated = gate * torch.sigmoid(gate) * linear(inner, f"{block}.mlp.w2")
        x = x + linear(norm(gated, f"{block}.mlp.ffn_ln"), f"{block}.mlp.w3")
    return linear(norm(x, "norm")[:, 0], "head")


def test_says_what_an_independent_one_says(state):
    torch.manual_seed(17)
    pixels = torch.randn(3, 3, 70, 70)
    with torch.inference_mode():
        wanted = independent(state, pixels, SMALL.layers, SMALL.grid)
        got = load(state, 70)(pixels)
    assert (got - wanted).abs().max() < 1e-5
    assert (got[0] - got[1]).abs().max() > 0.01
    assert not torch.allclose(got.norm(dim=1), torch.ones(3)), "inner product: not normalised"


def test_under_autocast_softmax_norms_and_gate_stay_fp32(state):
    torch.manual_seed(22)
    network, pixels = load(state, 70), torch.randn(2, 3, 70, 70)
    answer, kinds = under_autocast(lambda: network(pixels))
    assert kinds["bmm"] == {torch.float16}
    for name in (set(DELICATE) | {"silu"}) & set(kinds):
        assert kinds[name] == {torch.float32}, name
    assert "silu" in kinds
    with torch.inference_mode():
        wanted = network(pixels)
    assert answer.dtype == torch.float32
    assert F.cosine_similarity(answer, wanted).min() > 0.9999


def test_the_class_token_is_not_rotated_and_the_first_patch_stands_still(state):
    rope = load(state, 70).rope
    torch.manual_seed(18)
    x = torch.randn(1, 2, 26, 64)
    out = rope(x)
    assert torch.equal(out[:, :, :2], x[:, :, :2])
    assert (out[:, :, 2:] - x[:, :, 2:]).abs().amax(dim=3).min() > 0.1
    assert torch.allclose(out.norm(dim=3), x.norm(dim=3), atol=1e-5)


def stock(state):
    """The same weights as an older file would hold them: another grid, older names of biases."""
    torch.manual_seed(19)
    old = {}
    for key, tensor in state.items():
        key = key.replace("q_proj.bias", "q_bias").replace("v_proj.bias", "v_bias")
        old[f"visual.{key}"] = torch.zeros(9, 64) if "rope." in key else tensor
    old["visual.pos_embed"] = torch.randn(1, 1 + 9, 128)
    old["text.transformer.resblocks.0.attn.in_proj_bias"] = torch.zeros(3)
    old["logit_scale"] = torch.tensor(4.6)
    return old


@pytest.mark.parametrize("shape", [(1, 1 + 10, 128), (1, 1, 10, 128)])
def test_positions_on_no_square_grid_are_refused(state, shape):
    with pytest.raises(CheckpointError, match="pos_embed"):
        load(stock(state) | {"visual.pos_embed": torch.zeros(shape)}, 70)


def test_stock_files_are_interpolated_to_the_finer_grid(state):
    old = stock(state)
    network = load(old, 70)
    square = old["visual.pos_embed"][0, 1:].T.reshape(1, 128, 3, 3)
    # torch's bicubic is Keys' kernel with a = -0.75; here as a sum over four rows and columns.
    wanted = torch.zeros(1, 128, 5, 5)
    for r in range(5):
        for c in range(5):
            y, x = ((k + 0.5) * 3 / 5 - 0.5 for k in (r, c))
            for i in range(int(np.floor(y)) - 1, int(np.floor(y)) + 3):
                for j in range(int(np.floor(x)) - 1, int(np.floor(x)) + 3):
                    weight = keys(y - i) * keys(x - j)
                    wanted[0, :, r, c] += (
                        weight * square[0, :, min(max(i, 0), 2), min(max(j, 0), 2)]
                    )
    got = network.pos_embed[0, 1:].T.reshape(1, 128, 5, 5)
    assert (got - wanted).abs().max() < 1e-5
    assert torch.equal(network.pos_embed[:, 0], old["visual.pos_embed"][:, 0])
    assert torch.equal(network.blocks[1].attn.q_proj.bias, state["blocks.1.attn.q_proj.bias"])
    assert torch.equal(network.rope.freqs_cos, state["rope.freqs_cos"]), "recomputed"


def keys(distance, a=-0.75):
    d = abs(distance)
    if d < 1:
        return (a + 2) * d**3 - (a + 3) * d**2 + 1
    return a * (d**3 - 5 * d**2 + 8 * d - 4) if d < 2 else 0.0


def wild(state):
    whole = {f"visual.{key}": tensor for key, tensor in state.items()}
    rest = {
        "text.projection.0.weight": torch.ones(4),
        "text.model.layers.0.self_attn.q_proj.lora_A.llm2clip.weight": torch.ones(2, 2),
        "logit_scale": torch.tensor(4.6),
    }
    return {
        "tower alone": state,
        "whole model": {**whole, **rest},
        "DeepSpeed": {f"module.{key}": tensor for key, tensor in {**whole, **rest}.items()},
        "no tables": {k: t for k, t in whole.items() if "rope." not in k},
        "bf16": {k: t.bfloat16() for k, t in whole.items()},
    }


@pytest.mark.parametrize("form", list(wild({})))
def test_checkpoints_in_the_wild(state, form):
    torch.manual_seed(20)
    pixels = torch.randn(2, 3, 70, 70)
    network = load(wild(state)[form], 70)
    assert {tensor.dtype for tensor in network.state_dict().values()} == {torch.float32}
    with torch.inference_mode():
        error = (network(pixels) - load(state, 70)(pixels)).abs().max()
    assert error < (0.1 if form == "bf16" else 1e-6)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda s: s.pop("blocks.1.mlp.ffn_ln.bias"), "1 keys missing (blocks.1.mlp.ffn_ln.bias)"),
        (lambda s: s.pop("head.weight"), "head.weight missing"),
        (
            lambda s: s.update({"blocks.0.gamma_1": torch.ones(128)}),
            "1 unknown (blocks.0.gamma_1)",
        ),
        (
            lambda s: s.update({"rope.freqs_cos": s["rope.freqs_cos"] * 0.5}),
            "rope.freqs_cos rotates otherwise",
        ),
        (
            lambda s: s.update({"patch_embed.proj.weight": torch.zeros(96, 3, 14, 14)}),
            "96 channels",
        ),
        (lambda s: s.clear(), "not a llm2clip4cxr-vision checkpoint"),
    ],
)
def test_what_does_not_fit_is_refused_in_one_line(state, change, words):
    changed = dict(state)
    change(changed)
    with pytest.raises(CheckpointError) as refused:
        load(changed, 70)
    assert words in str(refused.value)
    assert "\n" not in str(refused.value)


def test_a_shard_is_refused(tmp_path):
    with pytest.raises(CheckpointError, match="DeepSpeed shard"):
        export_spec(tmp_path / "mp_rank_00_model_states.pt")


def test_exports_at_reduced_size(state):
    graph = GraphSpec("image", load(state, 70), ("pixels",), ("embedding",), smooth_pictures(3, 70))
    content = trace(graph).model
    agree(graph, content)
    used = operators(content)
    assert used.count("LayerNormalization") == 4 * SMALL.layers + 1
    assert not {"ReduceMean", "Cast"} & set(used)
    assert not {"Sin", "Cos"} & set(used), "the rotation is a constant"
    # One table serves all blocks, and queries and keys.
    tables = [
        t for t in onnx.load_from_string(content).graph.initializer if t.dims[-2:] == [25, 64]
    ]
    assert len(tables) == 2


def test_specification(state, tmp_path):
    torch.save({f"visual.{k}": t for k, t in state.items()}, tmp_path / "llm2clip4cxr.bin")
    spec = export_spec(tmp_path / "llm2clip4cxr.bin")
    assert (spec.metric, spec.dimension) == ("inner_product", 24)
    (graph,) = spec.graphs
    (pixels,) = graph.samples(1, np.random.default_rng(21))
    assert pixels.shape == (1, 3, 448, 448)
    with torch.inference_mode():
        assert graph.module(torch.from_numpy(pixels)).shape == (1, 24)


def reference(stored):
    grey = cv2.equalizeHist(eight_bits(stored))
    small = centre(shortest(grey, 448, Image.Resampling.BICUBIC), 448).astype(np.float32) / 255
    mean = np.array([0.48145466, 0.4578275, 0.40821073])[:, None, None]
    deviation = np.array([0.26862954, 0.26130258, 0.27577711])[:, None, None]
    return ((small[None] - mean) / deviation)[None]


@pytest.mark.parametrize("turn", [False, True], ids=["wide", "high"])
def test_recipe_on_an_odd_picture(turn):
    stored = wide_picture()
    stored = np.ascontiguousarray(stored.T) if turn else stored
    got = apply(RECIPE, source(stored))
    assert got.shape == (1, 3, 448, 448)
    assert np.abs(got - reference(stored)).max() < 1e-5


def test_recipe_on_a_radiograph(shared_data):
    stored = radiograph(shared_data)
    assert np.abs(apply(RECIPE, source(stored)) - reference(stored)).max() < 1e-5


def test_recipe_of_a_negative():
    """MONOCHROME1 is turned over after the 8 bits and before the equalisation."""
    stored = wide_picture()
    grey = cv2.equalizeHist(255 - eight_bits(stored))
    small = centre(shortest(grey, 448, Image.Resampling.BICUBIC), 448).astype(np.float32) / 255
    got = apply(RECIPE, source(stored, inverted=True))[0, 0]
    assert np.abs(got - (small - 0.48145466) / 0.26862954).max() < 1e-5


def test_only_the_image_tower_is_read(state):
    assert under("visual.", wild(state)["whole model"]).keys() == state.keys()
    assert read(wild(state)["whole model"], 70) == SMALL
