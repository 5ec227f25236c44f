"""The visual part of X-REM: published keys, transformers' ViT, checkpoints, export, recipe."""

import cv2
import numpy as np
import pytest
import torch
from image_towers import (
    eight_bits,
    operators,
    published,
    radiograph,
    shapes,
    source,
    under,
    wide_picture,
)
from PIL import Image
from torch.nn import functional as F
from tower_table import ALBEF, TOWERS

from cxr_edge.export.models.albef_xrem import (
    load,
    read,
    recipe,
)
from cxr_edge.preprocess import Recipe, apply


@pytest.fixture(scope="module")
def state():
    return TOWERS["albef-xrem"].state()


@pytest.mark.parametrize(
    ("size", "count", "dimension"), [(256, 86_041_600, 256), (384, 86_090_496, 768)]
)
def test_keys_and_count_as_published(size, count, dimension):
    tensors, told = published(f"albef-xrem-visual-{size}")
    config = read(tensors)
    network = load(tensors)
    assert shapes(network.state_dict()) == shapes(tensors)
    assert sum(p.numel() for p in network.parameters()) == told == count
    assert (config.size, config.dimension) == (size, dimension)
    assert network.visual_encoder.blocks[0].attn.heads == 12


def transformers_vit(state):
    from transformers import ViTConfig, ViTModel

    config = ViTConfig(
        hidden_size=ALBEF.width,
        num_hidden_layers=ALBEF.depth,
        num_attention_heads=2,
        intermediate_size=ALBEF.hidden,
        image_size=ALBEF.size,
        patch_size=ALBEF.patch,
        layer_norm_eps=1e-6,
    )
    own = under("visual_encoder.", state)
    renamed = {
        "embeddings.cls_token": own["cls_token"],
        "embeddings.position_embeddings": own["pos_embed"],
        "layernorm.weight": own["norm.weight"],
        "layernorm.bias": own["norm.bias"],
    }
    for kind in ("weight", "bias"):
        renamed[f"embeddings.patch_embeddings.projection.{kind}"] = own[f"patch_embed.proj.{kind}"]
        for k in range(ALBEF.depth):
            parts = own[f"blocks.{k}.attn.qkv.{kind}"].chunk(3)
            for name, part in zip("qkv", parts, strict=True):
                renamed[f"layers.{k}.attention.{name}_proj.{kind}"] = part
            for theirs, ours in (
                ("attention.o_proj", "attn.proj"),
                ("layernorm_before", "norm1"),
                ("layernorm_after", "norm2"),
                ("mlp.fc1", "mlp.fc1"),
                ("mlp.fc2", "mlp.fc2"),
            ):
                renamed[f"layers.{k}.{theirs}.{kind}"] = own[f"blocks.{k}.{ours}.{kind}"]
    model = ViTModel(config, add_pooling_layer=False)
    model.load_state_dict(renamed)
    return model.eval()


def test_numbers_are_those_of_transformers(state):
    pixels = torch.randn(3, 3, 64, 64, generator=torch.Generator().manual_seed(12))
    with torch.inference_mode():
        embedding, tokens = load(state)(pixels)
        wanted = transformers_vit(state)(pixels).last_hidden_state
    assert (tokens - wanted).abs().max() < 1e-5
    projected = F.linear(wanted[:, 0], state["vision_proj.weight"], state["vision_proj.bias"])
    assert (embedding - F.normalize(projected, dim=1)).abs().max() < 1e-5


def test_without_a_projection_the_class_token_is_the_embedding(state):
    matching = {k: v for k, v in state.items() if not k.startswith("vision_proj")}
    pixels = torch.randn(2, 3, 64, 64, generator=torch.Generator().manual_seed(13))
    with torch.inference_mode():
        embedding, tokens = load(matching)(pixels)
    assert torch.allclose(embedding, F.normalize(tokens[:, 0], dim=1))
    assert embedding.shape == (2, 128)


def test_normalisations_are_single_nodes(exported):
    spec, bundle = exported("albef-xrem", "fp32")
    content = bundle.read("image.onnx")
    assert operators(content).count("LayerNormalization") == 2 * ALBEF.depth + 1
    assert Recipe.from_json(spec.recipe) == recipe(64)


@pytest.mark.parametrize("size", [256, 384])
@pytest.mark.parametrize("kind", ["real", "made"])
def test_recipe_is_letterbox_then_torchs_bicubic_without_antialias(size, kind, shared_data):
    stored = radiograph(shared_data) if kind == "real" else wide_picture()
    grey = cv2.equalizeHist(eight_bits(stored))
    height, width = grey.shape
    ratio = 320 / max(height, width)
    sides = (int(width * ratio), int(height * ratio))
    small = Image.fromarray(grey).resize(sides, Image.Resampling.LANCZOS)
    box = Image.new("L", (320, 320))
    box.paste(small, ((320 - sides[0]) // 2, (320 - sides[1]) // 2))
    tensor = torch.from_numpy(np.asarray(box, np.float64))[None, None]
    last = F.interpolate(tensor, (size, size), mode="bicubic", antialias=False)
    wanted = ((last - 101.48761) / 83.43944).expand(-1, 3, -1, -1).numpy()
    got = apply(recipe(size), source(stored))
    assert got.shape == (1, 3, size, size)
    assert np.abs(got - wanted).max() < 1e-5
