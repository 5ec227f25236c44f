"""DCCLIP with a BERT: transformers' numbers, the prompt as a concatenation, forms of files, CLI."""

import json
import re
import subprocess
import sys
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import torch
from image_towers import randomise
from safetensors.torch import save_file
from torch.nn import functional as F

from cxr_edge.bundle import Bundle
from cxr_edge.errors import CheckpointError
from cxr_edge.export.check import describe
from cxr_edge.export.checkpoints import DESCRIPTION
from cxr_edge.export.exporter import export_bundle
from cxr_edge.export.models.bert import BertConfig
from cxr_edge.export.models.dcclip import DcclipConfig
from cxr_edge.export.models.dcclip_bert import DcclipBert, export_spec, load, read
from cxr_edge.labels import OBSERVATIONS
from cxr_edge.training.pictures import runtime_recipe

BERT = BertConfig(vocabulary=300, positions=64, width=128, hidden=256, layers=2)
SMALL = DcclipConfig("small", 32, 1, width=8, dimension=24)
SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
SCRIPTS = Path(sys.executable).parent


def run(*command: object) -> "subprocess.CompletedProcess[str]":
    script, *arguments = map(str, command)
    return subprocess.run([str(SCRIPTS / script), *arguments], capture_output=True, text=True)


@pytest.fixture(scope="module")
def state():
    return randomise(DcclipBert(SMALL, BERT), 8)


def write_vocabulary(path: Path, words: list[str], size: int) -> Path:
    letters = "abcdefghijklmnopqrstuvwxyz0123456789.,-"
    pieces = [*SPECIAL, *letters, *(f"##{c}" for c in letters)]
    pieces += [word for word in words if word not in pieces][: size - len(pieces)]
    pieces += [f"[unused{n}]" for n in range(size - len(pieces))]
    path.write_text("\n".join(pieces) + "\n")
    return path


@pytest.fixture(scope="module")
def vocabulary(tmp_path_factory):
    return write_vocabulary(tmp_path_factory.mktemp("vocabulary") / "vocab.txt", ["heart"], 300)


def described(path: Path, state) -> Path:
    """The same weights in a file that says how its pictures are prepared."""
    entry = {"auroc": 0.8, "gate": 0.6, "clear": 0.2, "muted": False, "attributes": []}
    about = {
        "config": {"image_size": 32},
        "recipe": runtime_recipe(32, 1).to_json(),
        "observations": dict.fromkeys(OBSERVATIONS, entry),
        "provenance": {"seed": 8},
    }
    save_file({k: t.contiguous() for k, t in state.items()}, path, {DESCRIPTION: json.dumps(about)})
    return path


def batch(lengths, seed=3):
    chance = np.random.default_rng(seed)
    ids = chance.integers(5, BERT.vocabulary, (len(lengths), max(lengths)))
    mask = (np.arange(max(lengths)) < np.array(lengths)[:, None]).astype(np.int64)
    return torch.from_numpy(ids * mask), torch.from_numpy(mask)


def test_a_text_is_transformers_bert_and_the_concatenated_zero_prompt(state):
    transformers = pytest.importorskip("transformers", reason="the independent BERT")
    bert = transformers.BertModel(
        transformers.BertConfig(
            vocab_size=BERT.vocabulary,
            hidden_size=BERT.width,
            num_hidden_layers=BERT.layers,
            num_attention_heads=BERT.width // 64,
            intermediate_size=BERT.hidden,
            max_position_embeddings=BERT.positions,
        )
    ).eval()
    beginning = "text.bert."
    bert.load_state_dict(
        {k.removeprefix(beginning): t for k, t in state.items() if k.startswith(beginning)}
    )
    ids, mask = batch([3, 31, 12, 64])
    with torch.no_grad():
        feature = bert(ids, attention_mask=mask).last_hidden_state[:, 0]
        prompted = torch.cat([feature, torch.zeros(4, len(OBSERVATIONS))], dim=1)
        weight, bias = (state[f"text.head.project.{part}"] for part in ("weight", "bias"))
        wanted = F.normalize(prompted @ weight.T + bias, dim=1)
        got = load(state, 32).text(ids, mask)
    assert (got - wanted).abs().max() < 1e-5
    assert wanted.std(dim=0).mean() > 0.01


def test_keys_are_those_of_torchvision_and_of_clinical_bert(published_shapes):
    """Both published parts under our two beginnings make a whole checkpoint."""
    trunk = {
        f"image.trunk.{k}": s
        for k, s in published_shapes("resnet50-torchvision").items()
        if not k.startswith("fc.")
    }
    clinical = {
        f"text.{k}": s
        for k, s in published_shapes("bio-clinicalbert").items()
        if not k.startswith("cls.")
    }
    heads = {
        f"{side}.head.{layer}.{part}": (rows, columns) if part == "weight" else (rows,)
        for side, features in (("image", 2048), ("text", 768))
        for layer, rows, columns in (("project", 512, features + 14), ("observe", 14, 512))
        for part in ("weight", "bias")
    }
    shapes = {**trunk, **clinical, **heads}
    tensors = {key: torch.empty(shape, device="meta") for key, shape in shapes.items()}
    network = load(tensors)
    mine = {k: tuple(t.shape) for k, t in network.state_dict().items()}
    counters = {k: () for k in mine if k.endswith("num_batches_tracked")}
    assert mine == {**shapes, **counters}
    assert read(tensors)[0].arch == "resnet50"
    assert sum(p.numel() for p in network.text.bert.parameters()) == 108_310_272


FORMS = {
    "bare": lambda s: s,
    "data parallel": lambda s: {f"module.{k}": t for k, t in s.items()},
    "half": lambda s: {k: t.half() if t.is_floating_point() else t for k, t in s.items()},
    "no pooler": lambda s: {k: t for k, t in s.items() if ".pooler." not in k},
    "old names": lambda s: {
        re.sub(r"LayerNorm.weight$", "LayerNorm.gamma", k).replace(
            "LayerNorm.bias", "LayerNorm.beta"
        ): t
        for k, t in s.items()
    },
    "with the rest": lambda s: {
        **s,
        "log_temperature": torch.tensor(0.07),
        "text.bert.embeddings.position_ids": torch.arange(64)[None],
        "text.bert.cls.predictions.bias": torch.zeros(300),
    },
}


@pytest.mark.parametrize("form", FORMS)
def test_forms_of_files(state, form):
    network = load(FORMS[form](state), 32)
    ids, mask = batch([9, 4])
    with torch.no_grad():
        error = (network.text(ids, mask) - load(state, 32).text(ids, mask)).abs().max()
    assert error < (1e-2 if form == "half" else 1e-6)


def test_both_towers_pass_the_gate_in_half(state, vocabulary, tmp_path):
    spec = export_spec(described(tmp_path / "both.safetensors", state), vocabulary)
    (pictures,) = spec.graphs[0].samples(8, np.random.default_rng(1))
    half = export_bundle(spec, tmp_path / "half", precision="fp16", calibration=pictures)
    assert {r["status"] for r in half.manifest["parity"].values()} == {"passed"}
    assert half.default_method == "guided", "the file says how far its observations are known"
    assert half.manifest["provenance"] == {"seed": 8}


def test_case_is_kept_only_where_the_tokenizer_says_so(state, vocabulary, tmp_path):
    checkpoint = described(tmp_path / "both.safetensors", state)
    beside = tmp_path / "vocab.txt"
    beside.write_bytes(vocabulary.read_bytes())
    assert "lower" not in export_spec(checkpoint, beside).tokenizer
    (tmp_path / "tokenizer_config.json").write_text('{"do_lower_case": false}')
    assert export_spec(checkpoint, beside).tokenizer["lower"] is False
    (tmp_path / "tokenizer_config.json").write_text("lower")
    with pytest.raises(CheckpointError, match="is not JSON with do_lower_case"):
        export_spec(checkpoint, beside)


def test_what_does_not_fit_is_said_in_one_line(state, vocabulary, tmp_path):
    torch.save(state, tmp_path / "both.pt")
    short = tmp_path / "short.txt"
    short.write_text("\n".join(SPECIAL))
    whole = described(tmp_path / "both.safetensors", state)
    for arguments, words in (
        ((whole, None), "needs --tokenizer then"),
        ((whole, short), "has 5 pieces; expected the vocab.txt"),
        ((tmp_path / "both.pt", vocabulary), "does not say how pictures are prepared"),
        ((None, vocabulary), "needs --checkpoint"),
    ):
        with pytest.raises(CheckpointError) as refused:
            export_spec(*arguments)
        assert words in str(refused.value)
        assert "\n" not in str(refused.value)
    for key in ("text.head.project.weight", "text.bert.encoder.layer.1.output.dense.bias"):
        with pytest.raises(CheckpointError, match=re.escape(key)):
            load({k: t for k, t in state.items() if k != key}, 32)


def open_i(shared_data: Path, count: int) -> list[dict[str, str]]:
    lines = (shared_data / "openi" / "studies.jsonl").read_text().splitlines()
    studies = (json.loads(line) for line in lines)
    kept = [s for s in studies if s.get("impression")][:count]
    return [{k: s.get(k) or "" for k in ("uid", "findings", "impression")} for s in kept]


def test_from_two_towers_to_a_draft(state, tmp_path, shared_data):
    """Both towers at reduced width, 50 Open-I reports, one DICOM; only the weights are made up."""
    reports = open_i(shared_data, 50)
    counted = Counter(
        word for r in reports for word in re.findall("[a-z]+", " ".join(r.values()).lower())
    )
    vocab = write_vocabulary(tmp_path / "vocab.txt", [w for w, _ in counted.most_common()], 300)
    (tmp_path / "reports.jsonl").write_text("".join(json.dumps(r) + "\n" for r in reports))
    exported = run(
        *("cxr-export", "--model", "dcclip", "--tokenizer", vocab, "--out", tmp_path / "bundle"),
        *("--checkpoint", described(tmp_path / "dcclip.safetensors", state)),
    )
    assert exported.returncode == 0, exported.stderr
    bundle = Bundle.load(tmp_path / "bundle")
    assert set(bundle.networks) == {"image", "text"}
    assert {r["status"] for r in bundle.manifest["parity"].values()} == {"passed"}
    assert bundle.read("vocab.txt") == vocab.read_bytes()
    built = run(
        *("cxr-index", "build", tmp_path / "reports.jsonl", "--bundle", tmp_path / "bundle"),
        *("--out", tmp_path / "index"),
    )
    assert built.returncode == 0, built.stderr
    study = shared_data / "dicom" / "xrv_rsna_cr_pa_1024_jpegbaseline.dcm"
    drafted = run(
        *("cxr-run", study, "--json", "--method", "select", "--bundle", tmp_path / "bundle"),
        *("--index", tmp_path / "index"),
    )
    assert drafted.returncode == 0, drafted.stderr
    report = json.loads(drafted.stdout)
    said = report["impression"] or report["findings"]
    assert said
    spoken = " ".join(" ".join(r.values()) for r in reports).lower()
    assert said.split(".")[0].lower() in spoken


def test_check_knows_the_file(tmp_path):
    text = BertConfig(vocabulary=50, positions=512, width=768, hidden=3072, layers=12)
    network = DcclipBert(SMALL, text)
    torch.save(network.state_dict(), tmp_path / "both.pt")
    found = describe(tmp_path / "both.pt")
    assert found["fits"] == ["dcclip"]
    assert found["matches"][0]["extra"] == 0
