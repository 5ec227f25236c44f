"""From reports to an index: what is kept, counted, merged and recorded."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
from click.testing import CliRunner, Result

from cxr_edge.bundle import Bundle
from cxr_edge.errors import CorpusError, OutputError
from cxr_edge.indexes.cli import index
from cxr_edge.indexes.compression import LEVELS
from cxr_edge.indexes.compression.pairs import exact_cosines
from cxr_edge.indexes.search import SentenceIndex
from cxr_edge.labelers import get_labeler
from cxr_edge.manifest import canonical, digest_of
from cxr_edge.pipeline import DEFAULT_DATA
from cxr_edge.tokenizers import get_tokenizer

BUNDLE = DEFAULT_DATA / "bundle"
REPORTS = [
    {"uid": "a", "findings": "Small left pleural effusion. The lungs are clear."},
    {"uid": "b", "findings": "the lungs are CLEAR. The lungs are clear. Heart size is normal."},
    {"uid": "c", "impression": "Heart size is normal. Stable since the prior study."},
    {"uid": "b", "findings": "The lungs are clear.", "impression": "No pneumothorax."},
]


@pytest.fixture
def reports(tmp_path: Path) -> Path:
    path = tmp_path / "reports.jsonl"
    path.write_text("".join(json.dumps(report) + "\n" for report in REPORTS))
    return path


@pytest.fixture
def build(reports: Path, tmp_path: Path) -> Callable[..., Result]:
    def run(*arguments: object, out: Path = tmp_path / "out") -> Result:
        command = ["build", str(reports), "--threads", "1", *map(str, arguments)]
        return CliRunner().invoke(index, [*command, "--out", str(out)])

    return run


def texts(opened: SentenceIndex) -> list[str]:
    return [opened.hit(row, 0.0).text for row in range(len(opened))]


def test_every_text_once_with_all_it_comes_from(
    build: Callable[..., Result], tmp_path: Path
) -> None:
    done = build()
    assert done.exit_code == 0, done.output
    opened = SentenceIndex.open(tmp_path / "out")
    assert texts(opened) == [
        "Small left pleural effusion.",
        "The lungs are clear.",
        "Heart size is normal.",
        "No pneumothorax.",
    ]
    assert opened.frequency.tolist() == [1, 4, 2, 1]
    assert [opened.sources[row] for row in range(4)] == [("a",), ("a", "b"), ("b", "c"), ("b",)]
    assert opened.section.tolist() == [1, 1, 1, 2]
    assert opened.cluster_size.tolist() == [1, 1, 1, 1]
    counts = opened.manifest["corpus"]
    assert counts["by_section"] == {"findings": 3, "impression": 1}
    assert (counts["read"], counts["kept"], counts["repeated"]) == (8, 4, 4)
    (reason,) = counts["dropped"]
    assert counts["dropped"][reason] == 1
    assert f"dropped 1: {reason}" in done.stderr
    assert "dropped 4: repeats an earlier one" in done.stderr
    assert opened.manifest["compression"] == {"level": 0.0, "texts": 4}


def test_vectors_and_labels_are_those_of_the_networks(
    build: Callable[..., Result], tmp_path: Path
) -> None:
    build()
    opened = SentenceIndex.open(tmp_path / "out")
    bundle = Bundle.load(BUNDLE)
    tokenizer = get_tokenizer(bundle.manifest["tokenizer"], BUNDLE)
    session = onnxruntime.InferenceSession((BUNDLE / "text.onnx").read_bytes())
    for row, text in enumerate(texts(opened)):
        (vector,) = session.run(["embedding"], tokenizer.encode([text]))[0]
        np.testing.assert_allclose(opened.vectors[row], vector / np.linalg.norm(vector), atol=1e-6)
        np.testing.assert_array_equal(opened.labels[row], get_labeler("rules").label(text))


def test_rare_texts_are_dropped_and_counted(build: Callable[..., Result], tmp_path: Path) -> None:
    done = build("--min-frequency", 2)
    opened = SentenceIndex.open(tmp_path / "out")
    assert texts(opened) == ["The lungs are clear.", "Heart size is normal."]
    assert [opened.sources[row] for row in range(2)] == [("a", "b"), ("b", "c")]
    assert opened.manifest["corpus"]["dropped"]["seen less than 2 times"] == 2
    assert "dropped 2: seen less than 2 times" in done.stderr
    assert build("--min-frequency", 9, out=tmp_path / "none").exit_code == 1


def test_all_levels_of_one_reading(tmp_path: Path, shared_data: Path) -> None:
    """Real reports: each level is a folder; clusters cover all texts; the manifest says by what."""
    corpus = str(shared_data / "openi" / "studies.jsonl")
    command = ["build", corpus, "--split", "valid", "--compression", "all", "--name", "openi"]
    done = CliRunner().invoke(index, [*command, "--out", str(tmp_path / "out"), "--json"])
    assert done.exit_code == 0, done.output
    assert "text network" in done.stderr
    answer = json.loads(done.stdout)
    opened = {level: SentenceIndex.open(tmp_path / "out" / f"{level:g}") for level in LEVELS}
    assert answer["indexes"] == {str(i.directory): len(i) for i in opened.values()}
    everything = opened[0.0]
    assert len(everything) == answer["corpus"]["kept"]
    place = {text: row for row, text in enumerate(texts(everything))}
    for level, one in opened.items():
        if level == 0:
            continue
        assert one.manifest["name"] == f"openi-{level:g}"
        assert one.manifest["compression"] == {
            "level": level,
            "texts": len(everything),
            "cosine_above": 1 - level,
            "embedding": Bundle.load(BUNDLE).space,
        }
        assert sum(one.cluster_size) == len(everything)
        seen = []
        for row in range(len(one)):
            members = one.members(row)
            rows = [place[member.text] for member in members]
            seen += rows
            assert members[0].text == one.hit(row, 0.0).text
            assert rows == sorted(rows)
            assert len(rows) == one.cluster_size[row]
            vectors = np.asarray(everything.vectors)[rows]
            leader = np.broadcast_to(vectors[0], vectors.shape)
            assert (exact_cosines(vectors, leader)[1:] > 1 - level).all()
        assert sorted(seen) == list(range(len(everything)))


def test_inner_product_vectors_are_compressed_by_their_direction(
    build: Callable[..., Result], tmp_path: Path
) -> None:
    changed = shutil.copytree(BUNDLE, tmp_path / "bundle")
    manifest = json.loads((changed / "bundle.json").read_text())
    manifest["metric"] = "inner_product"
    manifest["digest"] = digest_of(manifest)
    (changed / "bundle.json").write_bytes(canonical(manifest))
    assert build("--bundle", changed, "--compression", 0.15).exit_code == 0
    assert build("--compression", 0.15, out=tmp_path / "cosine").exit_code == 0
    raw, unit = SentenceIndex.open(tmp_path / "out"), SentenceIndex.open(tmp_path / "cosine")
    assert raw.metric == "inner_product"
    assert texts(raw) == texts(unit)
    assert raw.cluster_size.tolist() == unit.cluster_size.tolist()


def test_a_dry_run_counts_and_writes_nothing(build: Callable[..., Result], tmp_path: Path) -> None:
    done = build("--dry-run", "--json")
    assert done.exit_code == 0
    assert [path.name for path in tmp_path.iterdir()] == ["reports.jsonl"]
    assert build().exit_code == 0
    counts = dict(SentenceIndex.open(tmp_path / "out").manifest["corpus"])
    counts.pop("fingerprint")
    assert json.loads(done.stdout) == {"corpus": counts, "indexes": {}}


def test_what_is_in_the_way_is_said_before_any_work(
    build: Callable[..., Result], tmp_path: Path
) -> None:
    assert build().exit_code == 0
    before = (tmp_path / "out" / "index.json").read_bytes()
    again = build("--min-frequency", 2)
    assert isinstance(again.exception, OutputError)
    assert (tmp_path / "out" / "index.json").read_bytes() == before
    assert build("--min-frequency", 2, "--replace").exit_code == 0
    assert len(SentenceIndex.open(tmp_path / "out")) == 2
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out", "reports.jsonl"]


def test_the_same_build_gives_the_same_bytes(build: Callable[..., Result], tmp_path: Path) -> None:
    for folder in ("first", "second"):
        assert build("--name", "x", "--compression", 0.25, out=tmp_path / folder).exit_code == 0
    for name in ("index.json", "index.bin", "clusters.bin"):
        assert (tmp_path / "first" / name).read_bytes() == (tmp_path / "second" / name).read_bytes()


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        (["--compression", "1"], "level"),
        (["--compression", "nan"], "level"),
        (["--compression", "much"], "level"),
        (["--column", "report"], "ROLE=NAME"),
        (["--column", "colour=red"], "ROLE=NAME"),
    ],
)
def test_wrong_use(build: Callable[..., Result], arguments: list[str], word: str) -> None:
    done = build(*arguments)
    assert done.exit_code == 2
    assert word in done.output


def test_chexbert_without_its_bundle(build: Callable[..., Result], tmp_path: Path) -> None:
    done = build("--labeler", "chexbert")
    assert isinstance(done.exception, CorpusError)
    assert not (tmp_path / "out").exists()
