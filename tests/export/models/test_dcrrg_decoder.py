"""The DCRRG decoder against torch's own TransformerDecoder, in torch, in ONNX and in the loop."""

from collections import Counter
from dataclasses import replace

import numpy as np
import onnx
import pytest
import torch
from image_towers import randomise
from torch import nn
from torch.nn import functional as F

from cxr_edge.decoding import CachedDecoder
from cxr_edge.engines import onnxruntime_cpu
from cxr_edge.errors import CheckpointError
from cxr_edge.export.models.dcrrg_decoder import (
    Decoder,
    DecoderConfig,
    Prefill,
    Step,
    export_spec,
    graphs,
    load,
    read,
)
from cxr_edge.export.models.dcrrg_image import ImageConfig, PromptedImage
from cxr_edge.export.models.plain_resnet import TrunkConfig
from cxr_edge.export.precision import trace

SMALL = DecoderConfig(
    width=128,
    hidden=160,
    layers=2,
    vocabulary=23,
    memory=40,
    projected=True,
    positions=12,
    prefix=3,
)
START, END = 1, 2


def weights(config: DecoderConfig, seed: int) -> dict[str, torch.Tensor]:
    """Random weights, large enough that the likeliest token changes from step to step."""
    torch.manual_seed(seed)
    state = {}
    for key, tensor in Decoder(config).state_dict().items():
        if "norm" in key:
            state[key] = torch.randn(tensor.shape) * 0.1 + float(key.endswith("weight"))
        elif key.startswith(("embedding", "position", "prefix", "head.weight")):
            state[key] = torch.randn(tensor.shape) * (0.1 if key.startswith("head") else 1.0)
        else:
            state[key] = torch.randn(tensor.shape) * 0.12
    state["head.bias"][END] += 2.0  # some sequences end before the limit
    return state


@pytest.fixture(scope="module")
def state():
    return weights(SMALL, 4)


def reference(state: dict[str, torch.Tensor], config: DecoderConfig) -> nn.TransformerDecoder:
    layer = nn.TransformerDecoderLayer(
        config.width, config.width // 64, config.hidden, dropout=0.0, batch_first=True
    )
    decoder = nn.TransformerDecoder(layer, config.layers)
    decoder.load_state_dict({k: v for k, v in state.items() if k.startswith("layers.")})
    return decoder.eval()


def whole(state, config, memory: torch.Tensor, tokens: torch.Tensor) -> torch.Tensor:
    """Logits (N, T, V) of whole sequences by torch's decoder, without a cache or a prefix."""
    x = state["embedding.weight"][tokens]
    if config.positions:
        x = x + state["position.weight"][: tokens.shape[1]]
    if config.projected:
        memory = F.linear(memory, state["memory.weight"], state["memory.bias"])
    mask = nn.Transformer.generate_square_subsequent_mask(tokens.shape[1])
    with torch.inference_mode():
        seen = reference(state, config)(x, memory, tgt_mask=mask, tgt_is_causal=True)
    return F.linear(seen, state["head.weight"], state["head.bias"])


def with_prefix(state, config, memory: torch.Tensor, tokens: torch.Tensor) -> torch.Tensor:
    """The same with the prefix's keys and values concatenated before those of the tokens."""
    heads, length = config.width // 64, tokens.shape[1]
    x = state["embedding.weight"][tokens]
    if config.positions:
        x = x + state["position.weight"][:length]
    memory = F.linear(memory, state["memory.weight"], state["memory.bias"])
    open_ = torch.ones(length, config.prefix, dtype=torch.bool)
    visible = torch.cat([open_, torch.ones(length, length, dtype=torch.bool).tril()], dim=1)

    def split(y):
        return y.view(*y.shape[:2], heads, 64).transpose(1, 2)

    def attend(name, x, y, before, mask):
        q, k, v = (
            F.linear(z, w, b)
            for z, w, b in zip(
                (x, y, y),
                state[f"{name}.in_proj_weight"].chunk(3),
                state[f"{name}.in_proj_bias"].chunk(3),
                strict=True,
            )
        )
        if before is not None:
            k, v = (
                torch.cat([b.expand(len(x), -1, -1), z], 1)
                for b, z in zip(before, (k, v), strict=True)
            )
        mixed = F.scaled_dot_product_attention(split(q), split(k), split(v), attn_mask=mask)
        mixed = mixed.transpose(1, 2).flatten(2)
        return F.linear(mixed, state[f"{name}.out_proj.weight"], state[f"{name}.out_proj.bias"])

    def norm(name, x):
        return F.layer_norm(x, (config.width,), state[f"{name}.weight"], state[f"{name}.bias"])

    for k in range(config.layers):
        at = f"layers.{k}"
        slots = state["prefix"].view(config.prefix, 2 * config.layers, config.width)
        before = (slots[:, 2 * k], slots[:, 2 * k + 1])
        x = norm(f"{at}.norm1", x + attend(f"{at}.self_attn", x, x, before, visible))
        x = norm(f"{at}.norm2", x + attend(f"{at}.multihead_attn", x, memory, None, None))
        hidden = F.relu(F.linear(x, state[f"{at}.linear1.weight"], state[f"{at}.linear1.bias"]))
        out = F.linear(hidden, state[f"{at}.linear2.weight"], state[f"{at}.linear2.bias"])
        x = norm(f"{at}.norm3", x + out)
    return F.linear(x, state["head.weight"], state["head.bias"])


def stepwise(decoder: Decoder, memory: torch.Tensor, tokens: torch.Tensor) -> torch.Tensor:
    prefill, step = Prefill(decoder).eval(), Step(decoder).eval()
    with torch.inference_mode():
        logits, keys, values, *cross = prefill(memory, tokens[:, 0])
        answers = [logits]
        for k in range(1, tokens.shape[1]):
            position = torch.full((len(tokens),), k)
            logits, keys, values = step(tokens[:, k], position, keys, values, *cross)
            answers.append(logits)
    return torch.stack(answers, 1)


def sequences(config: DecoderConfig, seed: int, length: int):
    chance = torch.Generator().manual_seed(seed)
    memory = torch.randn(4, 5, config.memory, generator=chance)
    return memory, torch.randint(config.vocabulary, (4, length), generator=chance)


@pytest.mark.parametrize(
    "config",
    [
        replace(SMALL, prefix=0),
        replace(SMALL, prefix=0, positions=0),
        replace(SMALL, prefix=0, memory=128, projected=False, layers=1),
    ],
)
def test_steps_equal_torchs_decoder_on_the_whole_sequence(config):
    state = weights(config, 5)
    memory, tokens = sequences(config, 6, 12)
    got = stepwise(load(state), memory, tokens)
    assert (got - whole(state, config, memory, tokens)).abs().max() < 1e-5


def test_prefix_as_initial_cache_equals_the_concatenated_prefix(state):
    memory, tokens = sequences(SMALL, 7, 12)
    got = stepwise(load(state), memory, tokens)
    wanted = with_prefix(state, SMALL, memory, tokens)
    assert (got - wanted).abs().max() < 1e-5
    blank = dict(state, prefix=torch.zeros_like(state["prefix"]))
    assert (got - with_prefix(blank, SMALL, memory, tokens)).abs().max() > 1e-2


def test_the_references_agree_where_there_is_no_prefix(state):
    memory, tokens = sequences(SMALL, 8, 9)
    empty = replace(SMALL, prefix=0)
    bare = dict(state, prefix=state["prefix"][:0])
    wanted = whole(state, empty, memory, tokens)
    assert (with_prefix(bare, empty, memory, tokens) - wanted).abs().max() < 1e-5


def test_published_size():
    """Hidden size 512 and 8 heads, two layers; 768 numbers an embedding, a vocabulary of 28,996."""
    paper = DecoderConfig(512, 2048, 2, 28_996, 768, True, 0, 0)
    with torch.device("meta"):
        decoder = Decoder(paper)
        layer = nn.TransformerDecoderLayer(512, 8, 2048)
        wanted = {
            **nn.TransformerDecoder(layer, 2).state_dict(),
            **{f"embedding.{k}": v for k, v in nn.Embedding(28_996, 512).state_dict().items()},
            **{f"memory.{k}": v for k, v in nn.Linear(768, 512).state_dict().items()},
            **{f"head.{k}": v for k, v in nn.Linear(512, 28_996).state_dict().items()},
        }
    assert {k: v.shape for k, v in decoder.state_dict().items()} == {
        k: v.shape for k, v in wanted.items()
    }
    assert decoder.layers[0].self_attn.heads == 8
    assert read(wanted) == paper


@pytest.mark.parametrize("prefix", ["", "module.", "decoder.", "module.decoder."])
def test_every_form_of_checkpoint(state, prefix):
    mixed = {
        prefix + k: v.half() if "linear" in k else v.double() if "head" in k else v
        for k, v in state.items()
    }
    network = load(mixed)
    assert network.config == SMALL
    assert not network.training
    assert {p.dtype for p in network.parameters()} == {torch.float32}
    assert torch.equal(network.layers[0].norm1.weight, state["layers.0.norm1.weight"])


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda s: s.pop("layers.1.norm2.bias"), "1 keys missing (layers.1.norm2.bias)"),
        (lambda s: s.update(surplus=torch.zeros(1)), "1 unknown (surplus)"),
        (lambda s: s.update({"head.bias": torch.zeros(3)}), "head.bias is 3, expected 23"),
        (lambda s: s.update(prefix=torch.zeros(3, 9)), "prefix (3, 9)"),
        (lambda s: s.pop("embedding.weight"), "embedding.weight missing"),
        (
            lambda s: s.update({"embedding.weight": torch.zeros(23, 2, 32)}),
            "embedding.weight is 23x2x32, expected two axes",
        ),
    ],
)
def test_a_wrong_checkpoint_is_refused_in_one_line(state, change, told):
    wrong = dict(state)
    change(wrong)
    with pytest.raises(CheckpointError) as refusal:
        load(wrong)
    message = str(refusal.value)
    assert told in message
    assert "dcrrg-decoder" in message
    assert "\n" not in message


def test_no_weights_are_carried():
    with pytest.raises(CheckpointError, match="--checkpoint"):
        export_spec(None)


def prompted(dimension: int) -> PromptedImage:
    trunk = TrunkConfig(False, 8, (8, 8, 16, 24), (1, 1, 1, 1))
    network = PromptedImage(ImageConfig(trunk, dimension))
    network.load_state_dict(randomise(network, 51))
    return network.eval()


def under_image(network: PromptedImage) -> dict[str, torch.Tensor]:
    return {f"image.{key}": tensor for key, tensor in network.state_dict().items()}


def test_memory_is_the_fourteen_explicit_concatenations():
    network = prompted(40)
    pixels = torch.randn(2, 3, 64, 64, generator=torch.Generator().manual_seed(52))
    with torch.inference_mode():
        embedding, probabilities, memory = network(pixels)
        feature = network.trunk(pixels)
        for k in range(14):
            prompt = F.one_hot(torch.tensor([k, k]), 14).float()
            wanted = network.head.project(torch.cat([feature, prompt], dim=1))
            assert (memory[:, k] - wanted).abs().max() < 1e-5
        zero = network.head.project(torch.cat([feature, torch.zeros(2, 14)], dim=1))
    assert (embedding - F.normalize(zero, dim=1)).abs().max() < 1e-5
    assert probabilities.shape == (2, 14)


def test_an_image_side_the_decoder_cannot_read_is_refused(state, tmp_path):
    torch.save({**state, **under_image(prompted(24))}, tmp_path / "both.pt")
    with pytest.raises(CheckpointError, match="gives 24 numbers an embedding and the decoder"):
        export_spec(tmp_path / "both.pt")


@pytest.fixture(scope="module")
def exported(state, tmp_path_factory):
    path = tmp_path_factory.mktemp("decoder") / "decoder.pt"
    torch.save(state, path)
    assert [graph.role for graph in export_spec(path).graphs] == ["prefill", "step"]
    beside = {"log_temperature": torch.tensor(0.0), "text.body.0.bias": torch.zeros(3)}
    torch.save({**state, **under_image(prompted(40)), **beside}, path)
    spec = export_spec(path)
    assert [graph.role for graph in spec.graphs] == ["image", "prefill", "step"]
    return {graph.role: (graph, trace(graph).model) for graph in spec.graphs}


@pytest.mark.parametrize(("role", "norms"), [("image", 0), ("prefill", 6), ("step", 6)])
def test_graphs_say_what_the_reference_says(exported, role, norms):
    spec, graph = exported[role]
    model = onnx.load_from_string(graph)
    operators = Counter(node.op_type for node in model.graph.node)
    assert operators["LayerNormalization"] == norms
    assert not {"If", "Loop", "BeamSearch", "ScatterND"} & set(operators)
    assert {node.domain for node in model.graph.node} == {""}
    engine = onnxruntime_cpu.load(graph, 1)
    for size in (1, 2, 5):
        batch = spec.samples(size, np.random.default_rng(size))
        with torch.inference_mode():
            wanted = spec.module(*(torch.from_numpy(array) for array in batch))
        got = engine.run(dict(zip(spec.inputs, batch, strict=True)))
        for name, tensor in zip(spec.outputs, wanted, strict=True):
            assert got[name].shape == tuple(tensor.shape)
            assert np.abs(got[name] - tensor.numpy()).max() < 1e-5
    engine.close()


def test_the_memory_may_have_any_number_of_rows(exported, state):
    engine = onnxruntime_cpu.load(exported["prefill"][1], 1)
    network = load(state)
    for rows in (1, 14, 49):
        memory = torch.randn(2, rows, 40, generator=torch.Generator().manual_seed(rows))
        token = torch.tensor([START, START])
        with torch.inference_mode():
            wanted = Prefill(network)(memory, token)
        got = engine.run({"memory": memory.numpy(), "token": token.numpy()})
        assert np.abs(got["logits"] - wanted[0].numpy()).max() < 1e-5
        assert got["cross_keys"].shape == (2, 2, 2, rows, 64)
    engine.close()


def naive_search(state, config, memory: torch.Tensor, beams: int) -> tuple[list[int], float]:
    """Beam search that computes every prefix anew with the concatenated P-Tuning prompt."""
    alive = [([START], 0.0)]
    done: list[tuple[list[int], float]] = []
    for _ in range(config.limit):
        grown = []
        for tokens, total in alive:
            logits = with_prefix(state, config, memory[None], torch.tensor([tokens]))[0, -1]
            for token, log in enumerate(torch.log_softmax(logits.double(), 0).tolist()):
                grown.append(([*tokens, token], total + log))
        grown.sort(key=lambda entry: -entry[1])
        done += [entry for entry in grown[:beams] if entry[0][-1] == END]
        alive = [entry for entry in grown if entry[0][-1] != END][:beams]
        if done and max(total for _, total in done) >= alive[0][1]:
            break
    else:
        done += alive
    tokens, total = max(done, key=lambda entry: entry[1])
    return [token for token in tokens[1:] if token != END], total


@pytest.mark.parametrize("beams", [1, 3])
def test_the_loop_over_both_graphs_finds_the_tokens_of_a_naive_search(exported, state, beams):
    engines = {role: onnxruntime_cpu.load(graph, 1) for role, (_, graph) in exported.items()}
    decoder = CachedDecoder(engines["prefill"], engines["step"], START, END, SMALL.limit, beams)
    memory = torch.randn(6, 14, 40, generator=torch.Generator().manual_seed(9)) * 2
    (pixels,) = exported["image"][0].samples(1, np.random.default_rng(9))
    memory[0] = torch.from_numpy(engines["image"].run({"pixels": pixels})["memory"][0])
    found = decoder.decode(memory.numpy())
    lengths = set()
    for row, result in zip(memory, found, strict=True):
        tokens, total = naive_search(state, SMALL, row, beams)
        assert list(result.tokens) == tokens
        assert result.score == pytest.approx(total, abs=1e-4)
        lengths.add(len(tokens))
    assert len(lengths) > 1  # some end early, so that rows leave the batch
    for engine in engines.values():
        engine.close()


def test_samples_are_the_graphs_inputs(state):
    for spec in graphs(load(state)):
        batch = spec.samples(3, np.random.default_rng(0))
        assert [len(array) for array in batch] == [3] * len(spec.inputs)
