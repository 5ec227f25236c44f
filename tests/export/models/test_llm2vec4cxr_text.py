"""LLM2VEC4CXR: transformers' Llama without its mask, torch's attention, adapters, two files."""

import json
import re
import shutil
import subprocess
import sys
from itertools import islice
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from half_precision import under_autocast
from image_towers import randomise
from torch import nn
from torch.nn import functional as F

from cxr_edge.bundle import Bundle
from cxr_edge.engines import load_network
from cxr_edge.errors import BundleError, CheckpointError
from cxr_edge.export import graph as graphs
from cxr_edge.export.exporter import export_bundle
from cxr_edge.export.models import llama, llm2clip4cxr_vision
from cxr_edge.export.models.eva02 import Eva02, Eva02Config, rotary_tables
from cxr_edge.export.models.llama import LlamaConfig
from cxr_edge.export.models.llm2vec4cxr_text import (
    INSTRUCTION,
    TextConfig,
    TextTower,
    export_spec,
    joined,
    load,
    read,
)
from cxr_edge.export.registry import ARCHITECTURES

SMALL = TextConfig(LlamaConfig(vocabulary=300, width=256, hidden=320, layers=2, groups=2), 20, 24)
FULL = TextConfig(LlamaConfig(128256, 2048, 8192, 16, 8), 512, 1280)
EVA = Eva02Config(image_size=448, patch=56, width=128, layers=1, hidden=50, dimension=24)


@pytest.fixture(scope="module")
def state():
    drawn = randomise(TextTower(SMALL), 51)
    # With small latents attention is even, and every text says the same.
    for key in ("latent_attn.latents", "latent_attn.multihead_attn.in_proj_weight"):
        drawn[key] *= 4
    return drawn


def language_model(state):
    """The tensors of LLM2VEC4CXR's own file."""
    return {k: t for k, t in state.items() if not k.startswith("projection.")}


def image_tower():
    weights = randomise(Eva02(EVA), 52)
    for key in weights:
        if "rope." in key:
            weights[key] = rotary_tables(EVA.grid)[0 if key.endswith("cos") else 1]
    return {f"visual.{key}": tensor for key, tensor in weights.items()}


def contrastive(state):
    """The tensors of LLM2CLIP4CXR's file, without adapters."""
    projection = {f"text.{k}": t for k, t in state.items() if k.startswith("projection.")}
    return {**image_tower(), **projection, "logit_scale": torch.tensor(4.6)}


def batch(lengths, own, seed=3):
    """Random ids padded on the left; the last of each row are pooled."""
    chance = np.random.default_rng(seed)
    places = np.arange(max(lengths))[None]
    ids = chance.integers(SMALL.llama.vocabulary, size=(len(lengths), max(lengths)))
    mask, pool = (
        (places >= max(lengths) - np.array(counts)[:, None]).astype(np.int64)
        for counts in (lengths, own)
    )
    return tuple(map(torch.from_numpy, (ids * mask, mask, pool)))


# Against transformers and torch


def reference_llama(state):
    transformers = pytest.importorskip("transformers", reason="the independent Llama")
    sizes = SMALL.llama
    config = transformers.LlamaConfig(
        vocab_size=sizes.vocabulary,
        hidden_size=sizes.width,
        intermediate_size=sizes.hidden,
        num_hidden_layers=sizes.layers,
        num_attention_heads=sizes.width // 64,
        num_key_value_heads=sizes.groups,
        rms_norm_eps=1e-5,
        max_position_embeddings=131072,
        rope_parameters={
            "rope_type": "llama3",
            "rope_theta": 500000.0,
            "factor": 32.0,
            "low_freq_factor": 1.0,
            "high_freq_factor": 4.0,
            "original_max_position_embeddings": 8192,
        },
        attn_implementation="eager",
    )
    model = transformers.LlamaModel(config).eval()
    model.load_state_dict({k[6:]: t for k, t in state.items() if k.startswith("model.")})
    return model


def test_the_language_model_is_transformers_llama_seen_from_both_sides(state):
    reference = reference_llama(state)
    ids, mask, _ = batch([5, 200, 33, 1], [1, 1, 1, 1])
    everywhere = torch.zeros(4, 1, 200, 200).masked_fill(
        mask[:, None, None, :] == 0, torch.finfo(torch.float32).min
    )
    with torch.no_grad():
        wanted = reference(ids, attention_mask=everywhere).last_hidden_state
        got = load(state).model(ids, mask)
    shown = mask.bool()
    assert (got[shown] - wanted[shown]).abs().max() < 1e-4
    assert wanted[shown].std(dim=0).mean() > 0.1
    with torch.no_grad():
        causal = reference(ids, attention_mask=mask).last_hidden_state
    assert (causal[shown] - wanted[shown]).abs().max() > 0.1, "the mask makes a difference"


def test_rotations_are_those_of_transformers(state):
    speeds = reference_llama(state).rotary_emb.inv_freq
    ours = torch.tensor(llama.rotation_speeds())
    assert ((ours - speeds).abs() / speeds).max() < 1e-6
    assert (ours / ours[0]).min() < 1e-6, "slow ones are stretched"


def by_torch(state, features, chosen):
    """Pooling and projection with torch's own attention, one text after the other."""
    width = SMALL.llama.width
    attention = nn.MultiheadAttention(width, 8, batch_first=True).eval()
    begin = "latent_attn.multihead_attn."
    attention.load_state_dict({k[len(begin) :]: t for k, t in state.items() if begin in k})
    rows = state["latent_attn.latents"][None]
    answers = []
    for feature, share in zip(features, chosen.bool(), strict=True):
        answer, _ = attention(feature[share][None], rows, rows)
        for layer, then in ((0, F.gelu), (2, lambda x: x)):
            name = f"latent_attn.mlp.{layer}"
            answer = then(F.linear(answer, state[f"{name}.weight"], state[f"{name}.bias"]))
        answers.append(answer[0].mean(dim=0))
    normed = F.layer_norm(
        torch.stack(answers), (width,), state["projection.0.weight"], state["projection.0.bias"]
    )
    return F.linear(normed, state["projection.1.weight"], state["projection.1.bias"])


def test_pooling_is_torchs_attention_over_the_text_alone(state):
    network = load(state)
    ids, mask, pool = batch([40, 12, 33, 9], [11, 3, 33, 1])
    with torch.no_grad():
        wanted = by_torch(state, network.model(ids, mask), pool)
        got = network(ids, mask, pool)
        elsewhere = network(ids, mask, mask)
    assert (got - wanted).abs().max() < 1e-4
    assert wanted.std(dim=0).mean() > 0.05
    assert (elsewhere - wanted)[[0, 1, 3]].abs().amax(dim=1).min() > 0.01


def test_padding_and_its_side_do_not_count(state):
    network = load(state)
    ids, mask, pool = batch([9, 30], [4, 8])
    with torch.no_grad():
        together = network(ids, mask, pool)[0]
        alone = network(ids[:1, -9:], mask[:1, -9:], pool[:1, -9:])[0]
        turned = [torch.roll(part[:1], -21, dims=1) for part in (ids, mask, pool)]
        right = network(*turned)[0]
    assert (together - alone).abs().max() < 1e-4
    assert (together - right).abs().max() < 1e-4


def test_what_is_delicate_stays_in_fp32(state):
    network = load(state)
    inputs = batch([20, 31], [10, 11])
    answer, kinds = under_autocast(lambda: network(*inputs))
    assert torch.float16 in kinds["bmm"] | kinds["mm"]
    for name in ("_softmax", "native_layer_norm", "rsqrt", "mean", "silu", "gelu"):
        if name in kinds and name != "gelu":
            assert kinds[name] == {torch.float32}, name
    assert {"_softmax", "rsqrt", "silu"} <= set(kinds)
    with torch.no_grad():
        wanted = network(*inputs)
    assert answer.dtype == torch.float32
    assert F.cosine_similarity(answer, wanted).min() > 0.999


# Keys, sizes and adapters


def test_the_full_size():
    with torch.device("meta"):
        network = TextTower(FULL)
    count = sum(p.numel() for p in network.parameters())
    assert count == ARCHITECTURES["llm2vec4cxr-text"].parameters
    language = sum(p.numel() for p in network.model.parameters())
    assert language == 1_235_814_400, "Llama 3.2 1B, its output layer being its input layer"
    assert read(network.state_dict()) == FULL


def test_the_projection_has_the_published_keys(published_shapes):
    published = published_shapes("llm2clip4cxr-text-projection")
    with torch.device("meta"):
        mine = TextTower(FULL).projection.state_dict()
    assert {f"text.projection.{k}": tuple(t.shape) for k, t in mine.items()} == {
        k: s for k, s in published.items() if k != "logit_scale"
    }


def test_files_in_the_wild(state):
    base, other = language_model(state), contrastive(state)
    whole = {f"text.core.{k}": t for k, t in base.items()}
    forms = {
        "two files": (other, base),
        "data parallel": ({f"module.{k}": t for k, t in other.items()}, base),
        "model without prefix": (
            other,
            {k.removeprefix("model."): t for k, t in base.items()},
        ),
        "one file, under both names": (
            {**other, **whole, **{f"text.model.{k}": t for k, t in base.items()}},
            None,
        ),
        "inside peft": (
            {
                **other,
                **{
                    re.sub(
                        r"^model\.",
                        "text.core.model.base_model.model.",
                        re.sub(r"(q_proj)\.weight", r"\1.base_layer.weight", k),
                    )
                    if k.startswith("model.")
                    else f"text.core.{k}": t
                    for k, t in base.items()
                },
            },
            None,
        ),
    }
    for name, (checkpoint, language) in forms.items():
        tensors, adapted = joined(checkpoint, language)
        assert adapted == 0, name
        assert tensors.keys() == state.keys(), name
        assert all(torch.equal(tensors[k], t) for k, t in state.items()), name


def adapters(name="llm2clip", scale=0.2):
    chance = torch.Generator().manual_seed(5)
    width, pairs = SMALL.llama.width, {}
    for k in range(SMALL.llama.layers):
        for part, rows in (("q", width), ("k", 128), ("v", 128), ("o", width)):
            place = f"text.core.model.base_model.model.layers.{k}.self_attn.{part}_proj"
            pairs[f"{place}.lora_A.{name}.weight"] = torch.randn(16, width, generator=chance)
            up = torch.randn(rows, 16, generator=chance) * scale / 16
            pairs[f"{place}.lora_B.{name}.weight"] = up
    return pairs


def test_adapters_are_added_with_alpha_32(state):
    """The adapted layer as peft computes it: W x + alpha / r * B (A x)."""
    pairs = adapters()
    tensors, adapted = joined({**contrastive(state), **pairs}, language_model(state))
    assert adapted == 4 * SMALL.llama.layers
    x = torch.randn(7, SMALL.llama.width)
    key = "model.layers.1.self_attn.k_proj.weight"
    begin = "text.core.model.base_model.model.layers.1.self_attn.k_proj"
    a, b = (pairs[f"{begin}.lora_{letter}.llm2clip.weight"] for letter in "AB")
    wanted = F.linear(x, state[key]) + 2.0 * F.linear(F.linear(x, a), b)
    assert (F.linear(x, tensors[key]) - wanted).abs().max() < 1e-4
    assert torch.equal(tensors["model.norm.weight"], state["model.norm.weight"])
    renamed = {k.replace("llm2clip", "default"): t for k, t in pairs.items()}
    again, _ = joined({**contrastive(state), **renamed}, language_model(state))
    assert torch.equal(again[key], tensors[key]), "another name, if it is the only one"


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda p: p.pop(next(iter(p))), "has no fitting pair"),
        (lambda p: p.update(adapters("one") | adapters("two")) or drop(p, "llm2clip"), "one, two"),
        (
            lambda p: p.update({"text.core.model.layers.0.lora_magnitude_vector": torch.ones(3)}),
            "adapter of another kind",
        ),
        (
            lambda p: p.update(
                {k.replace("layers.0", "layers.9"): t for k, t in p.items() if "layers.0" in k}
            ),
            "layers.9.self_attn.q_proj",
        ),
    ],
)
def test_adapters_that_do_not_fit_are_refused(state, change, words):
    pairs = adapters()
    change(pairs)
    with pytest.raises(CheckpointError, match=re.escape(words)) as refused:
        joined({**contrastive(state), **pairs}, language_model(state))
    assert "\n" not in str(refused.value)


def drop(pairs, name):
    for key in [key for key in pairs if name in key]:
        del pairs[key]


# Export


@pytest.fixture(scope="module")
def files(state, tmp_path_factory):
    folder = tmp_path_factory.mktemp("llm2vec")
    torch.save({**contrastive(state), **adapters()}, folder / "llm2clip4cxr.bin")
    torch.save(
        {k: t.bfloat16() for k, t in language_model(state).items()}, folder / "pytorch_model.bin"
    )
    write_tokenizer(folder / "tokenizer.json")
    return folder


def write_tokenizer(path):
    """Byte-level pairs as Llama 3's, as many as the reduced network has rows for."""
    tokenizers = pytest.importorskip("tokenizers", reason="the extra llm is not installed")
    trained = tokenizers.Tokenizer(tokenizers.models.BPE())
    trained.pre_tokenizer = tokenizers.pre_tokenizers.ByteLevel(add_prefix_space=False)
    trainer = tokenizers.trainers.BpeTrainer(
        vocab_size=SMALL.llama.vocabulary,
        special_tokens=["<|begin_of_text|>"],
        initial_alphabet=tokenizers.pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    trained.train_from_iterator([INSTRUCTION, "no effusion. the heart is normal"], trainer)
    trained.post_processor = tokenizers.processors.TemplateProcessing(
        single="<|begin_of_text|> $A", special_tokens=[("<|begin_of_text|>", 0)]
    )
    trained.save(str(path))


@pytest.fixture(scope="module")
def spec(files):
    return export_spec(
        files / "llm2clip4cxr.bin", files / "tokenizer.json", files / "pytorch_model.bin"
    )


def test_the_space_is_that_of_the_image_tower(spec, files):
    image = llm2clip4cxr_vision.export_spec(files / "llm2clip4cxr.bin")
    assert (spec.space, spec.metric, spec.dimension) == (image.space, image.metric, image.dimension)
    assert spec.metric == "inner_product"
    assert spec.provenance["adapted_layers"] == 4 * SMALL.llama.layers


@pytest.fixture(scope="module")
def bundles(spec, tmp_path_factory):
    """The network exported as if it were large."""
    folder = tmp_path_factory.mktemp("bundles")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(graphs, "LIMIT", 2**16)
        full = export_bundle(spec, folder / "full")
        half = export_bundle(spec, folder / "half", precision="fp16")
    return {"full": full, "half": half}


def test_the_gate_is_passed_with_the_weights_outside(bundles):
    for name, bundle in bundles.items():
        record = bundle.manifest["parity"]["text"]
        assert (record["status"], record["failures"]) == ("passed", []), name
        model = onnx.load_from_string(bundle.read("text.onnx"))
        assert {node.domain for node in model.graph.node} == {""}
        bundle.verify()
        assert bundle.network("text").data == "text.data"
        assert bundle.manifest["files"]["text.onnx"]["bytes"] < 2**19
    full, half = (bundles[k].manifest["files"]["text.data"]["bytes"] for k in ("full", "half"))
    assert half < 0.7 * full, "all but the table of words is halved"


@pytest.mark.parametrize("name", ["full", "half"])
def test_the_engine_says_what_torch_says(bundles, spec, name):
    engine = load_network(bundles[name], "text", "cpu", 1)
    (graph,) = spec.graphs
    for size in (1, 3):
        inputs = graph.samples(size, np.random.default_rng(size))
        with torch.inference_mode():
            wanted = graph.module(*map(torch.from_numpy, inputs)).numpy()
        got = engine.run(dict(zip(graph.inputs, inputs, strict=True)))["embedding"]
        assert np.abs(got - wanted).max() < (0.05 if name == "half" else 1e-4)
    engine.close()


def test_standard_tools_read_the_data_file(bundles, spec):
    """ONNX's own loader finds in text.data the weights that torch has."""
    model = onnx.load(bundles["full"].directory / "text.onnx")
    stored = {t.name: onnx.numpy_helper.to_array(t) for t in model.graph.initializer}
    (graph,) = spec.graphs
    embeddings = graph.module.state_dict()["model.embed_tokens.weight"].numpy()
    assert any(a.shape == embeddings.shape and (a == embeddings).all() for a in stored.values())


def test_a_changed_or_missing_data_file_is_refused(bundles, tmp_path):
    path = shutil.copytree(bundles["half"].directory, tmp_path / "out") / "text.data"
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    with pytest.raises(BundleError, match=r"text\.data is damaged: its content"):
        load_network(Bundle.load(tmp_path / "out"), "text")
    path.write_bytes(content[:-4])
    with pytest.raises(BundleError, match=r"text\.data is damaged: its size"):
        Bundle.load(tmp_path / "out")
    path.unlink()
    with pytest.raises(BundleError, match=r"text\.data is missing"):
        Bundle.load(tmp_path / "out")


def run(*command: object) -> "subprocess.CompletedProcess[str]":
    script, *arguments = map(str, command)
    program = Path(sys.executable).with_name(script)
    return subprocess.run([str(program), *arguments], capture_output=True, text=True)


def test_from_two_bundles_to_a_draft(bundles, files, tmp_path, shared_data):
    """The text bundle embeds 50 Open-I reports, the image bundle drafts from them."""
    studies = map(json.loads, (shared_data / "openi" / "studies.jsonl").read_text().splitlines())
    reports = [
        {"uid": s["uid"], "findings": s.get("findings") or "", "impression": s["impression"]}
        for s in islice((s for s in studies if s.get("impression")), 50)
    ]
    (tmp_path / "reports.jsonl").write_text("".join(json.dumps(r) + "\n" for r in reports))
    exported = run(
        *("cxr-export", "--model", "llm2clip4cxr-vision", "--out", tmp_path / "image"),
        *("--checkpoint", files / "llm2clip4cxr.bin"),
    )
    assert exported.returncode == 0, exported.stderr
    built = run(
        *("cxr-index", "build", tmp_path / "reports.jsonl", "--out", tmp_path / "index"),
        *("--bundle", bundles["full"].directory),
    )
    assert built.returncode == 0, built.stderr
    study = shared_data / "dicom" / "xrv_rsna_cr_pa_1024_jpegbaseline.dcm"
    chosen = ("--bundle", tmp_path / "image", "--index", tmp_path / "index")
    drafted = run("cxr-run", study, "--json", *chosen)
    assert drafted.returncode == 0, drafted.stderr
    report = json.loads(drafted.stdout)
    spoken = " ".join(f"{r['findings']} {r['impression']}" for r in reports).lower()
    assert report["impression"].split(".")[0].lower() in spoken
    index = json.loads((tmp_path / "index" / "index.json").read_text())
    assert index["metric"] == "inner_product"


def test_what_is_missing_is_said_in_one_line(files, tmp_path):
    checkpoint, base = files / "llm2clip4cxr.bin", files / "pytorch_model.bin"
    tokenizer = files / "tokenizer.json"
    large = tmp_path / "large.json"
    large.write_text('{"model": {"vocab": {"a": 300}}, "added_tokens": []}')
    for arguments, words in (
        ((checkpoint, tokenizer, None), "needs --language-model then"),
        ((checkpoint, None, base), "needs --tokenizer"),
        ((checkpoint, large, base), "has an id 300; expected"),
        ((checkpoint, base, base), "is not a tokenizer.json"),
        ((base, tokenizer, base), "projection.1.weight missing"),
        ((checkpoint, tokenizer, checkpoint), "no such layer to change"),
        ((None, tokenizer, base), "needs --checkpoint"),
    ):
        with pytest.raises(CheckpointError) as refused:
            export_spec(*arguments)
        assert words in str(refused.value)
        assert "\n" not in str(refused.value)
