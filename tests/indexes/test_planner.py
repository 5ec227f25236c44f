"""Which search is chosen, and that the reason says so."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from synthetic_index import exact_graph, synthetic_columns

from cxr_edge.errors import SentenceIndexError
from cxr_edge.indexes import planner
from cxr_edge.indexes.contents import NO_ROW, Columns, Graph
from cxr_edge.indexes.native import MISSING, reader
from cxr_edge.indexes.planner import choose
from cxr_edge.indexes.search import SentenceIndex
from cxr_edge.pipeline import Pipeline
from cxr_edge.types import Encoding

Writer = Callable[..., Path]
needs_reader = pytest.mark.skipif(reader is None, reason=MISSING)


@pytest.fixture(scope="module")
def big() -> Columns:
    return synthetic_columns(900, 16)


@pytest.fixture(scope="module")
def graph(big: Columns) -> Graph:
    return exact_graph(big.vectors, 12, recall=0.995, ef=200)


def test_without_a_graph_every_row_is_scored(big: Columns) -> None:
    assert choose(big.vectors, None, {}).reason == "exact: the index has no graph"
    told = choose(big.vectors, None, {"refused": "too few queries"})
    assert (told.graph, told.reason) == (False, "exact: too few queries")


@needs_reader
def test_a_slow_scan_gives_way_to_a_good_graph(big: Columns, graph: Graph) -> None:
    plan = choose(big.vectors, graph, graph.about, budget_ms=0.0)
    assert (plan.graph, plan.ef) == (True, 200)
    assert "0.995" in plan.reason
    quick = choose(big.vectors, graph, graph.about, budget_ms=1e6)
    assert not quick.graph
    assert "900 rows" in quick.reason


@needs_reader
@pytest.mark.parametrize(
    ("about", "reason"),
    [
        ({"expansion_search": 64, "recall": {"image": 0.985}}, "0.985"),
        ({"expansion_search": 64, "recall": {"text": 0.999}}, "not measured with image queries"),
        ({"expansion_search": 64}, "not measured with image queries"),
    ],
)
def test_a_graph_that_misses_for_images_is_not_followed(
    big: Columns, graph: Graph, about: dict[str, object], reason: str
) -> None:
    plan = choose(big.vectors, graph, about, budget_ms=0.0)
    assert not plan.graph
    assert reason in plan.reason


@pytest.mark.parametrize(
    "about",
    [{}, {"expansion_search": 0}, {"expansion_search": "64"}, {"expansion_search": True},
     {"expansion_search": 4, "recall": 3}, {"expansion_search": 4, "recall": {"image": "x"}}],
)  # fmt: skip
def test_a_graph_without_settings_is_an_error(
    big: Columns, graph: Graph, about: dict[str, object]
) -> None:
    with pytest.raises(SentenceIndexError, match="build the index again"):
        choose(big.vectors, graph, about)


def test_exact_is_always_possible(big: Columns, graph: Graph) -> None:
    assert choose(big.vectors, graph, graph.about, exact=True, budget_ms=0.0).reason == (
        "exact: asked for"
    )


def test_without_the_reader_the_reason_says_so(
    big: Columns, graph: Graph, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(planner, "reader", None)
    monkeypatch.setattr(planner, "MISSING", "no reader here")
    assert choose(big.vectors, graph, graph.about, budget_ms=0.0).reason == "exact: no reader here"


@needs_reader
@pytest.mark.parametrize("dtype", ["float32", "float16"])
def test_both_plans_find_the_same(
    write_index: Writer, big: Columns, graph: Graph, dtype: str
) -> None:
    wide = replace(graph, about={"expansion_search": 900, "recall": {"image": 1.0}})
    path = write_index(big, graph=wide, dtype=dtype)
    walked = SentenceIndex.open(path, budget_ms=0.0)
    scanned = SentenceIndex.open(path, exact=True)
    assert walked.plan.startswith("graph: ef 900")
    rng = np.random.default_rng(8)
    for _ in range(10):
        query = rng.standard_normal(16).astype(np.float32) + 0.5
        encoding = Encoding(query, "tiny/1", np.full(14, 0.5, np.float32))
        hits = walked.search(encoding, 7)
        assert hits == scanned.search(encoding, 7)
        scores = scanned.scores(encoding)
        assert [hit.score for hit in hits] == [scores[hit.row] for hit in hits]
        np.testing.assert_array_equal(walked.scores(encoding), scores)


@needs_reader
def test_a_foreign_link_is_noticed_by_search_and_by_verify(
    write_index: Writer, big: Columns, graph: Graph
) -> None:
    from cxr_edge.indexes.verifying import verify_values

    links = graph.links.copy()
    links[:, 3] = 900
    path = write_index(big, graph=replace(graph, links=links))
    index = SentenceIndex.open(path, budget_ms=0.0)
    encoding = Encoding(big.vectors[0], "tiny/1", np.full(14, 0.5, np.float32))
    with pytest.raises(SentenceIndexError, match="does not exist"):
        index.search(encoding, 5)
    with pytest.raises(SentenceIndexError, match="does not exist"):
        verify_values(index)


def test_a_report_says_how_its_rows_were_found() -> None:
    with Pipeline.load(method="top-k", exact=True) as pipeline:
        assert pipeline.provenance["search"] == "exact: asked for"
    with Pipeline.load(method="top-k") as pipeline:
        assert pipeline.provenance["search"] == "exact: the index has no graph"
    with Pipeline.load(method="guided") as pipeline:
        assert pipeline.provenance["search"] == "exact: guided scores every row"


@needs_reader
def test_a_beam_wider_than_the_index_is_the_whole_index(
    write_index: Writer, big: Columns, graph: Graph
) -> None:
    """Also one that no memory holds, as a forged manifest may ask for."""
    endless = replace(graph, about={"expansion_search": 10**30, "recall": {"image": 1.0}})
    path = write_index(big, graph=endless)
    encoding = Encoding(big.vectors[0], "tiny/1", np.full(14, 0.5, np.float32))
    found = SentenceIndex.open(path, budget_ms=0.0).search(encoding, 5)
    assert found == SentenceIndex.open(path, exact=True).search(encoding, 5)


@needs_reader
def test_more_rows_than_were_measured_are_searched_exactly(
    write_index: Writer, big: Columns, graph: Graph
) -> None:
    """A graph that leads nowhere, so that what came from it is seen."""
    alone = replace(graph, links=np.full_like(graph.links, NO_ROW), entry=np.array([0], np.uint32))
    index = SentenceIndex.open(write_index(big, graph=alone), budget_ms=0.0)
    encoding = Encoding(big.vectors[5], "tiny/1", np.full(14, 0.5, np.float32))
    assert [hit.row for hit in index.search(encoding, 10)] == [0]
    best = np.argsort(-index.scores(encoding), kind="stable")[:11]
    assert [hit.row for hit in index.search(encoding, 11)] == best.tolist()
    assert "more than 10 are searched exactly" in index.plan
