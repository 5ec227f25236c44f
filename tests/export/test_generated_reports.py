"""From a checkpoint and a picture to a report that a decoder wrote, by the commands."""

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from jsonschema import Draft202012Validator
from overfitted import Learned, cut, dcrrg, liu
from PIL import Image
from pydicom import dcmread

from cxr_edge.bundle import Bundle, write_bundle
from cxr_edge.export.cli import main
from cxr_edge.export.exporter import export_bundle
from cxr_edge.export.models.dcrrg_decoder import export_spec
from cxr_edge.export.spec import GraphSpec
from cxr_edge.labelers import get_labeler
from cxr_edge.labels import OBSERVATIONS, Mention
from cxr_edge.methods.generate import NOTE

SCRIPTS = Path(sys.executable).parent
SCHEMA = Path(__file__).resolve().parents[2] / "docs" / "report.schema.json"


def run(*command: object) -> "subprocess.CompletedProcess[str]":
    script, *arguments = map(str, command)
    return subprocess.run([str(SCRIPTS / script), *arguments], capture_output=True, text=True)


def exported(model: str, learned: Learned, out: Path, *options: object) -> Bundle:
    pictures = [part for path in learned.pictures for part in ("--images", path)]
    command = ("--model", model, "--checkpoint", learned.checkpoint, "--out", out)
    done = CliRunner().invoke(main, [str(part) for part in (*command, *pictures, *options)])
    assert done.exit_code == 0, done.output
    return Bundle.load(out)


def drafted(bundle: Bundle, *studies: object) -> list[dict[str, Any]]:
    """The JSON of each study's draft; options may stand among the studies."""
    done = run("cxr-run", *studies, "--json", "--bundle", bundle.directory)
    assert done.returncode == 0, done.stderr
    reports = [json.loads(line) for line in done.stdout.splitlines()]
    schema = Draft202012Validator(json.loads(SCHEMA.read_text()))
    for report in reports:
        schema.validate(report)
    return reports


@pytest.fixture(scope="module")
def by_heart(shared_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Learned:
    return dcrrg(shared_data, tmp_path_factory.mktemp("dcrrg"))


@pytest.fixture(scope="module")
def bundle(by_heart: Learned) -> Bundle:
    out = by_heart.checkpoint.parent / "bundle"
    return exported("dcrrg-decoder", by_heart, out, "--tokenizer", by_heart.vocabulary)


def test_every_report_is_written_as_it_was_learned(by_heart: Learned, bundle: Bundle) -> None:
    labeler = get_labeler("rules")
    reports = drafted(bundle, *by_heart.pictures)
    for report, told in zip(reports, by_heart.reports, strict=True):
        assert report["findings"] == told
        assert report["impression"] == ""
        assert " ".join(s["text"] for s in report["sentences"]) == told
        for sentence in report["sentences"]:
            assert sentence["source"] == "generated"
            assert 0.5 < sentence["score"] <= 1.0
            wanted = labeler.label(sentence["text"])
            assert sentence["labels"] == {
                name: Mention(value).name.lower()
                for name, value in zip(OBSERVATIONS, wanted, strict=True)
                if value != Mention.BLANK
            }
        assert report["notes"] == [NOTE]
        provenance = report["provenance"]
        assert (provenance["method"], provenance["index"]) == ("generate", None)
        assert provenance["index_sha256"] is None
        assert not any("parity" in text for text in report["warnings"])


def test_the_gate_compared_whole_reports(by_heart: Learned, bundle: Bundle) -> None:
    record = bundle.manifest["parity"]["decoding"]
    assert record["status"] == "passed"
    assert record["real_images"] == len(by_heart.pictures)
    figures = record["agreement"]["tokens"]
    assert figures["value"] >= 0.99
    assert figures["of_another_picture"] > 0.2
    assert figures["reports"] == len(by_heart.pictures)
    assert bundle.decoding == {
        "kind": "cached",
        "start": 0,
        "end": 0,
        "limit": 48,
        "beams": 3,
    }
    assert bundle.default_method == "generate"


def test_all_forms_of_a_real_dicom(by_heart: Learned, bundle: Bundle, tmp_path: Path) -> None:
    picture, told = by_heart.pictures[0], by_heart.reports[0]
    assert picture.suffix == ".dcm"
    for form in ("text", "html", "sr"):
        out = tmp_path / f"report.{form}"
        chosen = ("--format", form, "--out", out, "--bundle", bundle.directory)
        done = run("cxr-run", picture, *chosen)
        assert done.returncode == 0, done.stderr
        if form == "sr":
            continue
        content = " ".join(out.read_text().split())
        assert told in content
        assert "written by the software (generated)" in content
    structured = dcmread(tmp_path / "report.sr")
    assert structured.StudyInstanceUID == dcmread(picture).StudyInstanceUID
    texts = [item.value for item in structured.iterall() if item.keyword == "TextValue"]
    for sentence in ("The cardiac silhouette is normal.", "No focal opacity in the right lung."):
        assert sentence in texts
    assert any("written by a language decoder" in text for text in texts)
    equipment = structured.ContributingEquipmentSequence[0]
    assert bundle.digest in equipment.ContributionDescription
    assert "None" not in equipment.ContributionDescription


def test_descriptions_of_single_observations(by_heart: Learned, bundle: Bundle) -> None:
    (report,) = drafted(bundle, by_heart.pictures[0], "--method", "describe")
    sources = [sentence["source"] for sentence in report["sentences"]]
    assert sources
    assert set(sources) <= {f"generated for {name}" for name in OBSERVATIONS}
    texts = [sentence["text"].lower() for sentence in report["sentences"]]
    assert len(set(texts)) == len(texts)


def test_retrieval_still_needs_its_index(by_heart: Learned, bundle: Bundle) -> None:
    chosen = ("--method", "select", "--bundle", bundle.directory)
    done = run("cxr-run", by_heart.pictures[0], *chosen)
    assert done.returncode == 1
    assert "was built for" in done.stderr  # the embedded index is of another encoder
    assert done.stderr.count("\n") == 1


def decoder_alone(learned: Learned) -> dict[str, torch.Tensor]:
    state = torch.load(learned.checkpoint, weights_only=True)["state_dict"]
    return {key: tensor for key, tensor in state.items() if not key.startswith("image.")}


def test_a_bundle_without_words_says_so(by_heart: Learned, tmp_path: Path) -> None:
    torch.save(decoder_alone(by_heart), tmp_path / "decoder.pt")
    spec = export_spec(tmp_path / "decoder.pt")
    assert "start" not in spec.decoding
    small = GraphSpec("step", torch.nn.Linear(4, 3), ("x",), ("y",), normal)
    wordless = export_bundle(replace(spec, graphs=(small,)), tmp_path / "bundle")
    assert "without --tokenizer" in " ".join(wordless.warnings)
    assert "decoding" not in wordless.manifest["parity"]


def normal(count: int, chance: np.random.Generator) -> tuple[np.ndarray, ...]:
    return (chance.standard_normal((count, 4), dtype=np.float32),)


def test_a_bundle_without_words_does_not_write(
    by_heart: Learned, bundle: Bundle, tmp_path: Path
) -> None:
    files = {file: bundle.read(file) for file in bundle.manifest["files"]}
    manifest = {**bundle.manifest, "tokenizer": {}}
    write_bundle(tmp_path / "bundle", manifest, files)
    done = run("cxr-run", by_heart.pictures[0], "--bundle", tmp_path / "bundle")
    assert done.returncode == 1
    assert "cxr-export --tokenizer FILE" in done.stderr
    assert done.stderr.count("\n") == 1


def test_a_decoder_that_sees_nothing_is_not_judged(by_heart: Learned, tmp_path: Path) -> None:
    """Without what cross-attention brings, every memory gets the same words."""
    state = decoder_alone(by_heart)
    for key, tensor in state.items():
        if "multihead_attn.out_proj" in key:
            tensor.zero_()
    torch.save(state, tmp_path / "blind.pt")
    spec = export_spec(tmp_path / "blind.pt", by_heart.vocabulary)
    blind = export_bundle(spec, tmp_path / "bundle")
    figures = blind.manifest["parity"]["decoding"]["agreement"]["tokens"]
    assert figures["status"] == "uninformative"
    assert (figures["value"], figures["of_another_picture"]) == (1.0, 0.0)
    assert any("every picture gets nearly the same words" in text for text in blind.warnings)


def test_any_picture_gets_words_of_the_vocabulary(
    by_heart: Learned, bundle: Bundle, tmp_path: Path
) -> None:
    """A picture that was never seen: whatever is written is spelled from the known words."""
    grey = np.asarray(Image.open(by_heart.pictures[1]).convert("L"))
    Image.fromarray(grey[:220, ::-1].copy()).save(tmp_path / "other.png")
    (report,) = drafted(bundle, tmp_path / "other.png")
    known = {word for told in by_heart.reports for word in cut(told)}
    said = cut(str(report["findings"]))
    assert said
    assert set(said) <= known


@pytest.fixture(scope="module")
def liu_by_heart(shared_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Learned:
    return liu(shared_data, tmp_path_factory.mktemp("liu"))


def test_sentence_after_sentence(liu_by_heart: Learned) -> None:
    out = liu_by_heart.checkpoint.parent / "bundle"
    bundle = exported("liu2019", liu_by_heart, out, "--tokenizer", liu_by_heart.vocabulary)
    assert bundle.manifest["parity"]["decoding"]["status"] == "passed"
    assert (bundle.decoding["start"], bundle.decoding["end"]) == (1, 3)
    reports = drafted(bundle, *liu_by_heart.pictures)
    for report, told in zip(reports, liu_by_heart.reports, strict=True):
        assert report["findings"] == told
        assert {sentence["source"] for sentence in report["sentences"]} == {"generated"}
    refused = run("cxr-run", liu_by_heart.pictures[0], "--bundle", out, "--method", "describe")
    assert refused.returncode == 1
    assert "use generate" in refused.stderr
