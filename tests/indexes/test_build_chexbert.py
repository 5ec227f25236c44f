"""CheXbert labels a corpus and says which of its texts are alike."""

import json

import numpy as np
import pytest
from click.testing import CliRunner

torch = pytest.importorskip("torch", reason="exports the bundle of this test")

from cxr_edge.bundle import Bundle  # noqa: E402
from cxr_edge.export.exporter import export_bundle  # noqa: E402
from cxr_edge.export.models import chexbert  # noqa: E402
from cxr_edge.indexes.cli import index  # noqa: E402
from cxr_edge.indexes.compression.pairs import exact_cosines, normalised  # noqa: E402
from cxr_edge.indexes.search import SentenceIndex  # noqa: E402
from cxr_edge.labelers import get_labeler  # noqa: E402

WORDS = """[PAD] [UNK] [CLS] [SEP] [MASK] . no small large left right basal apical effusion edema
    opacity pneumonia is seen lungs clear the are"""
PIECES = WORDS.split()
LEVEL = 0.05


@pytest.fixture(scope="module")
def directory(tmp_path_factory):
    """A bundle of CheXbert with seeded weights, two layers deep."""
    folder = tmp_path_factory.mktemp("chexbert")
    source = torch.Generator().manual_seed(5)
    config = chexbert.BertConfig(len(PIECES), 512, 768, 256, 2)
    state = {}
    for key, value in chexbert.CheXbert(config).state_dict().items():
        drawn = torch.randn(value.shape, generator=source)
        scale = 0.2 if "LayerNorm" in key else 1.5 / max(value[0].numel(), 16) ** 0.5
        state[f"module.{key}"] = drawn * scale + float(key.endswith("LayerNorm.weight"))
    torch.save({"model_state_dict": state}, folder / "c.pth")
    (folder / "vocab.txt").write_text("".join(f"{piece}\n" for piece in PIECES))
    export_bundle(chexbert.export_spec(folder / "c.pth", folder / "vocab.txt"), folder / "bundle")
    return folder / "bundle"


def test_labels_and_clusters_are_those_of_chexbert(directory, tmp_path) -> None:
    texts = [
        f"{size} {side} {place} {what} is seen."
        for size in ("Small", "Large")
        for side in ("left", "right")
        for place in ("basal", "apical")
        for what in ("effusion", "edema", "opacity", "pneumonia")
    ]
    reports = tmp_path / "reports.jsonl"
    reports.write_text("".join(json.dumps({"findings": text}) + "\n" for text in texts))
    command = ["build", str(reports), "--out", str(tmp_path / "out"), "--threads", "1"]
    command += ["--labeler", "chexbert", "--labeler-bundle", str(directory)]
    done = CliRunner().invoke(index, [*command, "--compression", str(LEVEL)])
    assert done.exit_code == 0, done.output
    assert "text network" not in done.stderr

    labeler = get_labeler("chexbert", bundle=directory, threads=1)
    labels, embedding = labeler.label_and_embed(texts)
    labeler.close()
    unit = normalised(embedding)
    owner = list(range(len(texts)))
    for row in range(len(texts)):
        for earlier in range(row):
            alike = exact_cosines(unit[[row]], unit[[earlier]])[0] > 1 - LEVEL
            if owner[earlier] == earlier and alike:
                owner[row] = earlier
                break
    leaders = sorted(set(owner))
    assert 1 < len(leaders) < len(texts)

    opened = SentenceIndex.open(tmp_path / "out")
    assert [opened.hit(row, 0.0).text for row in range(len(opened))] == [texts[i] for i in leaders]
    for row, leader in enumerate(leaders):
        members = [text for text, own in zip(texts, owner, strict=True) if own == leader]
        assert [member.text for member in opened.members(row)] == members
        np.testing.assert_array_equal(opened.labels[row], labels[leader])
    space = Bundle.load(directory).space
    assert opened.manifest["compression"]["embedding"] == space
    assert opened.manifest["labeler"] == space
    assert opened.space != space
