"""Graphs for image queries, with exact search as the oracle."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from synthetic_index import synthetic_columns

from cxr_edge.benchmarks.parts.vectors import Cones
from cxr_edge.errors import SpaceMismatch
from cxr_edge.indexes.contents import NO_ROW, Graph
from cxr_edge.indexes.graph import base
from cxr_edge.indexes.graph.build import FEWEST_QUERIES, Refused, build_graph
from cxr_edge.indexes.graph.neighbours import nearest
from cxr_edge.indexes.graph.queries import Queries
from cxr_edge.indexes.graph.reach import reached
from cxr_edge.indexes.graph.tune import measure
from cxr_edge.indexes.native import MISSING, reader
from cxr_edge.indexes.scan import scan, walk
from cxr_edge.indexes.search import SentenceIndex
from cxr_edge.indexes.writing import write_index
from cxr_edge.types import Encoding

pytestmark = [
    pytest.mark.skipif(reader is None, reason=MISSING),
    pytest.mark.skipif(not base.available(), reason=base.MISSING),
]
SPACE = "cones/1"
CONES = Cones(dimension=128, clusters=300)


@pytest.fixture(scope="module")
def sentences() -> np.ndarray:
    return CONES.sentences(4000, 0)


@pytest.fixture(scope="module")
def pictures() -> Queries:
    return Queries(CONES.pictures(1500, 0), SPACE)


@pytest.fixture(scope="module")
def unseen() -> np.ndarray:
    return CONES.pictures(500, 1)


@pytest.fixture(scope="module")
def graph(sentences: np.ndarray, pictures: Queries) -> Graph:
    built = build_graph(sentences, pictures, space=SPACE)
    assert isinstance(built, Graph), built
    return built


def recall(found: np.ndarray, best: np.ndarray) -> float:
    pairs = zip(found, best, strict=True)
    return float(np.mean([len(set(a) & set(b)) / len(b) for a, b in pairs]))


def test_pictures_that_it_never_saw_find_what_exact_search_finds(
    sentences: np.ndarray, graph: Graph, unseen: np.ndarray
) -> None:
    found = walk(sentences, graph, unseen, 10, ef=graph.about["expansion_search"])
    assert recall(found.rows, scan(sentences, unseen, 10).rows) >= 0.99
    assert found.computed.mean() < len(sentences) / 2


def test_links_of_queries_find_more_for_as_many_products(
    sentences: np.ndarray, graph: Graph, unseen: np.ndarray
) -> None:
    """Against the plain graph with the same entries and a beam that costs at least as much."""
    plain = replace(graph, links=base.base_links(sentences, base.Base()))
    truth = scan(sentences, unseen, 10).rows
    ours = measure(sentences, graph, unseen, truth, 48)
    theirs = measure(sentences, plain, unseen, truth, 96)
    assert theirs.computed >= ours.computed
    assert ours.recall > theirs.recall


def test_the_recall_on_record_holds_for_other_pictures(
    sentences: np.ndarray, graph: Graph, unseen: np.ndarray
) -> None:
    truth = scan(sentences, unseen, 10).rows
    again = measure(sentences, graph, unseen, truth, graph.about["expansion_search"])
    on_record = graph.about["recall"]
    both = np.hypot(again.error, on_record["image_error"])
    assert abs(again.recall - on_record["image"]) < 4 * both


def test_every_row_is_reached_and_no_link_leads_nowhere(graph: Graph) -> None:
    links = graph.links[graph.links != NO_ROW]
    assert links.max() < len(graph.links)
    assert reached(graph.links, graph.entry).all()


def test_lines_are_within_the_degree_without_gaps_repeats_or_loops(graph: Graph) -> None:
    assert graph.links.shape[1] == graph.about["degree"] == 64
    for row, line in enumerate(graph.links):
        size = int((line != NO_ROW).sum())
        assert np.all(line[:size] != NO_ROW)
        assert len(set(line[:size])) == size
        assert row not in line[:size]


def test_the_same_again_with_any_number_of_threads(
    sentences: np.ndarray, pictures: Queries, graph: Graph
) -> None:
    again = build_graph(sentences, pictures, space=SPACE, threads=2)
    assert isinstance(again, Graph)
    np.testing.assert_array_equal(again.links, graph.links)
    np.testing.assert_array_equal(again.entry, graph.entry)
    assert again.about == graph.about


def test_an_index_with_it_is_searched_along_it(
    sentences: np.ndarray, graph: Graph, unseen: np.ndarray, tmp_path: Path
) -> None:
    columns = replace(synthetic_columns(len(sentences)), vectors=sentences)
    manifest = {"name": "cones", "unit": "sentence", "metric": "cosine", "space": SPACE}
    write_index(tmp_path / "index", columns, manifest=manifest, graph=graph)
    index = SentenceIndex.open(tmp_path / "index", budget_ms=0)
    assert index.plan.startswith("graph: ")
    exact = SentenceIndex.open(tmp_path / "index", exact=True)
    shares = []
    for vector in unseen[:100]:
        query = Encoding(vector, SPACE, np.full(14, 0.5, np.float32))
        best = {hit.row for hit in exact.search(query, 10)}
        shares.append(len(best & {hit.row for hit in index.search(query, 10)}) / 10)
    assert np.mean(shares) >= 0.98  # of a hundred pictures: two standard errors below 0.99


def test_inner_products_of_vectors_of_any_length(pictures: Queries) -> None:
    lengths = np.random.default_rng(5).uniform(0.8, 1.2, (2000, 1)).astype(np.float32)
    raw = CONES.sentences(2000, 6) * lengths
    built = build_graph(raw, pictures, space=SPACE, metric="ip")
    assert isinstance(built, Graph), built
    queries = CONES.pictures(300, 7)
    found = walk(raw, built, queries, 10, ef=built.about["expansion_search"])
    assert recall(found.rows, scan(raw, queries, 10).rows) >= 0.985
    assert reached(built.links, built.entry).all()


def test_copies_of_one_sentence_cut_nothing_off(pictures: Queries) -> None:
    """A corpus that was not compressed may hold hundreds of texts with one embedding."""
    vectors = CONES.sentences(2000, 4)
    vectors[1000:1300] = vectors[7]
    built = build_graph(vectors, pictures, space=SPACE)
    assert isinstance(built, Graph), built
    assert reached(built.links, built.entry).all()


def test_halves_are_judged_as_halves(pictures: Queries) -> None:
    sentences = CONES.sentences(2000, 8)
    built = build_graph(sentences, pictures, space=SPACE, stored="float16")
    assert isinstance(built, Graph), built
    halves, queries = sentences.astype(np.float16), CONES.pictures(300, 9)
    found = walk(halves, built, queries, 10, ef=built.about["expansion_search"])
    assert recall(found.rows, scan(halves, queries, 10).rows) >= 0.985


def test_without_queries_there_is_no_graph(sentences: np.ndarray) -> None:
    built = build_graph(sentences, None, space=SPACE)
    assert isinstance(built, Refused)
    assert "no sample queries" in built.about["refused"]


def test_too_few_queries_are_refused(sentences: np.ndarray, pictures: Queries) -> None:
    few = Queries(pictures.vectors[: FEWEST_QUERIES - 1], SPACE)
    built = build_graph(sentences, few, space=SPACE)
    assert isinstance(built, Refused)
    assert f"at least {FEWEST_QUERIES}" in built.reason


def test_queries_of_another_encoder_are_refused(sentences: np.ndarray, pictures: Queries) -> None:
    with pytest.raises(SpaceMismatch, match="encode the pictures with the same bundle"):
        build_graph(sentences, replace(pictures, space="other/1"), space=SPACE)
    with pytest.raises(SpaceMismatch, match="64 dimensions"):
        build_graph(sentences, Queries(pictures.vectors[:, :64], ""), space=SPACE)


def test_a_graph_that_misses_too_much_is_refused(pictures: Queries) -> None:
    """One link a row and no structure at all: nothing leads from one best row to the next."""
    vectors = np.random.default_rng(0).standard_normal((10_000, 128)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    queries = np.random.default_rng(1).standard_normal((500, 128)).astype(np.float32)
    queries /= np.linalg.norm(queries, axis=1, keepdims=True)
    built = build_graph(
        vectors, Queries(queries, SPACE), space=SPACE, connectivity=2, expansion_add=4
    )
    assert isinstance(built, Refused), built.about
    assert "0.99 is needed" in built.reason


def test_more_memory_than_allowed_is_refused(sentences: np.ndarray, pictures: Queries) -> None:
    built = build_graph(sentences, pictures, space=SPACE, memory=2**20)
    assert isinstance(built, Refused)
    assert "--memory" in built.reason


@pytest.mark.parametrize("dtype", ["float32", "float16"])
def test_neighbours_are_those_of_exact_search(sentences: np.ndarray, dtype: str) -> None:
    rows = np.concatenate([sentences] * 2)[:9001].astype(dtype)  # more than one block
    queries = CONES.pictures(300, 3)
    scores = rows.astype(np.float64) @ queries.T.astype(np.float64)
    best = np.take_along_axis(scores, nearest(rows, queries, 20, threads=2).T.astype(int), 0)
    np.testing.assert_allclose(best, -np.sort(-scores, axis=0)[:20], atol=1e-6)
