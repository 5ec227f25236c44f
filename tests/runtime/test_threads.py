"""``Pipeline.load(threads=...)`` holds for the work on pixels too."""

import os
from pathlib import Path

import pytest

from cxr_edge import Pipeline, read_study
from cxr_edge.indexes import search
from cxr_edge.preprocess import fused
from cxr_edge.preprocess.native import kernels, threads_for
from cxr_edge.processors import at_most, worthwhile

LARGE = 1 << 24


def test_the_limit_ends_with_its_block() -> None:
    free = threads_for(LARGE)
    with at_most(1):
        assert threads_for(LARGE) == 1
        with at_most(None):
            assert threads_for(LARGE) == free
        assert threads_for(LARGE) == 1
    assert threads_for(LARGE) == free


def test_small_pictures_are_never_shared_out() -> None:
    with at_most(64):
        assert threads_for(1000) == 1


@pytest.mark.skipif(kernels() is None, reason="the pixel extension is not built here")
@pytest.mark.parametrize("threads", [1, None])
def test_a_pipeline_hands_its_threads_to_the_pixels(
    threads: int | None, phantom: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    used = []

    def recorded(pixels: int) -> int:
        used.append((threads_for(pixels), threads_for(LARGE)))
        return used[-1][0]

    monkeypatch.setattr(fused, "threads_for", recorded)
    with Pipeline.load(threads=threads) as pipeline:
        pipeline.draft(read_study(phantom))
    most = threads or min(len(os.sched_getaffinity(0)), 4)
    assert used
    assert used[-1][1] == most


@pytest.mark.parametrize("threads", [1, None])
@pytest.mark.parametrize("method", ["guided", "select"])
def test_a_pipeline_hands_its_threads_to_the_search(
    threads: int | None, method: str, phantom: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    used = []

    def recorded(_vectors: object) -> int:
        used.append(worthwhile(1 << 40, 1))
        return 3

    with Pipeline.load(threads=threads, method=method) as pipeline:
        alone = pipeline.draft(read_study(phantom))
        monkeypatch.setattr(search, "threads_for", recorded)
        shared = pipeline.draft(read_study(phantom))
    assert used == [threads or min(len(os.sched_getaffinity(0)), 4)]
    assert shared.sentences == alone.sentences
