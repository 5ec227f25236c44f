"""The index beside the encoder: the code of a GPU's pipeline, run on the processor."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from cxr_edge import image_network
from cxr_edge.engines.resident import MOST
from cxr_edge.errors import BundleError
from cxr_edge.networks import Networks
from cxr_edge.pipeline import Pipeline
from cxr_edge.types import Report


@pytest.fixture
def as_on_a_gpu(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], None]:
    """The processor counts as a device with so many free bytes."""

    def pretend(free: int) -> None:
        monkeypatch.setattr(image_network, "ON_DEVICE", frozenset({"cpu"}))
        monkeypatch.setattr(image_network, "free_memory", lambda: free)

    return pretend


def draft(phantom: Path, method: str, k: int = 6) -> Report:
    with Pipeline.load(engine="cpu", method=method, k=k, threads=1) as pipeline:
        return pipeline.run(phantom)


@pytest.mark.parametrize("method", ["select", "top-k"])
def test_drafts_are_those_of_a_search_on_the_processor(
    phantom: Path, method: str, as_on_a_gpu: Callable[[int], None]
) -> None:
    plain = draft(phantom, method)
    as_on_a_gpu(1 << 30)
    beside = draft(phantom, method)
    assert str(beside.provenance["search"]).startswith("exact on device: ")
    assert [hit.row for hit in beside.sentences] == [hit.row for hit in plain.sentences]
    assert [hit.text for hit in beside.sentences] == [hit.text for hit in plain.sentences]
    scores = [[hit.score for hit in report.sentences] for report in (plain, beside)]
    np.testing.assert_allclose(scores[0], scores[1], atol=2e-3)
    assert beside.findings == plain.findings
    assert beside.impression == plain.impression


def test_the_engine_finds_the_rows_and_the_index_does_not_search(
    phantom: Path, as_on_a_gpu: Callable[[int], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    as_on_a_gpu(1 << 30)
    with Pipeline.load(engine="cpu", method="top-k", k=4, threads=1) as pipeline:
        encoding = pipeline.encode(pipeline.read(phantom))
        assert encoding.nearest is not None
        assert len(encoding.nearest.rows) == 4
        assert set(encoding.extras) == set()
        wanted = pipeline.index.best(pipeline.index.scores(encoding), 4)
        np.testing.assert_array_equal(encoding.nearest.rows, wanted)
        monkeypatch.setattr("cxr_edge.indexes.search.scan", None)
        assert [hit.row for hit in pipeline.index.search(encoding, 4)] == wanted.tolist()


@pytest.mark.parametrize(
    ("free", "k", "why"),
    [
        (1000, 6, "not on device: it takes "),
        (1 << 30, MOST + 1, f"not on device: at most {MOST} rows are found there"),
    ],
)
def test_without_room_the_processor_searches_and_it_is_said(
    phantom: Path, as_on_a_gpu: Callable[[int], None], free: int, k: int, why: str
) -> None:
    as_on_a_gpu(free)
    assert why in str(draft(phantom, "top-k", k).provenance["search"])


def test_a_network_that_cannot_take_the_search_is_run_without(
    phantom: Path, as_on_a_gpu: Callable[[int], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    as_on_a_gpu(1 << 30)
    plain = Networks.open

    def refusing(networks: Networks, role: str, resident: object = None) -> object:
        if resident is not None:
            raise BundleError("TopK is not known here")
        return plain(networks, role)

    monkeypatch.setattr(Networks, "open", refusing)
    said = str(draft(phantom, "top-k").provenance["search"])
    assert said.endswith("; not on device: TopK is not known here")


def test_where_every_score_is_wanted_nothing_is_beside(
    phantom: Path, as_on_a_gpu: Callable[[int], None]
) -> None:
    as_on_a_gpu(1 << 30)
    with Pipeline.load(engine="cpu", method="guided", threads=1) as pipeline:
        assert pipeline.encode(pipeline.read(phantom)).nearest is None
        assert "guided scores every row" in str(pipeline.provenance["search"])
