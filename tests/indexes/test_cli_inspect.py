"""The commands that look at an index, search it and put it in use."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result
from synthetic_index import exact_graph, synthetic_clusters, synthetic_columns

from cxr_edge.errors import CxrEdgeError, SentenceIndexError, SpaceMismatch
from cxr_edge.indexes.cli import index
from cxr_edge.indexes.container import DATA, MANIFEST
from cxr_edge.indexes.search import SentenceIndex
from cxr_edge.indexes.verifying import verify_values
from cxr_edge.manifest import canonical, digest_of
from cxr_edge.pipeline import DEFAULT_DATA, Pipeline

Writer = Callable[..., Path]
EMBEDDED = str(DEFAULT_DATA / "index")


def cxr_index(*arguments: object) -> Result:
    return CliRunner().invoke(index, [str(one) for one in arguments])


@pytest.fixture
def whole(write_index: Writer) -> Path:
    columns = synthetic_columns()
    graph = exact_graph(columns.vectors)
    return write_index(columns, graph=graph, clusters=synthetic_clusters())


def test_inspect_counts_what_is_there(whole: Path) -> None:
    done = cxr_index("inspect", whole)
    assert done.exit_code == 0
    assert "200 sentences, 8 dimensions, float32" in done.output
    assert "clusters: 400 texts behind the rows" in done.output
    column = synthetic_columns().labels[:, 1]
    assert f"positive {(column == 1).sum()}, negative {(column == 2).sum()}" in done.output
    manifest = json.loads(cxr_index("inspect", whole, "--json").output)
    assert manifest == dict(SentenceIndex.open(whole).manifest)


def test_a_terminal_obeys_nothing_that_a_corpus_says(tmp_path: Path) -> None:
    reports = tmp_path / "reports.jsonl"
    reports.write_text(json.dumps({"uid": "a\nb\x1b[31m", "findings": "Clear lungs."}) + "\n")
    assert cxr_index("build", reports, "--out", tmp_path / "out").exit_code == 0
    for command in (("inspect", "--row", 0), ("search", "--text", "lungs")):
        done = cxr_index(command[0], tmp_path / "out", *command[1:])
        assert done.exit_code == 0
        assert "Clear lungs.  [a?b?[31m]" in done.output
        assert "\x1b" not in done.output


def test_inspect_shows_what_a_row_stands_for(whole: Path) -> None:
    assert "As 9.  [report-209]" in cxr_index("inspect", whole, "--row", 9).output
    told = json.loads(cxr_index("inspect", whole, "--row", 9, "--json").output)
    assert [member["text"] for member in told["members"]] == ["Sentence 9: größer.", "As 9."]
    beyond = cxr_index("inspect", whole, "--row", 200)
    assert beyond.exit_code == 2
    assert "0 to 199" in beyond.output


def test_inspect_without_clusters_gives_all_sources(write_index: Writer) -> None:
    told = json.loads(cxr_index("inspect", write_index(), "--row", 9, "--json").output)
    assert told["members"] == [
        {"text": "Sentence 9: größer.", "sources": ["report-9", "report-4"], "frequency": 10}
    ]


def test_verify_reads_all_of_it(whole: Path) -> None:
    assert "is sound: 200 sentences" in cxr_index("verify", whole).output
    mixed = cxr_index("verify", EMBEDDED, "--bundle", DEFAULT_DATA / "bundle")
    assert mixed.exit_code == 0, mixed.output
    foreign = cxr_index("verify", whole, "--bundle", DEFAULT_DATA / "bundle")
    assert isinstance(foreign.exception, SpaceMismatch)
    data = bytearray((whole / DATA).read_bytes())
    data[-1] ^= 1
    (whole / DATA).write_bytes(data)
    assert isinstance(cxr_index("verify", whole).exception, SentenceIndexError)


def test_verify_finds_what_an_opening_does_not(write_index: Writer) -> None:
    columns = synthetic_columns()
    columns.vectors[7] *= 3
    with pytest.raises(SentenceIndexError, match="unit length"):
        verify_values(SentenceIndex.open(write_index(columns, name="long")))
    clusters = synthetic_clusters()
    clusters.members[[0, 1]] = clusters.members[[1, 0]]
    path = write_index(clusters=clusters, name="swapped")
    with pytest.raises(SentenceIndexError, match="text of its row"):
        verify_values(SentenceIndex.open(path))


def test_a_text_finds_itself() -> None:
    sentence = "Heart size is normal."
    told = json.loads(cxr_index("search", EMBEDDED, "--text", sentence, "-k", 3, "--json").stdout)
    assert told["search"].startswith("exact")
    first = told["hits"][0]
    assert first["text"] == sentence
    assert first["score"] == pytest.approx(1, abs=1e-5)
    assert first["sources"][0].startswith("grammar/")


def test_a_picture_finds_what_its_draft_is_made_of(phantom: Path) -> None:
    shown = cxr_index("search", EMBEDDED, "--image", phantom, "-k", 6)
    with Pipeline.load(method="top-k", k=6) as pipeline:
        report = pipeline.run(phantom)
    for line, hit in zip(shown.stdout.splitlines(), report.sentences, strict=True):
        assert hit.text in line
        assert f"{hit.score:.4f}" in line
        assert hit.source in line


def test_search_asks_for_one_query_and_for_its_own_bundle(whole: Path, phantom: Path) -> None:
    assert cxr_index("search", EMBEDDED).exit_code == 2
    both = cxr_index("search", EMBEDDED, "--text", "a", "--image", phantom)
    assert both.exit_code == 2
    assert isinstance(cxr_index("search", whole, "--text", "a").exception, SpaceMismatch)
    assert isinstance(cxr_index("search", EMBEDDED, "--image", "no").exception, CxrEdgeError)


def test_publish_and_rollback(write_index: Writer) -> None:
    first, second = (write_index(synthetic_columns(seed=n), name=f"v{n}") for n in range(2))
    root = first.parent
    assert "is now v0" in cxr_index("publish", first).output
    assert "is now v1, before it v0" in cxr_index("publish", second).output
    assert str(second) in cxr_index("inspect", root).output
    assert "is now v0, before it v1" in cxr_index("rollback", root).output
    assert SentenceIndex.open(root).directory == first
    (second / DATA).write_bytes(b"spoilt")
    for command in (["publish", second], ["rollback", root]):
        assert isinstance(cxr_index(*command).exception, SentenceIndexError)
    np.testing.assert_array_equal(SentenceIndex.open(root).vectors, synthetic_columns().vectors)


def test_only_an_index_is_published(write_index: Writer) -> None:
    version = write_index(name="v0")
    cxr_index("publish", version)
    done = cxr_index("publish", version.parent)
    assert isinstance(done.exception, SentenceIndexError)
    assert str(version) in str(done.exception)
    assert not (version.parent.parent / "CURRENT").exists()


def test_inspect_of_forged_clusters_is_one_line(whole: Path) -> None:
    manifest = json.loads((whole / MANIFEST).read_text()) | {"clusters": 7}
    manifest["digest"] = digest_of(manifest)
    (whole / MANIFEST).write_bytes(canonical(manifest))
    assert isinstance(cxr_index("inspect", whole).exception, SentenceIndexError)
