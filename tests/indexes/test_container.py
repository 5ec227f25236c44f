"""The mapped files: what was written is what is read, whatever was asked for."""

import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from synthetic_index import exact_graph, synthetic_clusters, synthetic_columns

from cxr_edge.errors import SentenceIndexError, SpaceMismatch
from cxr_edge.indexes.container import CLUSTERS, DATA, MANIFEST
from cxr_edge.indexes.contents import Columns, Sources, Strings
from cxr_edge.indexes.layout import ALIGNMENT
from cxr_edge.indexes.search import SentenceIndex
from cxr_edge.manifest import canonical, digest_of
from cxr_edge.types import Encoding

Writer = Callable[..., Path]


def encoding(vector: np.ndarray, space: str = "tiny/1") -> Encoding:
    return Encoding(vector.astype(np.float32), space, np.full(14, 0.5, np.float32))


@pytest.mark.parametrize("dtype", ["float32", "float16"])
def test_round_trip(write_index: Writer, columns: Columns, dtype: str) -> None:
    index = SentenceIndex.open(write_index(columns, dtype=dtype))
    assert len(index) == 200
    assert index.vectors.dtype == dtype
    np.testing.assert_array_equal(index.vectors, columns.vectors.astype(dtype))
    for name in ("labels", "attributes", "section", "frequency", "cluster_size"):
        np.testing.assert_array_equal(getattr(index, name), getattr(columns, name))
    hit = index.hit(17, 0.25)
    assert (hit.text, hit.source, hit.cluster_size) == ("Sentence 17: größer.", "report-17", 2)
    assert hit.labels == tuple(columns.labels[17])
    assert index.sources[17] == ("report-17", "report-8")


def test_the_same_contents_give_the_same_bytes(write_index: Writer, columns: Columns) -> None:
    graph = exact_graph(columns.vectors)
    parts = {"graph": graph, "clusters": synthetic_clusters()}
    first, second = (write_index(columns, name=name, **parts) for name in ("one", "two"))
    for name in (MANIFEST, DATA, CLUSTERS):
        assert (first / name).read_bytes() == (second / name).read_bytes()


def test_vectors_may_be_mapped_and_are_halves_above_twenty_thousand(
    write_index: Writer, tmp_path: Path
) -> None:
    columns = synthetic_columns(20_001)
    np.save(tmp_path / "vectors.npy", columns.vectors)
    mapped = np.load(tmp_path / "vectors.npy", mmap_mode="r")
    index = SentenceIndex.open(write_index(replace(columns, vectors=mapped)))
    np.testing.assert_array_equal(index.vectors, columns.vectors.astype(np.float16))
    query = columns.vectors[7]
    np.testing.assert_allclose(index.scores(encoding(query)), columns.vectors @ query, atol=2e-3)


def test_a_vector_that_does_not_fit_is_refused(write_index: Writer, columns: Columns) -> None:
    for value, dtype in ((np.nan, "float32"), (np.inf, "float32"), (1e6, "float16")):
        columns.vectors[5, 3] = value
        with pytest.raises(ValueError, match="vectors"):
            write_index(columns, dtype=dtype)


def test_raw_vectors_beyond_halves_stay_as_they_are(write_index: Writer) -> None:
    columns = synthetic_columns(20_001)
    columns.vectors[11, 2] = 70_000
    index = SentenceIndex.open(write_index(columns))
    assert index.vectors.dtype == np.float32


def test_a_text_without_a_report_is_refused(write_index: Writer, columns: Columns) -> None:
    orphan = replace(columns, sources=Sources.of([["a"]] * 199 + [[]]))
    with pytest.raises(ValueError, match="no report id"):
        write_index(orphan)


def test_a_vector_of_another_type_is_searched_with_all_the_same(write_index: Writer) -> None:
    index = SentenceIndex.open(write_index())
    wide = np.random.default_rng(2).standard_normal((8, 2)).astype(np.float32).T[0]
    assert not wide.flags.c_contiguous or wide.strides != (4,)
    query = Encoding(wide, "tiny/1", np.full(14, 0.5, np.float32))
    same = Encoding(wide.copy(), "tiny/1", np.full(14, 0.5, np.float32))
    assert index.search(query, 9) == index.search(same, 9)
    np.testing.assert_array_equal(index.scores(query), index.scores(same))


@pytest.mark.parametrize("dtype", ["float32", "float16"])
def test_an_index_of_nothing_finds_nothing(write_index: Writer, dtype: str) -> None:
    index = SentenceIndex.open(write_index(synthetic_columns(0), dtype=dtype))
    assert len(index) == 0
    assert index.search(encoding(np.ones(8)), 5) == ()
    assert index.scores(encoding(np.ones(8))).size == 0


def test_clusters_say_what_a_row_stands_for(write_index: Writer, columns: Columns) -> None:
    index = SentenceIndex.open(write_index(columns, clusters=synthetic_clusters()))
    own, other = index.members(9)
    assert (own.text, own.sources) == (index.texts[9], ("report-9",))
    assert (other.text, other.sources) == ("As 9.", ("report-209",))
    plain = SentenceIndex.open(write_index(columns, name="plain"))
    with pytest.raises(SentenceIndexError, match="without clusters"):
        plain.members(9)


def test_clusters_are_read_only_when_they_are_touched(
    write_index: Writer, columns: Columns
) -> None:
    path = write_index(columns, clusters=synthetic_clusters())
    data = bytearray((path / CLUSTERS).read_bytes())
    data[ALIGNMENT + 3] ^= 1
    (path / CLUSTERS).write_bytes(data)
    index = SentenceIndex.open(path)
    with pytest.raises(SentenceIndexError, match="damaged"):
        index.members(0)


def test_cluster_sizes_agree_with_the_clusters(write_index: Writer, columns: Columns) -> None:
    columns.cluster_size[3] = 5
    with pytest.raises(ValueError, match="cluster_size"):
        write_index(columns, clusters=synthetic_clusters())


def test_sources_keep_all_ids_and_a_part_keeps_its_own() -> None:
    given = [["a", "b"], ["b"], ["c", "a", "d"], ["e"]]
    sources = Sources.of(given)
    assert [list(sources[n]) for n in range(4)] == given
    part = sources.take([2, 1])
    assert [list(part[n]) for n in range(2)] == [["c", "a", "d"], ["b"]]
    assert sorted(part.ids[n] for n in range(len(part.ids))) == ["a", "b", "c", "d"]
    assert Strings.of(["x", "", "größer"]).take([2, 1])[0] == "größer"


def test_sections_are_aligned_and_mapped(write_index: Writer) -> None:
    index = SentenceIndex.open(write_index())
    assert all(s["offset"] % ALIGNMENT == 0 for s in index.manifest["sections"].values())
    assert not index.vectors.flags.writeable
    assert index.vectors.base is not None


@pytest.mark.parametrize("k", [1, 6, 199, 200, 500])
def test_search_is_the_full_sort(write_index: Writer, columns: Columns, k: int) -> None:
    index = SentenceIndex.open(write_index(columns))
    for seed in range(5):
        query = np.random.default_rng(seed).standard_normal(8).astype(np.float32)
        scores = columns.vectors.astype(np.float64) @ query
        expected = sorted(range(200), key=lambda row: (-scores[row], row))[:k]
        assert [hit.row for hit in index.search(encoding(query), k)] == expected


def test_ties_go_to_the_lower_row(write_index: Writer, columns: Columns) -> None:
    columns.vectors[:] = columns.vectors[0]
    index = SentenceIndex.open(write_index(columns))
    query = columns.vectors[0]
    assert [hit.row for hit in index.search(encoding(query), 4)] == [0, 1, 2, 3]
    scores = index.scores(encoding(query))
    assert list(index.best(scores, 2, np.array([9, 40, 41]))) == [9, 40]
    assert index.best(scores, 2, np.array([], np.intp)).size == 0


def test_another_space_is_refused(write_index: Writer) -> None:
    index = SentenceIndex.open(write_index())
    with pytest.raises(SpaceMismatch, match="tiny/1"):
        index.scores(encoding(np.ones(8), space="other/2"))
    with pytest.raises(SpaceMismatch, match="inner_product"):
        index.require_space("tiny/1", "inner_product")


@pytest.mark.parametrize(
    ("section", "change"),
    [
        ("vectors", {"offset": 0}),
        ("vectors", {"offset": 2**40}),
        ("vectors", {"offset": 4097}),
        ("vectors", {"offset": 4096.0}),
        ("vectors", {"dtype": "float16"}),
        ("vectors", {"dtype": "object"}),
        ("vectors", {"shape": [200, -8]}),
        ("vectors", {"shape": [True, 8]}),
        ("labels", {"shape": [200, 13]}),
        ("text", {"shape": [10]}),
        ("text_offsets", {"offset": 4096}),
        ("links", {"shape": [199, 8]}),
        ("links", {"shape": [200, 2**61]}),
        ("entry", {"dtype": "int32"}),
        ("sources", {"shape": [399]}),
    ],
)
def test_a_manifest_forged_with_its_digest_cannot_point_outside(
    write_index: Writer, columns: Columns, section: str, change: dict[str, object]
) -> None:
    directory = write_index(columns, graph=exact_graph(columns.vectors))
    manifest = json.loads((directory / MANIFEST).read_text())
    manifest["sections"][section].update(change)
    manifest["digest"] = digest_of(manifest)
    (directory / MANIFEST).write_bytes(canonical(manifest))
    with pytest.raises(SentenceIndexError, match="geometry"):
        SentenceIndex.open(directory)


def test_two_processes_share_one_file(write_index: Writer) -> None:
    """A second reader opens the index while the first holds it; both see the same rows."""
    directory = write_index()
    first = SentenceIndex.open(directory)
    code = (
        "import sys; from cxr_edge.indexes.search import SentenceIndex\n"
        "print(SentenceIndex.open(sys.argv[1]).hit(3, 0.0).text)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(directory)], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == first.hit(3, 0.0).text


def test_vectors_of_another_length_are_refused(write_index: Writer) -> None:
    """The same name of a space is no proof where a manifest was forged."""
    index = SentenceIndex.open(write_index())
    other = Encoding(np.ones(9, np.float32), "tiny/1", np.full(14, 0.5, np.float32))
    with pytest.raises(SpaceMismatch, match="8 numbers, the encoder gives 9"):
        index.search(other, 3)
    with pytest.raises(SpaceMismatch, match="8 numbers, the encoder gives 9"):
        index.scores(other)


def test_vectors_of_no_numbers_are_refused(write_index: Writer) -> None:
    columns = replace(synthetic_columns(), vectors=np.empty((200, 0), np.float32))
    with pytest.raises(SentenceIndexError, match="geometry"):
        write_index(columns)
