"""Buffers that are bound once per shape: the code of the CUDA engine, run on the processor."""

from pathlib import Path

import numpy as np
import onnxruntime
import pytest

from cxr_edge.engines.onnxruntime_binding import CAPTURED, KEPT, BoundSession

MODEL = (Path(__file__).resolve().parents[1] / "data" / "tiny.onnx").read_bytes()


@pytest.fixture
def session() -> onnxruntime.InferenceSession:
    return onnxruntime.InferenceSession(MODEL, providers=["CPUExecutionProvider"])


def pictures(count: int, seed: int = 0) -> np.ndarray:
    chance = np.random.default_rng(seed)
    return chance.standard_normal((count, 1, 16, 16)).astype(np.float32)


@pytest.mark.parametrize("capture", [False, True])
def test_bound_runs_say_what_plain_runs_say(
    session: onnxruntime.InferenceSession, capture: bool
) -> None:
    """The number of a CUDA graph is an option that a provider without graphs passes over."""
    bound = BoundSession(onnxruntime, session, "cpu", capture=capture)
    for seed, count in enumerate([1, 1, 3, 1, 8, 3, *range(1, KEPT + 4), 1]):
        pixels = pictures(count, seed)
        wanted = session.run(["embedding", "probabilities"], {"pixels": pixels})
        got = bound.run({"pixels": pixels})
        np.testing.assert_array_equal(got["embedding"], wanted[0])
        np.testing.assert_array_equal(got["probabilities"], wanted[1])


def test_buffers_are_made_once_for_each_shape(session: onnxruntime.InferenceSession) -> None:
    bound = BoundSession(onnxruntime, session, "cpu")
    bound.run({"pixels": pictures(2)})
    (first,) = bound._bound.values()
    addresses = [v.data_ptr() for v in (*first.inputs.values(), *first.outputs.values())]
    bound.run({"pixels": pictures(2, 1)})
    bound.run({"pixels": pictures(1)})
    bound.run({"pixels": pictures(2, 2)})
    assert len(bound._bound) == 2
    kept = bound._bound[(("pixels", (2, 1, 16, 16)),)]
    assert [v.data_ptr() for v in (*kept.inputs.values(), *kept.outputs.values())] == addresses
    for count in range(3, 3 + KEPT):
        bound.run({"pixels": pictures(count)})
    assert len(bound._bound) == KEPT
    assert (("pixels", (1, 1, 16, 16)),) not in bound._bound


def test_only_single_pictures_are_captured_and_no_number_twice(
    session: onnxruntime.InferenceSession,
) -> None:
    bound = BoundSession(onnxruntime, session, "cpu", capture=True)

    def number(count: int) -> str:
        bound.run({"pixels": pictures(count)})
        options = bound._bound[(("pixels", (count, 1, 16, 16)),)].options
        return str(options.get_run_config_entry("gpu_graph_id"))

    assert number(1) == "1"
    assert number(4) == "-1"
    seen = []
    for _ in range(CAPTURED + 2):
        bound._bound.clear()  # as if other shapes had pushed it out
        seen.append(number(1))
    assert seen == [*(str(k) for k in range(2, CAPTURED + 1)), "-1", "-1", "-1"]
