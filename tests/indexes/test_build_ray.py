"""The same build over Ray: the same bytes, and the same errors."""

from pathlib import Path

import numpy as np
import pytest

ray = pytest.importorskip("ray", reason="Ray is not installed: pip install 'cxr-edge[ray]'")

from cxr_edge.bundle import Bundle  # noqa: E402
from cxr_edge.errors import CorpusError  # noqa: E402
from cxr_edge.indexes.build import BuildOptions, build_index  # noqa: E402
from cxr_edge.indexes.compression.clustering import cluster, rows_that_fit  # noqa: E402
from cxr_edge.indexes.compression.pairs import normalised  # noqa: E402
from cxr_edge.indexes.corpora import open_corpus  # noqa: E402
from cxr_edge.indexes.engines import get_engine  # noqa: E402
from cxr_edge.labelers import get_labeler  # noqa: E402
from cxr_edge.pipeline import DEFAULT_DATA  # noqa: E402


@pytest.fixture(scope="module")
def engine():
    started = get_engine("ray", 2)
    yield started
    started.close()
    assert not ray.is_initialized()


def test_a_user_error_of_a_task_is_the_user_error(engine) -> None:
    with pytest.raises(CorpusError, match=r"^unknown labeler 'nobody'") as caught:
        list(engine.map(get_labeler, (), [("rules",), ("nobody",)]))
    assert "\n" not in str(caught.value)


def test_results_come_in_the_order_of_the_items(engine) -> None:
    items = [(dimension,) for dimension in range(1, 4000, 100)]
    results = list(engine.map(rows_that_fit, (64 * 2**20,), items))
    assert results == [rows_that_fit(64 * 2**20, *item) for item in items]
    assert len(set(results)) > 1


def test_representatives_are_the_same(engine, tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    centres = rng.standard_normal((50, 32))
    rows = centres[rng.integers(0, 50, 3000)] + rng.uniform(0.02, 0.8, (3000, 1)) * (
        rng.standard_normal((3000, 32))
    )
    vectors, levels = normalised(rows.astype(np.float32)), (0.01, 0.05, 0.15, 0.25, 0.4)
    np.save(tmp_path / "vectors.npy", vectors)
    here, there = np.zeros((2, 5, 3000), np.uint32)
    list(cluster(vectors, levels, here))
    list(cluster(tmp_path / "vectors.npy", levels, there, block=256, engine=engine))
    assert len(set(here[2])) < len(set(here[0])) < 3000
    np.testing.assert_array_equal(here, there)


def test_the_index_is_the_same_to_the_byte(engine, tmp_path: Path) -> None:
    bundle, made = Bundle.load(DEFAULT_DATA / "bundle"), []
    for name in ("local", "ray"):
        options = BuildOptions(name="grammar", levels=(0.0, 0.05), engine=name, threads=1)
        build_index(open_corpus("grammar"), bundle, tmp_path / name, options)
        folder = tmp_path / name
        files = sorted(path for path in folder.rglob("*") if path.is_file())
        made.append({str(path.relative_to(folder)): path.read_bytes() for path in files})
    assert len(made[0]) == 5
    assert made[0] == made[1]
