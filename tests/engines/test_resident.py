"""Search as a part of the network: what it finds is what a search of every row finds."""

from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import numpy_helper
from onnx.reference import ReferenceEvaluator

from cxr_edge.engines import load_engine
from cxr_edge.engines.onnx_bytes import constant, model, node, output
from cxr_edge.engines.onnxruntime_binding import BoundSession
from cxr_edge.engines.resident import CANDIDATES, ERROR, MOST, OUTPUTS, SEEN, Resident

DATA = Path(__file__).resolve().parents[1] / "data"
TINY = (DATA / "tiny.onnx").read_bytes()

Found = list[tuple[np.ndarray, np.ndarray] | None]


def unit_rows(count: int, width: int, seed: int = 0) -> np.ndarray:
    rows = np.random.default_rng(seed).standard_normal((count, width))
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


def search(resident: Resident, queries: np.ndarray) -> tuple[Found, dict[str, np.ndarray]]:
    engine = load_engine("cpu", resident.graph(), 1, resident=resident.inputs)
    outputs = engine.run({"queries": queries})
    engine.close()
    return resident.read(outputs, queries), outputs


def exactly(rows: np.ndarray, query: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
    """Every row by double precision, the lower one first among equals."""
    scores = rows.astype(np.float64) @ query.astype(np.float64)
    best = np.argsort(-scores, kind="stable")[:k]
    return best, scores[best]


def test_the_bytes_are_a_sound_graph() -> None:
    resident = Resident.of(unit_rows(5000, 24), 6)
    parsed = onnx.load_from_string(resident.graph())
    onnx.checker.check_model(parsed, full_check=True)
    assert [value.name for value in parsed.graph.output] == list(OUTPUTS)
    # Written again by protobuf itself, nothing is lost or changed.
    assert onnx.load_from_string(parsed.SerializeToString()) == parsed


@pytest.mark.parametrize("dtype", ["float32", "float16", "int64", "uint8", "uint16", "int16"])
def test_constants_are_read_back_as_written(dtype: str) -> None:
    array = np.arange(-6, 6).reshape(3, 4).astype(dtype)
    parts = [
        constant("a", array),
        node("Identity", ["a"], ["b"], "same"),
        output("b", dtype, [3, "columns"]),
    ]
    parsed = onnx.load_from_string(model(parts, 18))
    np.testing.assert_array_equal(numpy_helper.to_array(parsed.graph.initializer[0]), array)
    (read,) = ReferenceEvaluator(parsed).run(None, {})
    np.testing.assert_array_equal(read, array)


@pytest.mark.parametrize("metric", ["cosine", "inner"])
@pytest.mark.parametrize("batch", [1, 8, 64])
@pytest.mark.parametrize("count", [3, 100, 2048, 7501])
def test_what_is_found_is_what_every_row_gives(count: int, batch: int, metric: str) -> None:
    chance = np.random.default_rng(count + batch)
    rows, queries = unit_rows(count, 48, count), unit_rows(batch, 48, batch + 1)
    if metric == "inner":
        rows *= chance.uniform(0.5, 40.0, (count, 1)).astype(np.float32)
        queries *= chance.uniform(0.1, 900.0, (batch, 1)).astype(np.float32)
    halves = rows.astype(np.float16)
    resident = Resident.of(halves, 10)
    assert resident.rounded is False
    sure = 0
    for query, found in zip(queries, search(resident, queries)[0], strict=True):
        best, scores = exactly(halves, query, 10)
        if found is None:
            continue
        sure += 1
        np.testing.assert_array_equal(found[0], best)
        np.testing.assert_allclose(found[1], scores, rtol=2e-5, atol=1e-4)
    # With few dimensions and thousands of rows, some neighbourhoods are too dense to be sure of.
    assert sure >= 0.9 * batch


def test_rows_in_single_precision_are_those_rounded() -> None:
    rows, queries = unit_rows(4000, 64), unit_rows(8, 64, 1)
    resident = Resident.of(rows, 6)
    assert resident.rounded is True
    for query, found in zip(queries, search(resident, queries)[0], strict=True):
        assert found is not None
        best, scores = exactly(rows.astype(np.float16), query, 6)
        np.testing.assert_array_equal(found[0], best)
        np.testing.assert_allclose(found[1], scores, atol=1e-6)
        assert np.abs(np.sort(exactly(rows, query, 6)[1]) - np.sort(scores)).max() < ERROR


def test_equal_rows_come_in_their_order() -> None:
    rows = np.repeat(unit_rows(20, 16), 4, axis=0).astype(np.float16)
    (found,) = search(Resident.of(rows, 8), rows[41:42].astype(np.float32))[0]
    assert found is not None
    assert found[0][:4].tolist() == [40, 41, 42, 43]


def test_a_crowd_of_rows_that_halves_cannot_tell_apart_is_not_guessed_at() -> None:
    rows = np.repeat(unit_rows(1, 64), 3 * CANDIDATES, axis=0)
    rows += np.random.default_rng(0).standard_normal(rows.shape).astype(np.float32) * 1e-4
    found, outputs = search(Resident.of(rows.astype(np.float16), 6), unit_rows(1, 64))
    assert found == [None]
    assert outputs[OUTPUTS[2]].shape == (1, 1)


def test_a_library_that_adds_up_in_half_precision_is_not_believed() -> None:
    rows, queries = unit_rows(4000, 64).astype(np.float16), unit_rows(4, 64, 1)
    resident = Resident.of(rows, 6)
    found, outputs = search(resident, queries)
    assert None not in found
    drift = outputs[OUTPUTS[3]]
    assert drift.shape == (4, 1)
    assert 0 < drift.max() <= SEEN
    for worse in (SEEN * 1.1, np.nan):
        changed = {**outputs, OUTPUTS[3]: np.full_like(drift, worse)}
        assert resident.read(changed, queries) == [None] * 4


@pytest.mark.parametrize("seed", range(3))
def test_half_precision_is_never_wrong_by_more_than_the_bound(seed: int) -> None:
    """By ``ERROR`` a row is excluded, so it has to hold for every product of unit vectors."""
    rows, queries = unit_rows(3000, 512, seed), unit_rows(16, 512, seed + 9)
    rows[:16] = queries  # a score of one has the largest rounding
    halves, query = rows.astype(np.float16), queries.astype(np.float16)
    products = halves.astype(np.float32) @ query.astype(np.float32).T
    scores = products.astype(np.float16).astype(np.float64)
    errors = np.abs(scores - halves.astype(np.float64) @ queries.T.astype(np.float64))
    assert errors.max() <= SEEN < ERROR


@pytest.mark.parametrize("k", [0, MOST + 1])
def test_as_many_as_can_be_found(k: int) -> None:
    with pytest.raises(ValueError, match=f"k is {k} of 9 rows"):
        Resident.of(unit_rows(9, 8), k)


def tiny_pictures(count: int) -> np.ndarray:
    chance = np.random.default_rng(count)
    return chance.standard_normal((count, 1, 16, 16)).astype(np.float32)


@pytest.mark.parametrize("batch", [1, 8, 64])
def test_behind_an_encoder_the_two_are_one_network(batch: int) -> None:
    plain = onnxruntime.InferenceSession(TINY, providers=["CPUExecutionProvider"])
    pixels = tiny_pictures(batch)
    embedding, probabilities = plain.run(["embedding", "probabilities"], {"pixels": pixels})
    rows = unit_rows(900, embedding.shape[1]).astype(np.float16)
    resident = Resident.of(rows, 6)
    joined = TINY + resident.addition()
    onnx.checker.check_model(onnx.load_from_string(joined))
    engine = load_engine("cpu", joined, 1, resident=resident.inputs)
    outputs = engine.run({"pixels": pixels})
    engine.close()
    np.testing.assert_array_equal(outputs["embedding"], embedding)
    np.testing.assert_array_equal(outputs["probabilities"], probabilities)
    for query, found in zip(embedding, resident.read(outputs, embedding), strict=True):
        if found is not None:
            np.testing.assert_array_equal(found[0], exactly(rows, query, 6)[0])


@pytest.mark.parametrize("capture", [False, True])
def test_bound_buffers_hold_the_rows_once(capture: bool) -> None:
    """The code of the CUDA engine on the processor: rows stay, pictures change."""
    rows = unit_rows(3000, 4 * 4).astype(np.float16)
    width = onnx.load_from_string(TINY).graph.output[0].type.tensor_type.shape.dim[1].dim_value
    resident = Resident.of(unit_rows(3000, width).astype(np.float16), 6)
    del rows
    session = onnxruntime.InferenceSession(
        TINY + resident.addition(), providers=["CPUExecutionProvider"]
    )
    bound = BoundSession(onnxruntime, session, "cpu", capture=capture, resident=resident.inputs)
    for batch in (1, 8, 1, 64, 8):
        pixels = tiny_pictures(batch)
        wanted = session.run(list(OUTPUTS), {"pixels": pixels, **resident.inputs})
        got = bound.run({"pixels": pixels})
        for name, value in zip(OUTPUTS, wanted, strict=True):
            np.testing.assert_array_equal(got[name], value)
