"""All scores at once, without CheXbert and with a network of its architecture."""

from pathlib import Path

import numpy as np
import pytest
from sklearn.metrics import f1_score

from cxr_edge.benchmarks.quality.chexpert_labels import read_labels
from cxr_edge.benchmarks.quality.matrices import FIVE_COLUMNS
from cxr_edge.benchmarks.quality.scores import (
    CE_NAMES,
    CHEXBERT_NAMES,
    NEEDS_CHEXBERT,
    RULES_F1,
    ce_scores,
    cosines,
    score,
)
from cxr_edge.errors import BundleError, CorpusError
from cxr_edge.labelers import EmbeddingLabeler, get_labeler
from cxr_edge.labels import OBSERVATIONS, Mention

REPORTS = [
    "The heart is enlarged. Small left effusion.",
    "The lungs are clear. No effusion.",
    "Edema, may represent pneumonia.",
    "Right pneumothorax. Catheter tip in the heart.",
]
DRAFTS = [
    "The heart is enlarged. No effusion.",
    "The lungs are clear.",
    "Small right effusion.",
    "Right pneumothorax.",
]


def by_name(scores) -> dict:
    return {one.name: one for one in scores}


def test_without_chexbert_nothing_is_called_f1() -> None:
    scores = by_name(score(REPORTS, DRAFTS))
    assert list(scores) == ["BLEU-2", RULES_F1, "CCR (rules)", *CHEXBERT_NAMES]
    for name in CHEXBERT_NAMES:
        assert (scores[name].value, scores[name].low, scores[name].high) == (None, None, None)
        assert scores[name].note == NEEDS_CHEXBERT == "needs CheXbert"
    labeler = get_labeler("rules")
    truth, drafted = (labeler.label_all(texts) == Mention.POSITIVE for texts in (REPORTS, DRAFTS))
    expected = f1_score(truth, drafted, average="macro", zero_division=0)
    assert scores[RULES_F1].value == pytest.approx(expected)
    for name in ("BLEU-2", RULES_F1, "CCR (rules)"):
        assert scores[name].low <= scores[name].value <= scores[name].high


def test_drafts_that_are_the_reports() -> None:
    scores = by_name(score(REPORTS, REPORTS))
    assert scores["BLEU-2"].value == pytest.approx(1)
    assert (scores["BLEU-2"].low, scores["BLEU-2"].high) == pytest.approx((1, 1))


def test_a_seed_repeats_itself() -> None:
    assert score(REPORTS, DRAFTS, seed=3) == score(REPORTS, DRAFTS, seed=3)


@pytest.mark.parametrize(("reports", "drafts"), [([], []), (REPORTS, DRAFTS[:2])])
def test_what_cannot_be_scored(reports, drafts) -> None:
    with pytest.raises(CorpusError, match="expected as many"):
        score(reports, drafts)


def test_a_bundle_that_is_none_of_chexbert(tmp_path: Path) -> None:
    with pytest.raises(BundleError):
        score(REPORTS, DRAFTS, chexbert=tmp_path)


@pytest.fixture(scope="module")
def chexbert(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A bundle of CheXbert's architecture with one layer of seeded weights."""
    torch = pytest.importorskip("torch", reason="exports the bundle of this test")
    from cxr_edge.export.exporter import export_bundle
    from cxr_edge.export.models import chexbert as model

    words = {word.strip(".,").lower() for text in REPORTS + DRAFTS for word in text.split()}
    pieces = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", ".", ",", *sorted(words)]
    source = torch.Generator().manual_seed(5)
    state = {}
    for key, tensor in (
        model.CheXbert(model.BertConfig(len(pieces), 512, 768, 512, 1)).state_dict().items()
    ):
        drawn = torch.randn(tensor.shape, generator=source)
        scale = 0.2 if "LayerNorm" in key else 1.5 / max(tensor[0].numel(), 16) ** 0.5
        state[key] = drawn * scale + float("LayerNorm" in key and key.endswith("weight"))
    folder = tmp_path_factory.mktemp("chexbert")
    torch.save({"model_state_dict": state}, folder / "c.pth")
    (folder / "vocab.txt").write_text("".join(f"{piece}\n" for piece in pieces))
    export_bundle(model.export_spec(folder / "c.pth", folder / "vocab.txt"), folder / "bundle")
    return folder / "bundle"


def test_with_chexbert(chexbert: Path) -> None:
    scores = by_name(score(REPORTS, DRAFTS, chexbert=chexbert))
    assert set(CHEXBERT_NAMES) < set(scores)
    labeler = get_labeler("chexbert", bundle=chexbert, threads=1)
    assert isinstance(labeler, EmbeddingLabeler)
    truth, meant = labeler.label_and_embed(REPORTS)
    drafted, said = labeler.label_and_embed(DRAFTS)
    labeler.close()
    assert len(np.unique(truth)) > 2  # the network says different things
    certain = truth == Mention.POSITIVE, drafted == Mention.POSITIVE
    likely = tuple(np.isin(m, (Mention.POSITIVE, Mention.UNCERTAIN)) for m in (truth, drafted))
    five = [columns[:, list(FIVE_COLUMNS)] for columns in likely]
    expected = {
        "F1": f1_score(*certain, average="macro", zero_division=0),
        "F1CheXbert macro-14": f1_score(*likely, average="macro", zero_division=0),
        "F1CheXbert micro-14": f1_score(*likely, average="micro", zero_division=0),
        "F1CheXbert macro-5": f1_score(*five, average="macro", zero_division=0),
        "F1CheXbert micro-5": f1_score(*five, average="micro", zero_division=0),
        "s_emb": np.mean(
            [a @ b / np.sqrt((a @ a) * (b @ b)) for a, b in zip(meant, said, strict=True)]
        ),
    }
    for name, value in expected.items():
        # Texts of a run share their padding, which may move the last digits of a vector.
        assert scores[name].value == pytest.approx(value, abs=1e-5), name
        assert scores[name].low <= scores[name].value + 1e-12
        assert scores[name].note == ""


def test_cosines() -> None:
    first = np.array([[1, 0], [1, 1], [0, 0], [2, 0]], np.float32)
    second = np.array([[0, 1], [2, 2], [1, 0], [-1, 0]], np.float32)
    np.testing.assert_allclose(cosines(first, second), [0, 1, 0, -1], atol=1e-12)


def test_ce_from_what_the_labeler_of_chexpert_wrote(tmp_path: Path) -> None:
    alphabetical = sorted(OBSERVATIONS)
    rows = [
        {"Edema": "1.0", "No Finding": "", "Cardiomegaly": "-1.0"},
        {"Edema": "0.0", "Cardiomegaly": "1.0"},
        {"Fracture": "1.0", "Edema": "1.0"},
    ]
    table = tmp_path / "labeled_reports.csv"
    lines = [",".join(["Reports", *alphabetical])]
    lines += [",".join(["x", *(row.get(name, "") for name in alphabetical)]) for row in rows]
    table.write_text("\n".join(lines) + "\n")
    labels = read_labels(table)
    edema = OBSERVATIONS.index("Edema")
    assert labels[:, edema].tolist() == [Mention.POSITIVE, Mention.NEGATIVE, Mention.POSITIVE]
    assert labels[0, OBSERVATIONS.index("Cardiomegaly")] == Mention.UNCERTAIN
    shifted = np.roll(labels, 1, axis=0)
    scores = by_name(ce_scores(labels, shifted, average="micro"))
    assert list(scores) == list(CE_NAMES)
    # Positive: Edema in 0 and 2, Cardiomegaly in 1, Fracture in 2; moved by one row, Edema of 2
    # falls on Edema of 0 and nothing else agrees: 1 of 4.
    assert [one.value for one in scores.values()] == pytest.approx([1 / 4] * 3)
    macro = by_name(ce_scores(labels, shifted))
    assert macro["CE F1"].value == pytest.approx(1 / 2 / 14)
    assert macro["CE F1"].note == "macro-14"


def test_ce_tables_that_are_wrong(tmp_path: Path) -> None:
    table = tmp_path / "a.csv"
    table.write_text("Reports,Edema\nx,1.0\n")
    with pytest.raises(CorpusError, match="no column 'Enlarged Cardiomediastinum'"):
        read_labels(table)
    table.write_text(",".join(OBSERVATIONS) + "\n" + ",".join(["2.0"] * 14) + "\n")
    with pytest.raises(CorpusError, match=r"line 2: '2.0' is none of"):
        read_labels(table)
    table.write_text(",".join(OBSERVATIONS) + "\n")
    with pytest.raises(CorpusError, match="no row"):
        read_labels(table)
