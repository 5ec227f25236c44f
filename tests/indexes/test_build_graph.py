"""A graph from the build: sample pictures in, a graph that is searched or a reason why not."""

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import numpy as np
import pytest
from click.testing import CliRunner, Result
from synthetic_index import synthetic_columns

from cxr_edge.bundle import Bundle
from cxr_edge.errors import CorpusError, SpaceMismatch
from cxr_edge.indexes import writing
from cxr_edge.indexes.building.graphing import graph_for
from cxr_edge.indexes.building.progress import silent
from cxr_edge.indexes.building.workspace import Workspace
from cxr_edge.indexes.cli import index
from cxr_edge.indexes.contents import Graph
from cxr_edge.indexes.graph.queries import Queries
from cxr_edge.indexes.search import SentenceIndex


def build(out: Path, *arguments: object) -> Result:
    command = ["build", "grammar", "--out", str(out), "--name", "g", "--threads", "1"]
    return CliRunner().invoke(index, [*command, *map(str, arguments)])


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> SentenceIndex:
    out = tmp_path_factory.mktemp("plain") / "out"
    assert build(out).exit_code == 0
    return SentenceIndex.open(out)


@pytest.fixture(scope="module")
def pictures(plain: SentenceIndex, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Points between the sentences, as embeddings of pictures would be given."""
    rng = np.random.default_rng(0)
    vectors = np.asarray(plain.vectors)
    chosen = vectors[rng.integers(0, len(vectors), (1000, 3))].mean(axis=1)
    path = tmp_path_factory.mktemp("queries") / "queries.npy"
    np.save(path, chosen + 0.02 * rng.standard_normal(chosen.shape).astype(np.float32))
    return path


def test_a_graph_with_sample_pictures(plain: SentenceIndex, pictures: Path, tmp_path: Path) -> None:
    pytest.importorskip("hnswlib", reason="builds the plain graph")
    done = build(tmp_path / "out", "--queries", pictures, "--graph", "always", "--memory", 4096)
    assert done.exit_code == 0, done.output
    opened = SentenceIndex.open(tmp_path / "out")
    about = opened.manifest["graph"]
    assert about["recall"]["image"] >= 0.99
    assert about["queries"]["count"] == 1000
    np.testing.assert_array_equal(opened.vectors, plain.vectors)


def test_a_picture_counts_once(pictures: Path, tmp_path: Path) -> None:
    """Copies on both sides would let a graph be judged by what has shaped it."""
    np.save(tmp_path / "q.npy", np.tile(np.load(pictures)[:400], (3, 1)))
    done = build(tmp_path / "out", "--queries", tmp_path / "q.npy", "--graph", "always")
    assert done.exit_code == 0, done.output
    assert "800 of the sample pictures left out: picture that repeats" in done.stderr
    about = SentenceIndex.open(tmp_path / "out").manifest["graph"]
    assert about["refused"].startswith("400 sample queries are too few")


def test_a_graph_is_judged_by_what_is_stored(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Raw vectors beyond the range of float16 stay float32, however many they are."""
    pytest.importorskip("hnswlib", reason="builds the plain graph")
    monkeypatch.setattr(writing, "HALF_ABOVE", 1000)
    rng = np.random.default_rng(3)
    columns = synthetic_columns(1500, dimension=8)
    columns = replace(columns, vectors=rng.normal(0, 1e5, (1500, 8)).astype(np.float32))
    with Workspace(tmp_path / "out", {}) as work:
        built = graph_for(
            columns,
            Queries(rng.normal(0, 1, (1000, 8)).astype(np.float32), "raw/1"),
            cast(Bundle, SimpleNamespace(space="raw/1", metric="inner_product")),
            work,
            wanted="always",
            threads=1,
            memory=2**30,
            progress=silent,
        )
    assert isinstance(built, Graph), built
    manifest = {"name": "x", "unit": "sentence", "metric": "inner_product", "space": "raw/1"}
    index = writing.write_index(tmp_path / "out", columns, manifest=manifest, graph=built)
    assert index.vectors.dtype == np.float32


def test_no_sample_pictures_no_graph(tmp_path: Path) -> None:
    done = build(tmp_path / "out", "--graph", "always")
    assert done.exit_code == 0, done.output
    assert "sample queries" in SentenceIndex.open(tmp_path / "out").manifest["graph"]["refused"]
    assert "has no graph" in done.stderr


def test_a_small_index_gets_none_by_itself(
    plain: SentenceIndex, pictures: Path, tmp_path: Path
) -> None:
    assert "graph" not in plain.manifest
    assert build(tmp_path / "out", "--queries", pictures).exit_code == 0
    assert "graph" not in SentenceIndex.open(tmp_path / "out").manifest


def test_queries_that_do_not_fit_are_refused_before_any_work(tmp_path: Path) -> None:
    np.save(tmp_path / "q.npy", np.ones((600, 7), np.float32))
    assert isinstance(
        build(tmp_path / "out", "--queries", tmp_path / "q.npy").exception, SpaceMismatch
    )
    missing = build(tmp_path / "out", "--queries", tmp_path / "missing")
    assert isinstance(missing.exception, CorpusError)
    assert [path.name for path in tmp_path.iterdir()] == ["q.npy"]
