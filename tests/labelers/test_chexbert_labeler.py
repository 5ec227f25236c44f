"""CheXbert as a labeler, from a bundle, against transformers' tokenizer, BERT and 14 heads."""

import json

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="exports the bundle of this test")
transformers = pytest.importorskip("transformers", reason="the independent BERT")

from cxr_edge.bundle import Bundle  # noqa: E402
from cxr_edge.errors import BundleError, CorpusError  # noqa: E402
from cxr_edge.export.exporter import export_bundle  # noqa: E402
from cxr_edge.export.models import chexbert  # noqa: E402
from cxr_edge.labelers import EmbeddingLabeler, get_labeler  # noqa: E402
from cxr_edge.labels import OBSERVATIONS, Mention  # noqa: E402

WIDTH, LAYERS, HIDDEN = 768, 2, 512
VOCABULARY = """[PAD] [UNK] [CLS] [SEP] [MASK] . , ; no not is are the a of in and or with may
    heart lungs lung clear normal size effusion effusions pleural small large left right edema
    pneumonia pneumothorax consolidation atelectasis opacity opacities nodule fracture catheter
    tube tip enlarged cardio mild moderate patchy airspace disease within represent minimal
    ##s ##megaly ##mediastin ##um ##al ##ly ##ed ##ing 1 2 5 cm"""
PIECES = VOCABULARY.split()
HEADS = """Enlarged Cardiomediastinum, Cardiomegaly, Lung Opacity, Lung Lesion, Edema,
    Consolidation, Pneumonia, Atelectasis, Pneumothorax, Pleural Effusion, Pleural Other, Fracture,
    Support Devices, No Finding"""
"""The released order of linear_heads.0 .. .13, as papers.md gives it."""
WORDS = ("blank", "positive", "negative", "uncertain")

TEXTS = [
    "Heart size normal and lungs are clear. No edema or pneumonia. No effusion",
    "Minimal patchy airspace disease within the lingula, may represent atelectasis.",
    "",
    "Cardiomegaly.",
    " \n Small left   pleural\teffusion; tube tip 2.5 cm \n",
    "unheard words only",
    "Nodule, opacities " * 400,
    "[SEP] [CLS]",
]


@pytest.fixture(scope="module")
def state():
    """Seeded weights under the published names, the heads wide enough to disagree."""
    source = torch.Generator().manual_seed(11)
    config = chexbert.BertConfig(len(PIECES), 512, WIDTH, HIDDEN, LAYERS)
    made = {}
    for key, tensor in chexbert.CheXbert(config).state_dict().items():
        drawn = torch.randn(tensor.shape, generator=source)
        if "LayerNorm" in key:
            made[key] = drawn * 0.2 + float(key.endswith("weight"))
        else:
            made[key] = drawn * 1.5 / max(tensor[0].numel(), 16) ** 0.5
    return made


@pytest.fixture(scope="module")
def directory(state, tmp_path_factory):
    """The bundle: no image network, no recipe."""
    folder = tmp_path_factory.mktemp("chexbert")
    torch.save({"model_state_dict": {f"module.{k}": t for k, t in state.items()}}, folder / "c.pth")
    (folder / "vocab.txt").write_text("".join(f"{piece}\n" for piece in PIECES))
    export_bundle(chexbert.export_spec(folder / "c.pth", folder / "vocab.txt"), folder / "bundle")
    return folder / "bundle"


@pytest.fixture(scope="module")
def labeler(directory):
    opened = get_labeler("chexbert", bundle=directory, threads=1)
    yield opened
    opened.close()


@pytest.fixture(scope="module")
def reference(state):
    """One text through transformers' tokenizer and BERT, then head by head."""
    tokenizer = transformers.BertTokenizer(
        vocab={piece: number for number, piece in enumerate(PIECES)}, do_lower_case=True
    )
    config = transformers.BertConfig(
        vocab_size=len(PIECES),
        hidden_size=WIDTH,
        num_hidden_layers=LAYERS,
        num_attention_heads=12,
        intermediate_size=HIDDEN,
    )
    bert = transformers.BertModel(config).eval()
    bert.load_state_dict({k[5:]: t for k, t in state.items() if k.startswith("bert.")})

    def run(text):
        pieces = tokenizer.tokenize(text, split_special_tokens=True)[:510]
        ids = tokenizer.convert_tokens_to_ids(["[CLS]", *pieces, "[SEP]"])
        with torch.no_grad():
            first = bert(torch.tensor([ids])).last_hidden_state[0, 0]
            scores = [
                state[f"linear_heads.{n}.weight"] @ first + state[f"linear_heads.{n}.bias"]
                for n in range(14)
            ]
        said = {
            name.strip(): WORDS[int(score.argmax())]
            for name, score in zip(HEADS.split(","), scores, strict=True)
        }
        return said, first.numpy()

    return run


def named(row):
    return {
        name: Mention(value).name.lower() for name, value in zip(OBSERVATIONS, row, strict=True)
    }


def test_labels_and_embeddings_are_those_of_transformers(labeler, reference):
    labels, vectors = labeler.label_and_embed(TEXTS)
    assert (labels.dtype, labels.shape) == (np.int8, (len(TEXTS), 14))
    assert (vectors.dtype, vectors.shape) == (np.float32, (len(TEXTS), WIDTH))
    seen = set()
    for text, row, vector in zip(TEXTS, labels, vectors, strict=True):
        said, first = reference(text)
        assert named(row) == said, text[:40]
        np.testing.assert_allclose(vector, first, rtol=0, atol=2e-5)
        seen |= set(said.values())
    assert seen == set(WORDS)


def test_every_text_keeps_its_place_whatever_stands_beside_it(labeler):
    """More texts than one sorted block holds, each of another length than its neighbours."""
    chance = np.random.default_rng(5)
    texts = [" ".join(chance.choice(PIECES[5:60], chance.integers(0, 9))) for _ in range(1030)]
    labels, vectors = labeler.label_and_embed(texts)
    for place in (0, 1, 500, 1023, 1024, 1029):
        np.testing.assert_array_equal(labeler.label(texts[place]), labels[place])
        np.testing.assert_allclose(labeler.embed([texts[place]])[0], vectors[place], atol=2e-5)
    assert len(np.unique(labels, axis=0)) > 20
    np.testing.assert_array_equal(labeler.label_all(texts[1000:]), labels[1000:])


def test_only_the_first_512_tokens_are_read(labeler):
    whole = "heart, " * 255
    vectors = labeler.embed([whole, whole + "fracture", "fracture " + whole])
    np.testing.assert_allclose(vectors[1], vectors[0], atol=2e-5)
    assert np.abs(vectors[2] - vectors[0]).max() > 0.01


def test_no_text_at_all(labeler):
    labels, vectors = labeler.label_and_embed([])
    assert labels.shape == (0, 14)
    assert vectors.shape == (0, WIDTH)


def test_heads_are_mapped_by_name_not_by_place(directory, state, tmp_path):
    """A manifest whose heads stand in another order means other columns."""
    from cxr_edge.bundle import write_bundle

    bundle = Bundle.load(directory)
    manifest = {k: v for k, v in bundle.manifest.items() if k not in ("files", "digest", "schema")}
    classes = dict(manifest["provenance"]["classes"])
    classes["Edema"], classes["Fracture"] = classes["Fracture"], classes["Edema"]
    manifest["provenance"] = {**manifest["provenance"], "classes": classes}
    files = {name: bundle.read(name) for name in bundle.manifest["files"]}
    write_bundle(tmp_path / "swapped", manifest, files)
    first = get_labeler("chexbert", bundle=directory)
    second = get_labeler("chexbert", bundle=tmp_path / "swapped")
    chance = np.random.default_rng(8)
    texts = [" ".join(chance.choice(PIECES[5:60], 6)) for _ in range(40)]
    one, two = first.label_all(texts), second.label_all(texts)
    edema, fracture = OBSERVATIONS.index("Edema"), OBSERVATIONS.index("Fracture")
    np.testing.assert_array_equal(one[:, edema], two[:, fracture])
    np.testing.assert_array_equal(one[:, fracture], two[:, edema])
    assert (one[:, edema] != one[:, fracture]).any()
    first.close()
    second.close()


def test_the_bundle_says_what_it_is(labeler, directory):
    bundle = Bundle.load(directory)
    assert not bundle.observes
    assert set(bundle.networks) == {"labels"}
    assert isinstance(labeler, EmbeddingLabeler)
    assert not isinstance(get_labeler("rules"), EmbeddingLabeler)
    assert labeler.source == bundle.space
    assert labeler.dimension == WIDTH


def test_what_the_user_must_give_is_said(tmp_path):
    with pytest.raises(CorpusError, match="needs its bundle; make one with cxr-export"):
        get_labeler("chexbert")
    with pytest.raises(CorpusError, match="takes no bundle"):
        get_labeler("rules", bundle=tmp_path)
    with pytest.raises(BundleError, match="no bundle at"):
        get_labeler("chexbert", bundle=tmp_path)


def test_another_bundle_is_refused_in_one_line(directory, tmp_path):
    from cxr_edge.bundle import write_bundle
    from cxr_edge.pipeline import locate

    with pytest.raises(BundleError, match="no bundle of CheXbert") as refusal:
        get_labeler("chexbert", bundle=locate("bundle", None))
    assert "\n" not in str(refusal.value)
    bundle = Bundle.load(directory)
    manifest = {k: v for k, v in bundle.manifest.items() if k not in ("files", "digest", "schema")}
    files = {name: bundle.read(name) for name in bundle.manifest["files"]}
    stated = json.loads(json.dumps(manifest["provenance"]))
    for number, change in enumerate((None, {}, {"Edema": [0, 4]}, dict.fromkeys(OBSERVATIONS, 3))):
        broken = {**manifest, "provenance": {**stated, "classes": change}}
        write_bundle(tmp_path / str(number), broken, files)
        with pytest.raises(BundleError, match="no bundle of CheXbert"):
            get_labeler("chexbert", bundle=tmp_path / str(number))
