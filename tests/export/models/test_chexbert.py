"""CheXbert: published keys, transformers' numbers, forms of files, heads by name, graph."""

import json
from collections import Counter

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from half_precision import under_autocast

from cxr_edge.errors import CheckpointError
from cxr_edge.export.models import chexbert
from cxr_edge.export.models.bert import BertConfig
from cxr_edge.export.models.chexbert import CheXbert
from cxr_edge.export.parity import check_parity
from cxr_edge.export.precision import trace
from cxr_edge.labels import OBSERVATIONS
from cxr_edge.tokenizers.wordpiece import WordPieceTokenizer

SMALL = BertConfig(vocabulary=300, positions=512, width=128, hidden=256, layers=2)
SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]"]
RELEASED = """Enlarged Cardiomediastinum, Cardiomegaly, Lung Opacity, Lung Lesion, Edema,
    Consolidation, Pneumonia, Atelectasis, Pneumothorax, Pleural Effusion, Pleural Other, Fracture,
    Support Devices, No Finding"""
"""The order of the heads as papers.md gives it."""


def made_up(seed=0):
    source = torch.Generator().manual_seed(seed)
    state = {}
    for key, tensor in CheXbert(SMALL).state_dict().items():
        drawn = torch.randn(tensor.shape, generator=source)
        if "LayerNorm" in key:
            state[key] = drawn * 0.2 + float(key.endswith("weight"))
        else:
            state[key] = drawn * 1.5 / max(tensor[0].numel(), 16) ** 0.5
    return state


@pytest.fixture(scope="module")
def state():
    return made_up()


@pytest.fixture(scope="module")
def reference(state):
    """transformers' BERT, and heads applied to its first token one after the other."""
    transformers = pytest.importorskip("transformers", reason="the independent BERT")
    config = transformers.BertConfig(
        vocab_size=SMALL.vocabulary,
        hidden_size=SMALL.width,
        num_hidden_layers=SMALL.layers,
        num_attention_heads=SMALL.width // 64,
        intermediate_size=SMALL.hidden,
        max_position_embeddings=SMALL.positions,
    )
    bert = transformers.BertModel(config).eval()
    bert.load_state_dict({k[5:]: v for k, v in state.items() if k.startswith("bert.")})

    def run(ids, mask):
        with torch.no_grad():
            first = bert(ids, attention_mask=mask).last_hidden_state[:, 0]
            heads = [
                first @ state[f"linear_heads.{n}.weight"].T + state[f"linear_heads.{n}.bias"]
                for n in range(14)
            ]
        return torch.cat(heads, dim=1).numpy(), first.numpy()

    return run


@pytest.fixture(scope="module")
def vocabulary(tmp_path_factory):
    pieces = [
        *SPECIAL,
        *"abcdefghijklmnopqrstuvwxyz.,",
        *(f"##{c}" for c in "abcdefghijklmnopqrst"),
    ]
    pieces += [f"word{n}" for n in range(SMALL.vocabulary - len(pieces))]
    path = tmp_path_factory.mktemp("vocabulary") / "vocab.txt"
    path.write_text("\n".join(pieces) + "\n")
    return path


@pytest.fixture(scope="module")
def spec(state, vocabulary, tmp_path_factory):
    path = tmp_path_factory.mktemp("checkpoint") / "chexbert.pth"
    torch.save(state, path)
    return chexbert.export_spec(path, vocabulary)


@pytest.fixture(scope="module")
def graph(spec):
    return trace(spec.graphs[0])


def batch(lengths, seed=3):
    source = np.random.default_rng(seed)
    ids = source.integers(4, SMALL.vocabulary, (len(lengths), max(lengths)))
    mask = (np.arange(max(lengths)) < np.array(lengths)[:, None]).astype(np.int64)
    return ids * mask, mask


# Keys and sizes


def test_keys_and_shapes_are_the_published_ones(published_shapes):
    shapes = published_shapes("chexbert")
    assert len(shapes) == 227
    tensors = {key: torch.empty(shape, device="meta") for key, shape in shapes.items()}
    network = chexbert.load(tensors)
    mine = {f"module.{key}": tuple(t.shape) for key, t in network.state_dict().items()}
    assert mine == shapes
    assert sum(p.numel() for p in network.parameters()) == 109_523_766
    assert chexbert.read(tensors) == BertConfig(30522, 512, 768, 3072, 12)


@pytest.mark.parametrize("listed", ["bert-base-uncased", "bio-clinicalbert"])
def test_the_encoder_has_the_keys_of_published_berts(listed, published_shapes):
    shapes = {k.removeprefix("bert."): s for k, s in published_shapes(listed).items()}
    shapes = {
        k: s for k, s in shapes.items() if not k.startswith("cls.") and "position_ids" not in k
    }
    vocabulary = shapes["embeddings.word_embeddings.weight"][0]
    with torch.device("meta"):
        bert = CheXbert(BertConfig(vocabulary, 512, 768, 3072, 12)).bert
    assert {key: tuple(t.shape) for key, t in bert.state_dict().items()} == shapes


# Heads


def test_heads_are_in_the_released_order():
    assert list(chexbert.HEADS) == [name.strip() for name in RELEASED.split(",")]


def test_columns_are_found_by_name():
    columns = chexbert.columns()
    assert list(columns) == list(OBSERVATIONS)
    assert columns["Enlarged Cardiomediastinum"] == (0, 4)
    assert columns["Pleural Effusion"] == (36, 40)
    assert columns["No Finding"] == (52, 54)
    covered = [column for first, last in columns.values() for column in range(first, last)]
    assert sorted(covered) == list(range(54))


@pytest.mark.parametrize("name", OBSERVATIONS)
def test_each_head_writes_its_own_columns(name, state):
    """A head that always says one thing says it in the columns of its name."""
    number = [n.strip() for n in RELEASED.split(",")].index(name)
    first, last = chexbert.columns()[name]
    changed = dict(state)
    changed[f"linear_heads.{number}.weight"] = torch.zeros_like(
        state[f"linear_heads.{number}.weight"]
    )
    changed[f"linear_heads.{number}.bias"] = torch.full((last - first,), 77.0)
    with torch.no_grad():
        logits, _ = chexbert.load(changed)(*map(torch.from_numpy, batch([4])))
    assert (logits == 77.0).nonzero()[:, 1].tolist() == list(range(first, last))


# Numbers


def test_logits_and_first_token_are_those_of_transformers(state, reference):
    ids, mask = map(torch.from_numpy, batch([3, 40, 17, 2]))
    with torch.no_grad():
        logits, first = chexbert.load(state)(ids, mask)
    want_logits, want_first = reference(ids, mask)
    np.testing.assert_allclose(logits, want_logits, rtol=0, atol=1e-5)
    np.testing.assert_allclose(first, want_first, rtol=0, atol=1e-5)
    assert want_logits.std(axis=0).mean() > 0.1


def test_padding_does_not_count(state):
    ids, mask = map(torch.from_numpy, batch([9, 30]))
    network = chexbert.load(state)
    with torch.no_grad():
        together, alone = network(ids, mask)[0][0], network(ids[:1, :9], mask[:1, :9])[0][0]
        ids[0, 9:] = 55
        other = network(ids, mask)[0][0]
    assert (together - alone).abs().max() < 1e-5
    assert (together - other).abs().max() < 1e-6


def test_dropout_is_off(state):
    network = chexbert.load(state)
    ids, mask = map(torch.from_numpy, batch([12]))
    assert not any(module.training for module in network.modules())
    with torch.no_grad():
        assert torch.equal(network(ids, mask)[0], network(ids, mask)[0])


def test_half_precision_spares_what_is_delicate(state):
    ids, mask = map(torch.from_numpy, batch([9, 30]))
    network = chexbert.load(state)
    (logits, first), kinds = under_autocast(lambda: network(ids, mask))
    assert kinds["bmm"] | kinds["addmm"] == {torch.float16}
    assert kinds["_softmax"] == kinds["native_layer_norm"] == {torch.float32}
    assert logits.dtype == first.dtype == torch.float32
    with torch.no_grad():
        want, _ = network(ids, mask)
    assert (logits - want).abs().max() < 0.02 * want.abs().max()


# Forms of checkpoints


def old_names(key):
    return key.replace("LayerNorm.weight", "LayerNorm.gamma").replace(
        "LayerNorm.bias", "LayerNorm.beta"
    )


FORMS = {
    "bare": lambda s: s,
    "data parallel": lambda s: {f"module.{k}": v for k, v in s.items()},
    "position ids": lambda s: s | {"bert.embeddings.position_ids": torch.arange(512)[None]},
    "both": lambda s: (
        {f"module.{k}": v for k, v in s.items()}
        | {"module.bert.embeddings.position_ids": torch.arange(512)[None]}
    ),
    "gamma and beta": lambda s: {old_names(k): v for k, v in s.items()},
    "half": lambda s: {k: v.half() for k, v in s.items()},
}


@pytest.mark.parametrize("form", sorted(FORMS))
def test_every_form_is_read(form, state):
    mine = chexbert.load(FORMS[form](state)).state_dict()
    assert set(mine) == set(state)
    for key, tensor in state.items():
        wanted = tensor.half().float() if form == "half" else tensor
        assert mine[key].dtype == torch.float32
        assert torch.equal(mine[key], wanted)


def without(state, word):
    return {k: v for k, v in state.items() if word not in k}


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda s: without(s, "linear_heads.13"), "linear_heads.13.weight missing"),
        (lambda s: without(s, "linear_heads"), r"linear_heads.0.weight, .*, \.\.\. missing"),
        (lambda s: without(s, "word_embeddings"), "word_embeddings.weight missing"),
        (lambda s: without(s, "1.attention.self.key"), r"2 keys missing \(bert.encoder.layer.1"),
        (
            lambda s: s | {"linear_heads.13.weight": torch.zeros(4, 128)},
            "linear_heads.13.weight is 4x128, expected 2x128",
        ),
        (lambda s: s | {"bert.extra.weight": torch.zeros(2)}, r"1 unknown \(bert.extra.weight\)"),
        (
            lambda s: s | {"bert.embeddings.word_embeddings.weight": torch.zeros(300, 100)},
            "width 100 does not divide into heads",
        ),
        (
            lambda s: s | {"bert.embeddings.word_embeddings.weight": torch.zeros(300)},
            r"bert\.embeddings\.word_embeddings\.weight is 300, expected two axes",
        ),
        (lambda s: {}, "missing among 0 keys"),
    ],
)
def test_another_network_is_refused_in_one_line(change, said, state):
    with pytest.raises(CheckpointError, match=said) as refusal:
        chexbert.load(change(state))
    assert "\n" not in str(refusal.value)
    assert "chexbert" in str(refusal.value)


def test_what_the_user_must_give_is_said(spec, state, vocabulary, tmp_path):
    with pytest.raises(CheckpointError, match="chexbert needs --checkpoint"):
        chexbert.export_spec(None, vocabulary)
    torch.save(state, tmp_path / "chexbert.pth")
    with pytest.raises(CheckpointError, match=r"needs --tokenizer: the vocab\.txt"):
        chexbert.export_spec(tmp_path / "chexbert.pth")
    for content, said in (
        (None, "No such file"),
        ("a\nb\n", "lacks \\[PAD\\]"),
        (
            "\n".join(SPECIAL),
            "has 4 pieces; expected the vocab.txt of bert-base-uncased, 300 lines",
        ),
    ):
        path = tmp_path / "vocab.txt"
        if content is not None:
            path.write_text(content)
        with pytest.raises(CheckpointError, match=said) as refusal:
            chexbert.export_spec(tmp_path / "chexbert.pth", path)
        assert "\n" not in str(refusal.value)


# Export


def test_the_graph_is_plain(graph):
    model = onnx.load_from_string(graph.model)
    kinds = Counter(node.op_type for node in model.graph.node)
    assert {node.domain for node in model.graph.node} <= {"", "ai.onnx"}
    assert (kinds["LayerNormalization"], kinds["Softmax"], kinds["Gelu"]) == (5, 2, 2)
    for stored in model.graph.initializer:
        values = onnx.numpy_helper.to_array(stored)
        if values.dtype == np.float32:
            assert np.abs(values).max() < 65504 / 4, stored.name


@pytest.mark.parametrize("lengths", [[12], [2, 33], [7, 1, 64, 20, 512]])
def test_the_graph_takes_any_batch_and_length(lengths, graph, reference):
    session = onnxruntime.InferenceSession(graph.model)
    ids, mask = batch(lengths)
    logits, first = session.run(["logits", "embedding"], {"ids": ids, "mask": mask})
    want_logits, want_first = reference(torch.from_numpy(ids), torch.from_numpy(mask))
    assert logits.shape == (len(lengths), 54)
    np.testing.assert_allclose(logits, want_logits, rtol=0, atol=1e-5)
    np.testing.assert_allclose(first, want_first, rtol=0, atol=1e-5)


def test_the_gate_passes(spec, graph):
    record = check_parity(spec.graphs[0], graph, spec.tolerance, None)
    assert set(record["outputs"]) == {"logits", "embedding"}
    assert all(figures["max_abs_error"] < 1e-5 for figures in record["outputs"].values())


def test_tokenizer_and_graph_fit_together(spec, graph, tmp_path, reference):
    for name, content in spec.files.items():
        (tmp_path / name).write_bytes(content)
    tokenizer = WordPieceTokenizer.open(spec.tokenizer, tmp_path)
    encoded = tokenizer.encode(["", "a b, c.", "a " * 700])
    assert encoded["ids"].shape == (3, 512)
    session = onnxruntime.InferenceSession(graph.model)
    (logits,) = session.run(["logits"], encoded)
    want, _ = reference(*(torch.from_numpy(encoded[name]) for name in ("ids", "mask")))
    np.testing.assert_allclose(logits, want, rtol=0, atol=1e-5)


def test_the_manifest_names_the_columns(spec):
    stored = json.loads(json.dumps(spec.provenance))
    assert stored["classes"] == {name: list(span) for name, span in chexbert.columns().items()}
    assert spec.space.startswith("chexbert/")
