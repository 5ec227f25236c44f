"""The radiology CLIPs: published keys, transformers' numbers, forms of files, graphs, pictures."""

import gzip
from collections import Counter
from itertools import product

import cv2
import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from half_precision import DELICATE, under_autocast
from PIL import Image
from radiology_clip import as_the_loader_leaves_it, made_up, small_config, transformers_towers
from torch.nn import functional as F

from cxr_edge.errors import CheckpointError
from cxr_edge.export.exporter import export_bundle
from cxr_edge.export.models import chexzero, cxr_repair_vit_b16_320, cxr_repair_vit_b32
from cxr_edge.export.models.clip import Clip, read
from cxr_edge.indexes.building.encoding import embed
from cxr_edge.preprocess import Recipe, apply
from cxr_edge.tokenizers import get_tokenizer
from cxr_edge.types import SourceImage

ARCHITECTURES = (cxr_repair_vit_b32, cxr_repair_vit_b16_320, chexzero)
B32, END = small_config(), 49407


@pytest.fixture(scope="module")
def state():
    return made_up(B32)


@pytest.fixture(scope="module")
def towers(state):
    pytest.importorskip("transformers", reason="the independent implementation of CLIP")
    return transformers_towers(B32, state)


@pytest.fixture(scope="module")
def merges(tmp_path_factory):
    """As many merges as CLIP has, of pairs of letters: enough where words do not matter."""
    symbols = [chr(code) for code in (*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100))]
    endings = [*symbols, *(symbol + "</w>" for symbol in symbols)]
    pairs = [f"{a} {b}" for a, b in product(symbols, endings)][: 49408 - 2 - 512]
    path = tmp_path_factory.mktemp("merges") / "merges.txt.gz"
    path.write_bytes(gzip.compress("\n".join(["#version: 0.2", *pairs, ""]).encode(), mtime=0))
    return path


@pytest.fixture(scope="module")
def checkpoint(state, tmp_path_factory):
    path = tmp_path_factory.mktemp("checkpoint") / "clip-imp-pretrained.pt"
    torch.save(state, path)
    return path


@pytest.fixture(scope="module")
def bundle(checkpoint, merges, tmp_path_factory):
    spec = cxr_repair_vit_b32.export_spec(checkpoint, merges)
    return export_bundle(spec, tmp_path_factory.mktemp("bundles") / "clip")


def pixels(count, size=224, seed=1):
    source = np.random.default_rng(seed)
    return source.standard_normal((count, 3, size, size)).astype(np.float32)


def ids(lengths, seed=2):
    """Texts of the given numbers of ids, zeros after the end."""
    rows = np.random.default_rng(seed).integers(1, 49406, (len(lengths), 77))
    rows[:, 0] = 49406
    for row, length in zip(rows, lengths, strict=True):
        row[length - 1] = END
        row[length:] = 0
    return rows


# Keys and sizes


@pytest.mark.parametrize(
    ("module", "listed", "whole", "image"),
    [
        (cxr_repair_vit_b32, "cxr-repair-vit-b32", 151_277_313, 87_849_216),
        (chexzero, "cxr-repair-vit-b32", 151_277_313, 87_849_216),
        (cxr_repair_vit_b16_320, "cxr-repair-vit-b16-320", 150_105_089, None),
    ],
)
def test_keys_and_shapes_are_the_published_ones(module, listed, whole, image, published_shapes):
    shapes = published_shapes(listed)
    assert len(shapes) == 302
    state = {key: torch.empty(shape, device="meta") for key, shape in shapes.items()}
    network = module.load(state)
    assert {key: tuple(t.shape) for key, t in network.state_dict().items()} == shapes
    assert sum(p.numel() for p in network.parameters()) == whole
    config = module.read(state)
    assert (config.image_size, config.layers, config.text_layers) == (module.SIZE, 12, 12)
    if image is not None:
        assert sum(p.numel() for p in network.visual.parameters()) == image


def test_sizes_are_read_from_the_weights(state):
    assert cxr_repair_vit_b32.read(state) == B32


# Numbers


def test_image_embeddings_are_those_of_transformers(state, towers):
    batch = torch.from_numpy(pixels(3))
    with torch.no_grad():
        want = F.normalize(towers[0](batch).image_embeds, dim=1)
        got = cxr_repair_vit_b32.load(state).visual(batch)
    assert (got - want).abs().max() < 1e-5
    assert want.std(dim=0).mean() > 1e-2


def test_text_embeddings_are_those_of_transformers(state, towers):
    batch = torch.from_numpy(ids([2, 9, 40, 77]))
    with torch.no_grad():
        want = F.normalize(towers[1](batch).text_embeds, dim=1)
        got = cxr_repair_vit_b32.load(state)(batch)
    assert (got - want).abs().max() < 1e-5
    assert want.std(dim=0).mean() > 1e-2


def test_quickgelu_is_not_gelu(state):
    pytest.importorskip("transformers", reason="the independent implementation of CLIP")
    vision, _ = transformers_towers(B32, state, activation="gelu")
    batch = torch.from_numpy(pixels(2))
    with torch.no_grad():
        other = F.normalize(vision(batch).image_embeds, dim=1)
        got = cxr_repair_vit_b32.load(state).visual(batch)
    assert (got - other).abs().max() > 1e-3


def test_nothing_after_the_end_counts(state):
    batch = torch.from_numpy(ids([5, 30]))
    changed = batch.clone()
    changed[0, 5:] = 17
    with torch.no_grad():
        network = cxr_repair_vit_b32.load(state)
        assert (network(batch) - network(changed)).abs().max() < 1e-6
        changed[0, 3] += 1
        assert (network(batch)[0] - network(changed)[0]).abs().max() > 1e-3


@pytest.mark.parametrize("tower", ["image", "text"])
def test_half_precision_spares_what_is_delicate(tower, state):
    network = cxr_repair_vit_b32.load(state)
    picture, words = torch.from_numpy(pixels(2)), torch.from_numpy(ids([9, 30]))
    call = (lambda: network.visual(picture)) if tower == "image" else (lambda: network(words))
    got, kinds = under_autocast(call)
    assert kinds["bmm"] | kinds["addmm"] == {torch.float16}
    for name in DELICATE:
        assert kinds[name] == {torch.float32}, name
    with torch.no_grad():
        assert F.cosine_similarity(got, call()).min() > 0.9999
    assert got.dtype == torch.float32


# Forms of checkpoints


def forms(state):
    scalars = {"input_resolution": 224, "context_length": 77, "vocab_size": 49408}
    return {
        "bare": state,
        "mixed": as_the_loader_leaves_it(state),
        "data parallel": {f"module.{key}": tensor for key, tensor in state.items()},
        "wrapped": {f"model.{key}": tensor for key, tensor in state.items()},
        "archive": state | {key: torch.tensor(number) for key, number in scalars.items()},
        "half": {key: tensor.half() for key, tensor in state.items()},
        "bfloat16": {key: tensor.bfloat16() for key, tensor in state.items()},
    }


@pytest.mark.parametrize(
    "form", ["bare", "mixed", "data parallel", "wrapped", "archive", "half", "bfloat16"]
)
def test_every_form_is_read(form, state):
    stored = forms(state)[form]
    network = chexzero.load(stored)
    assert not network.training
    mine = network.state_dict()
    assert set(mine) == set(state)
    for key, tensor in stored.items():
        bare = key.removeprefix("module.").removeprefix("model.")
        if bare in mine:
            assert mine[bare].dtype == torch.float32
            assert torch.equal(mine[bare], tensor.float())


def without(state, key):
    return {k: v for k, v in state.items() if k != key}


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda s: without(s, "visual.proj"), "visual.proj missing among 61 keys"),
        (
            lambda s: without(s, "visual.transformer.resblocks.1.ln_2.bias"),
            r"1 keys missing \(visual.transformer.resblocks.1.ln_2.bias\).*expected the 62 keys",
        ),
        (
            lambda s: s | {"text_projection": torch.zeros(64, 31)},
            r"text_projection is 64x31, expected 64x32",
        ),
        (lambda s: s | {"visual.attnpool.extra": torch.zeros(1)}, r"1 unknown \(visual.attnpool"),
        (
            lambda s: s | {"visual.positional_embedding": torch.zeros(51, 128)},
            "51 image positions are not a square grid",
        ),
        (lambda s: s | {"visual.proj": torch.zeros(3)}, "another number of axes"),
        (lambda s: {}, "missing among 0 keys"),
    ],
)
def test_another_network_is_refused_in_one_line(change, said, state):
    with pytest.raises(CheckpointError, match=said) as refusal:
        cxr_repair_vit_b32.load(change(state))
    assert "\n" not in str(refusal.value)
    assert "cxr-repair-vit-b32" in str(refusal.value)


def test_another_input_size_is_refused():
    state = {k: v.to("meta") for k, v in Clip(small_config(320, 16)).state_dict().items()}
    assert read("any", state).image_size == 320
    assert cxr_repair_vit_b16_320.load(state).visual.conv1.kernel_size == (16, 16)
    with pytest.raises(CheckpointError, match="takes 320 pixels a side in patches of 16, expected"):
        cxr_repair_vit_b32.load(state)


# Export


def test_a_bundle_without_merges_has_no_text_network(checkpoint):
    spec = cxr_repair_vit_b32.export_spec(checkpoint)
    assert [graph.role for graph in spec.graphs] == ["image"]
    assert (spec.tokenizer, spec.files) == ({}, {})


def test_the_same_weights_make_the_same_space(checkpoint, state, tmp_path):
    wrapped = tmp_path / "wrapped.pt"
    torch.save({f"module.{key}": tensor for key, tensor in state.items()}, wrapped)
    spaces = {cxr_repair_vit_b32.export_spec(p).space for p in (checkpoint, wrapped)}
    assert len(spaces) == 1
    other = chexzero.export_spec(checkpoint).space
    assert other.startswith("chexzero/")


def test_what_is_not_merges_is_refused(checkpoint, tmp_path):
    (tmp_path / "merges.txt").write_text("#version\na b\n")
    for path, said in (("merges.txt", "1 merges"), ("none.txt", "No such file")):
        with pytest.raises(CheckpointError, match=said) as refusal:
            chexzero.export_spec(checkpoint, tmp_path / path)
        assert "\n" not in str(refusal.value)


def test_merges_of_another_vocabulary_are_refused(merges, tmp_path):
    torch.save(made_up(small_config(vocabulary=600)), tmp_path / "other.pt")
    with pytest.raises(CheckpointError, match="makes 49408 ids and the checkpoint has 600"):
        chexzero.export_spec(tmp_path / "other.pt", merges)


@pytest.mark.parametrize("module", ARCHITECTURES)
def test_no_weights_are_carried(module):
    with pytest.raises(CheckpointError, match=f"{module.NAME} needs --checkpoint"):
        module.export_spec(None)


@pytest.mark.parametrize("role", ["image", "text"])
def test_graphs_are_plain(role, bundle):
    graph = onnx.load_from_string(bundle.read(bundle.network(role).file)).graph
    kinds = Counter(node.op_type for node in graph.node)
    assert {node.domain for node in graph.node} <= {"", "ai.onnx"}
    assert kinds["LayerNormalization"] == 2 * 2 + {"image": 2, "text": 1}[role]
    assert kinds["Softmax"] == 2
    for stored in graph.initializer:
        values = onnx.numpy_helper.to_array(stored)
        if values.dtype == np.float32:
            assert np.abs(values).max() < 65504 / 4, stored.name


@pytest.mark.parametrize("count", [1, 2, 5])
def test_graphs_say_what_transformers_says(count, bundle, towers):
    image = onnxruntime.InferenceSession(bundle.read(bundle.network("image").file))
    text = onnxruntime.InferenceSession(bundle.read(bundle.network("text").file))
    pictures, words = pixels(count, seed=count), ids(range(3, 3 + 13 * count, 13), seed=count)
    with torch.no_grad():
        of_images = F.normalize(towers[0](torch.from_numpy(pictures)).image_embeds, dim=1)
        of_texts = F.normalize(towers[1](torch.from_numpy(words)).text_embeds, dim=1)
    (got,) = image.run(["embedding"], {"pixels": pictures})
    np.testing.assert_allclose(got, of_images, rtol=0, atol=1e-5)
    (got,) = text.run(["embedding"], {"ids": words})
    np.testing.assert_allclose(got, of_texts, rtol=0, atol=1e-5)


def test_the_bundle_knows_its_space_and_its_gates(bundle):
    assert bundle.metric == "cosine"
    assert (bundle.dimension, bundle.network("image").outputs) == (32, ("embedding",))
    assert all(gate.muted and gate.auroc is None for gate in bundle.gates)
    assert bundle.manifest["tokenizer"] == {
        "kind": "clip-bpe",
        "file": "merges.txt.gz",
        "context": 77,
    }


def test_an_index_embeds_its_sentences_with_the_bundle(bundle, towers):
    texts = ["No effusion.", "", "Heart size is normal. " * 30]
    got = embed(texts, bundle, engine="cpu", threads=1)
    tokenizer = get_tokenizer(bundle.manifest["tokenizer"], bundle.directory)
    with torch.no_grad():
        want = towers[1](torch.from_numpy(tokenizer.encode(texts)["ids"])).text_embeds
    np.testing.assert_allclose(got, F.normalize(want, dim=1), rtol=0, atol=1e-5)


# Pictures


def by_pillow_and_torch(stored, inverted, size):
    """What the authors' code does, starting from the stored values."""
    values = stored.astype(np.float64)
    levels = np.floor(255.0 * ((values - values.min()) / (values.max() - values.min())))
    levels = levels.astype(np.uint8)
    release = cv2.equalizeHist(255 - levels if inverted else levels)
    picture = Image.fromarray(release)
    ratio = 320.0 / max(picture.size)
    sides = tuple(int(side * ratio) for side in picture.size)
    square = Image.new("L", (320, 320))
    small = picture.resize(sides, Image.Resampling.LANCZOS)
    square.paste(small, ((320 - sides[0]) // 2, (320 - sides[1]) // 2))
    # In float64: torch's own float32 result is 1.5e-5 away from the exact one.
    tensor = torch.from_numpy(np.array(square, np.float64))[None].repeat(3, 1, 1)
    tensor = ((tensor - 101.48761) / 83.43944)[None]
    if size == 320:
        return tensor.numpy()
    return F.interpolate(tensor, (size, size), mode="bicubic", align_corners=False).numpy()


@pytest.mark.parametrize("module", ARCHITECTURES)
def test_pictures_are_those_of_the_released_code(module, shared_data):
    with Image.open(sorted((shared_data / "nih").glob("*.png"))[3]) as file:
        stored = np.asarray(file.convert("L"))[:, 40:980]
    got = apply(module.RECIPE, SourceImage(stored, 8))
    want = by_pillow_and_torch(stored, False, module.SIZE)
    assert got.shape == want.shape == (1, 3, module.SIZE, module.SIZE)
    assert np.abs(got - want).max() < 1e-5


@pytest.mark.parametrize("shape", [(700, 571), (333, 801), (250, 200)])
@pytest.mark.parametrize("inverted", [False, True])
def test_synthetic_pictures_are_those_of_the_released_code(shape, inverted):
    source = np.random.default_rng(7)
    coarse = source.integers(100, 4000, (12, 10)).astype(np.float32)
    smooth = cv2.resize(coarse, shape[::-1], interpolation=cv2.INTER_CUBIC)
    stored = np.clip(smooth + source.normal(0, 30, shape), 0, 4095).astype(np.uint16)
    got = apply(cxr_repair_vit_b32.RECIPE, SourceImage(stored, 12, inverted=inverted))
    assert np.abs(got - by_pillow_and_torch(stored, inverted, 224)).max() < 1e-5


def test_the_second_resize_does_not_average():
    """With antialias the picture would be another one; so would one without equalisation."""
    stored = (np.random.default_rng(8).random((400, 380)) ** 3 * 4095).astype(np.uint16)
    image = SourceImage(stored, 12)
    mine = apply(cxr_repair_vit_b32.RECIPE, image)
    plain = cxr_repair_vit_b32.RECIPE.to_json()
    smooth = {**plain, "steps": [dict(step) for step in plain["steps"]]}
    smooth["steps"][4]["antialias"] = True
    for other in (smooth, {**plain, "tone": "minmax"}):
        assert np.abs(apply(Recipe.from_json(other), image) - mine).max() > 0.1


@pytest.mark.parametrize("module", ARCHITECTURES)
def test_recipes_survive_json(module):
    assert Recipe.from_json(module.RECIPE.to_json()) == module.RECIPE
