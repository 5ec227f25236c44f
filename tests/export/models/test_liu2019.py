"""Liu 2019: published keys of both variants, torch's LSTMs, checkpoints, export, loop, recipe."""

import re
from dataclasses import replace

import cv2
import numpy as np
import onnx
import pytest
import torch
from image_towers import (
    centre,
    eight_bits,
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
from torch import nn
from torch.nn import functional as F

from cxr_edge.decoding import SentenceDecoder
from cxr_edge.engines import onnxruntime_cpu
from cxr_edge.errors import CheckpointError
from cxr_edge.export.models import liu2019
from cxr_edge.export.models.defaults import smooth_pictures
from cxr_edge.export.models.densenet import DenseConfig, DenseFeatures, by_position
from cxr_edge.export.models.liu2019 import RECIPE, Writer, WriterConfig, export_spec, load, read
from cxr_edge.export.precision import trace
from cxr_edge.preprocess import apply

DENSE = DenseConfig(stem=8, growth=4, bottleneck=8, counts=(1, 2, 2, 1))
PLAIN = WriterConfig(DENSE, 24, 20, 19, 49, second=True, whole=False, slots=1)
MERGED = replace(PLAIN, second=False, whole=True, slots=3)
VARIANTS = [PLAIN, MERGED]
START, END = 1, 3


def weights(config: WriterConfig) -> dict[str, torch.Tensor]:
    """Random, but calibrated so that the words and the stop depend on the picture."""
    state = randomise(Writer(config), 41)
    steep = {"embeddings": 6, "word_dense": 3, "vs_att_h": 8, "lstm_word": 2}
    steep |= {"image_proj": 0.12, "lstm_sent": 4}
    for key, tensor in state.items():
        if key.split(".")[0] in steep and ".bias" not in key:
            state[key] = tensor * steep[key.split(".")[0]]
    with torch.inference_mode():
        means = densenet(under("image_feats.", state), pictures(4)).mean((2, 3))
    state["stop_dense.bias"] = state["stop_dense.bias"] - 0.15
    last = "image_feats.11."
    state[last + "weight"] = state[last + "weight"] / means.std(0)
    state[last + "bias"] = (state[last + "bias"] - means.mean(0)) / means.std(0)
    return state


@pytest.mark.parametrize(
    ("name", "count", "sizes"),
    [
        ("liu2019-ifcc-cnnrnnrnn", 9_933_490, (256, True, False, 1)),
        ("liu2019-ifcc-cnnrnnrnn-train-defaults", 16_189_362, (512, False, True, 3)),
    ],
)
def test_keys_and_count_as_published(name, count, sizes):
    tensors, told = published(name)
    network = load(tensors)
    config = network.config
    assert shapes(network.state_dict()) == shapes(tensors)
    assert sum(p.numel() for p in network.parameters()) == told == count
    assert (config.width, config.second, config.whole, config.slots) == sizes
    assert config.vocabulary == 1000
    assert config.dense.features == 1024


def test_features_are_the_published_densenet121():
    tensors, _ = published("densenet121-torchvision")
    with torch.device("meta"):
        features = DenseFeatures(DenseConfig(64, 32, 128, (6, 12, 24, 16)))
    assert shapes(features.state_dict()) == shapes(by_position(tensors))


def densenet(state: dict[str, torch.Tensor], x: torch.Tensor) -> torch.Tensor:
    """DenseNet's features straight from the paper, in plain functions over positional keys."""

    def norm_relu(x, name, relu=True):
        p = [state[f"{name}.{k}"] for k in ("running_mean", "running_var", "weight", "bias")]
        x = F.batch_norm(x, *p, training=False)
        return x.relu() if relu else x

    x = F.conv2d(x, state["0.weight"], stride=2, padding=3)
    x = F.max_pool2d(norm_relu(x, "1"), 3, 2, 1)
    for block in (4, 6, 8, 10):
        seen = [x]
        for k in sorted(
            {
                int(re.search(r"\d+$", key.split(".")[1])[0])
                for key in state
                if key.startswith(f"{block}.")
            }
        ):
            at = f"{block}.denselayer{k}"
            y = F.conv2d(norm_relu(torch.cat(seen, 1), f"{at}.norm1"), state[f"{at}.conv1.weight"])
            y = F.conv2d(norm_relu(y, f"{at}.norm2"), state[f"{at}.conv2.weight"], padding=1)
            seen.append(y)
        x = torch.cat(seen, 1)
        if block < 10:
            at = f"{block + 1}"
            x = F.conv2d(norm_relu(x, f"{at}.norm"), state[f"{at}.conv.weight"])
            x = F.avg_pool2d(x, 2)
    return norm_relu(x, "11", relu=False)


class Reference:
    """The network on a study of one picture, with torch's own LSTM modules and explicit slots."""

    def __init__(self, state, config):
        self.s, self.config = state, config
        width = config.width
        self.words = nn.LSTMCell(2 * width + config.embedding, width)
        self.words.load_state_dict(under("lstm_word.", state))
        self.sentences = nn.LSTM(width, width) if config.whole else nn.LSTMCell(width, width)
        self.sentences.load_state_dict(under("lstm_sent.", state))

    def linear(self, name, x):
        return F.linear(x, self.s[f"{name}.weight"], self.s.get(f"{name}.bias"))

    def encode(self, pixels):
        """Grids (N, slots, 49, d) and the merged mean (N, d)."""
        cells = densenet(under("image_feats.", self.s), pixels).flatten(2).transpose(1, 2)
        if self.config.second:
            grid = self.linear("image_proj", cells).relu()
            mean = self.linear("image_proj2", cells).mean(1).relu()
        else:
            grid = self.linear("image_proj", cells)
            mean = grid.mean(1)
        empty = self.config.slots - 1
        grids = torch.stack([grid, *[torch.zeros_like(grid)] * empty], 1)
        means = torch.stack([mean, *[torch.zeros_like(mean)] * empty], 1)
        return grids, means.amax(1)

    def topics(self, mean, count):
        """Topics (N, count, d) and stop probabilities (N, count)."""
        if self.config.whole:
            out = self.sentences(mean.expand(count, *mean.shape))[0].transpose(0, 1)
        else:
            states, state = [], None
            for _ in range(count):
                state = self.sentences(mean, state)
                states.append(state[0])
            out = torch.stack(states, 1)
        return self.linear("topic_dense", out).relu(), self.linear("stop_dense", out)[
            ..., 0
        ].sigmoid()

    def word(self, token, mean, topic, grids, state):
        hidden, _ = state
        x = torch.cat([mean, topic, self.s["embeddings.weight"][token]], 1)
        gate = (self.linear("vs_dense1", x) + self.linear("vs_dense2", hidden)).sigmoid()
        asked = self.linear("vs_att_g", hidden)
        new, cell = self.words(x, state)
        sentinel = gate * cell.tanh()
        own = self.linear("vs_att_s", sentinel) + self.linear("vs_att_g", new)
        own = self.linear("vs_att_h", own.tanh())
        seen, shares, maps = [], [], []
        for slot in range(grids.shape[1]):
            grid = grids[:, slot]
            scores = self.linear(
                "vs_att_h", (self.linear("vs_att_v", grid) + asked[:, None]).tanh()
            )
            scores = scores.squeeze(-1)
            seen.append(torch.einsum("ng,ngd->nd", scores.softmax(1), grid))
            maps.append(torch.cat([scores, own], 1).softmax(1))
            shares.append(maps[-1][:, -1:])
        share, best = torch.stack(shares).amin(0), torch.stack(seen).amax(0)
        context = share * sentinel + (1 - share) * best
        return self.linear("word_dense", context + new), (new, cell), maps[0]

    def after(self, tokens, mean, topic, grids):
        """Logits and attention after a start and some words of one sentence, from nothing."""
        state = (torch.zeros(1, self.config.width),) * 2
        for token in tokens:
            logits, state, attention = self.word(torch.tensor([token]), mean, topic, grids, state)
        return logits[0], attention[0]

    def write(self, pixels, sentences, words, beams):
        """Reports by a beam search that runs every hypothesis anew from its first word."""
        reports, maps = [], []
        grids, means = self.encode(pixels)
        topics, stops = self.topics(means, sentences)
        for n in range(len(pixels)):
            report = []
            for topic, stop in zip(topics[n], stops[n], strict=True):
                if stop > 0.5:
                    break
                one = (means[n : n + 1], topic[None], grids[n : n + 1])
                report.append(self.search(one, words, beams))
                maps.append(self.after([START, *report[-1]][:-1] or [START], *one)[1])
            reports.append(report)
        return reports, maps

    def search(self, one, limit, beams):
        alive, done = [([], 0.0)], []
        for _ in range(limit):
            grown = [
                ([*tokens, token], total + log)
                for tokens, total in alive
                for token, log in enumerate(
                    self.after([START, *tokens], *one)[0].double().log_softmax(0).tolist()
                )
            ]
            grown.sort(key=lambda entry: -entry[1])
            done += [entry for entry in grown[:beams] if entry[0][-1] == END]
            alive = [entry for entry in grown if entry[0][-1] != END][:beams]
            if done and max(total for _, total in done) >= alive[0][1]:
                break
        else:
            done += alive
        return [t for t in max(done, key=lambda entry: entry[1])[0] if t != END]


def pictures(count: int) -> torch.Tensor:
    return torch.from_numpy(smooth_pictures(3, 224)(count, np.random.default_rng(42))[0]) * 2


@pytest.mark.parametrize("config", VARIANTS, ids=["plain", "merged"])
def test_numbers_are_those_of_torchs_lstms(config):
    state = weights(config)
    writer, reference = load(state), Reference(state, replace(config))
    assert writer.config == config
    image, sentence, word = (graph.module for graph in liu2019.graphs(writer))
    with torch.inference_mode():
        _, mean, grid = image(pictures(2))
        grids, merged = reference.encode(pictures(2))
        assert (grid - grids[:, 0]).abs().max() < 1e-5
        assert (mean - merged).abs().max() < 1e-5
        topics, stops = reference.topics(merged, 3)
        hidden, cell = torch.zeros(2, 24), torch.zeros(2, 24)
        for k in range(3):
            topic, stop, hidden, cell = sentence(mean, hidden, cell)
            assert (topic - topics[:, k]).abs().max() < 1e-5
            assert (stop - stops[:, k]).abs().max() < 1e-5
        state, hidden, cell = (torch.zeros(2, 24),) * 2, torch.zeros(2, 24), torch.zeros(2, 24)
        for tokens in ([START, START], [7, 4], [12, 18]):
            token = torch.tensor(tokens)
            logits, hidden, cell, attention = word(token, mean, topic, grid, hidden, cell)
            wanted, state, share = reference.word(token, merged, topics[:, 2], grids, state)
            assert (logits - wanted).abs().max() < 1e-5
            assert (attention - share).abs().max() < 1e-5
            assert (attention.sum(1) - 1).abs().max() < 1e-5


@pytest.mark.parametrize("config", VARIANTS, ids=["plain", "merged"])
def test_every_form_of_checkpoint(config):
    state = weights(config)
    old = {
        re.sub(r"(denselayer\d+\.(?:norm|conv))(\d)\.", r"\1.\2.", k): v for k, v in state.items()
    }
    for form in (
        state,
        {f"module.{k}": v for k, v in state.items()},
        {k: v for k, v in state.items() if "num_batches" not in k},
        {k: v.half() if k.startswith("lstm") else v for k, v in state.items()},
        old,
    ):
        writer = load(form)
        assert read(form) == config
        assert not writer.training  # dropout and batch statistics are off
        assert {p.dtype for p in writer.parameters()} == {torch.float32}
        assert torch.equal(writer.word_dense.weight, state["word_dense.weight"])


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda s: s.pop("image_feats.4.denselayer1.norm2.bias"), "1 keys missing (image_feats.4"),
        (lambda s: s.update({"att_z_a.weight": torch.zeros(1, 50)}), "1 unknown (att_z_a.weight)"),
        (lambda s: s.update({"lstm_sent.weight_ih": torch.zeros(96, 27)}), "view position"),
        (lambda s: s.update({"lstm_word.weight_ih": torch.zeros(96, 44)}), "topic as state"),
        (lambda s: s.pop("vs_att_v.weight"), "vs_att_v.weight missing"),
        (lambda s: s.pop("image_feats.0.weight"), "0.weight missing"),
    ],
)
def test_a_wrong_checkpoint_is_refused_in_one_line(change, told):
    wrong = weights(PLAIN)
    change(wrong)
    with pytest.raises(CheckpointError) as refusal:
        load(wrong)
    assert told in str(refusal.value)
    assert "liu2019" in str(refusal.value)
    assert "\n" not in str(refusal.value)


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    path = tmp_path_factory.mktemp("writer") / "model.pt"
    torch.save(weights(MERGED), path)
    spec = export_spec(path)
    assert [graph.role for graph in spec.graphs] == ["image", "sentence", "word"]
    return {graph.role: (graph, trace(graph).model) for graph in spec.graphs}


@pytest.mark.parametrize("role", ["image", "sentence", "word"])
def test_graphs_say_what_the_reference_says(exported, role):
    spec, content = exported[role]
    nodes = onnx.load_from_string(content).graph.node
    assert not {"LSTM", "Loop", "Scan", "If"} & {node.op_type for node in nodes}
    assert {node.domain for node in nodes} == {""}
    engine = onnxruntime_cpu.load(content, 1)
    for size in (1, 2, 5):
        batch = spec.samples(size, np.random.default_rng(size))
        with torch.inference_mode():
            wanted = spec.module(*(torch.from_numpy(array) for array in batch))
        got = engine.run(dict(zip(spec.inputs, batch, strict=True)))
        for name, tensor in zip(spec.outputs, wanted, strict=True):
            assert got[name].shape == tuple(tensor.shape)
            assert np.abs(got[name] - tensor.numpy()).max() < 1e-5
    engine.close()


class InTorch:
    """A graph's reference behind an engine's ``run``."""

    def __init__(self, spec):
        self.spec = spec

    def run(self, inputs):
        with torch.inference_mode():
            answer = self.spec.module(*(torch.from_numpy(inputs[n]) for n in self.spec.inputs))
        return {n: a.numpy() for n, a in zip(self.spec.outputs, answer, strict=True)}


def assert_loop_is_the_reference(config, engines, beams):
    decoder = SentenceDecoder(engines["sentence"], engines["word"], START, END, 3, 6, beams)
    seen = engines["image"].run({"pixels": pictures(4).numpy()})
    written = decoder.write(seen)
    with torch.inference_mode():
        wanted, maps = Reference(weights(config), config).write(pictures(4), 3, 6, beams)
    assert [[list(s.tokens) for s in report] for report in written] == wanted
    spoken = [sentence for report in written for sentence in report]
    assert any(sentence.tokens for sentence in spoken)
    for sentence, last in zip(spoken, maps, strict=True):
        assert len(sentence.notes) == len(sentence.tokens)
        if sentence.tokens:
            assert np.abs(sentence.notes[-1] - last.numpy()).max() < 1e-4


@pytest.mark.parametrize("beams", [1, 3])
@pytest.mark.parametrize("config", VARIANTS, ids=["plain", "merged"])
def test_the_loop_writes_what_a_naive_search_writes(config, beams):
    specs = liu2019.graphs(load(weights(config)))
    assert_loop_is_the_reference(config, {spec.role: InTorch(spec) for spec in specs}, beams)


def test_the_loop_runs_on_the_graphs(exported):
    engines = {role: onnxruntime_cpu.load(graph, 1) for role, (_, graph) in exported.items()}
    assert_loop_is_the_reference(MERGED, engines, 3)
    for engine in engines.values():
        engine.close()


class Stops:
    """A sentence graph whose third picture stops at once and whose first goes on to the end."""

    def run(self, inputs):
        count, width = inputs["mean_feature"].shape
        self.asked = [*getattr(self, "asked", []), inputs["mean_feature"][:, 0].tolist()]
        stop = np.where(inputs["mean_feature"][:, 0] == 3, 0.9, 0.5).astype(np.float32)
        zero = np.zeros((count, width), np.float32)
        return {"topic": zero, "stop": stop, "next_hidden": zero, "next_cell": zero}


class Ends:
    """A word graph that always ends."""

    def run(self, inputs):
        count, width = inputs["mean_feature"].shape
        logits = np.zeros((count, 5), np.float32)
        logits[:, END] = 9.0
        zero = np.zeros((count, width), np.float32)
        share = np.zeros((count, 50), np.float32)
        return {"logits": logits, "next_hidden": zero, "next_cell": zero, "attention": share}


def test_each_picture_stops_on_its_own():
    mean = np.array([[1.0], [2.0], [3.0]], np.float32)
    sentences = Stops()
    decoder = SentenceDecoder(sentences, Ends(), START, END, sentences=2, words=4)
    reports = decoder.write({"mean_feature": mean, "grid": np.zeros((3, 49, 1), np.float32)})
    assert [len(report) for report in reports] == [2, 2, 0]
    assert sentences.asked == [[1.0, 2.0, 3.0], [1.0, 2.0]]


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
