"""Every engine that is present runs the same tiny network; the rest say why they cannot."""

from pathlib import Path

import numpy as np
import pytest

from cxr_edge.engines import ENGINES, default_threads, load_engine, probe_all
from cxr_edge.errors import BundleError, EngineUnavailable

DATA = Path(__file__).resolve().parents[1] / "data"
MODEL = (DATA / "tiny.onnx").read_bytes()


@pytest.fixture(params=list(ENGINES))
def engine_name(request: pytest.FixtureRequest) -> str:
    answer = probe_all()[request.param]
    if not answer.available:
        pytest.skip(f"engine {request.param}: {answer.detail}")
    return str(request.param)


def expected(pixels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    weights = np.load(DATA / "tiny_weights.npz")
    flat = pixels.astype(np.float64).reshape(-1, 4, 4, 4, 4).mean(axis=(2, 4)).reshape(-1, 16)
    raw = flat @ weights["embed"]
    logits = flat @ weights["observe"]
    return raw / np.linalg.norm(raw, axis=1, keepdims=True), 1 / (1 + np.exp(-logits))


@pytest.mark.parametrize("batch", [1, 3, 8])
def test_outputs_are_those_of_numpy(engine_name: str, batch: int) -> None:
    pixels = np.random.default_rng(batch).standard_normal((batch, 1, 16, 16)).astype(np.float32)
    engine = load_engine(engine_name, MODEL, threads=1)
    outputs = engine.run({"pixels": pixels})
    engine.close()
    embedding, probabilities = expected(pixels)
    np.testing.assert_allclose(outputs["embedding"], embedding, atol=1e-5)
    np.testing.assert_allclose(outputs["probabilities"], probabilities, atol=1e-5)


def test_info_says_what_runs(engine_name: str) -> None:
    engine = load_engine(engine_name, MODEL, threads=1)
    assert engine.info.name == engine_name
    assert engine.info.threads == 1
    assert engine.info.provider
    engine.close()


def test_a_file_that_is_no_network_is_a_bundle_error(engine_name: str) -> None:
    with pytest.raises(BundleError):
        load_engine(engine_name, b"not a network", threads=1)


def test_auto_takes_the_first_that_is_available() -> None:
    first = next(name for name, answer in probe_all().items() if answer.available)
    engine = load_engine("auto", MODEL)
    assert engine.info.name == first
    assert engine.info.threads == default_threads()
    engine.close()


def test_an_unknown_engine_is_named_with_the_known_ones() -> None:
    with pytest.raises(EngineUnavailable, match=r"unknown engine 'abacus'; known: auto, cpu"):
        load_engine("abacus", MODEL)


def _two_distributions(monkeypatch: pytest.MonkeyPatch, found: dict[str, str]) -> None:
    from cxr_edge.engines import onnxruntime_cpu

    monkeypatch.setattr(onnxruntime_cpu, "_installed", found.get)


def test_two_distributions_of_one_module_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    _two_distributions(monkeypatch, {"onnxruntime": "1.31.1", "onnxruntime-gpu": "1.31.1"})
    with pytest.raises(EngineUnavailable, match="pip uninstall -y onnxruntime onnxruntime-gpu"):
        load_engine("cpu", MODEL)


def test_a_named_engine_that_is_missing_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    _two_distributions(monkeypatch, {})
    with pytest.raises(EngineUnavailable, match=r"pip install 'cxr-edge\[cpu\]'"):
        load_engine("cpu", MODEL)
    with pytest.raises(EngineUnavailable, match=r"no engine can run here; cpu: .*not installed"):
        load_engine("auto", MODEL)
