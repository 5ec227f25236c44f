"""Every engine that is present runs the same tiny network; the rest say why they cannot."""

from collections.abc import Callable
from importlib.metadata import metadata, version
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest

from cxr_edge.bundle import Bundle, write_bundle
from cxr_edge.engines import (
    ENGINES,
    ONLY_BY_NAME,
    Probe,
    choose_engine,
    default_threads,
    engine_module,
    load_engine,
    load_network,
    probe_all,
)
from cxr_edge.engines.packages import required
from cxr_edge.errors import BundleError, EngineUnavailable
from cxr_edge.pipeline import Pipeline, locate

DATA = Path(__file__).resolve().parents[1] / "data"
EXTRAS = metadata("cxr-edge").get_all("Provides-Extra") or []
MODEL = (DATA / "tiny.onnx").read_bytes()


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


def test_inputs_that_do_not_fit_are_a_bundle_error(engine_name: str) -> None:
    engine = load_engine(engine_name, MODEL, threads=1)
    for inputs in (
        {"pixels": np.zeros((1, 1, 5, 5), np.float32)},
        {"pictures": np.zeros((1, 1, 16, 16), np.float32)},
    ):
        with pytest.raises(BundleError, match="does not run on its input") as caught:
            engine.run(inputs)
        assert "\n" not in str(caught.value)
    engine.close()
    engine.close()


def test_an_answer_is_not_overwritten_by_the_next(engine_name: str) -> None:
    engine = load_engine(engine_name, MODEL, threads=1)
    pixels = np.random.default_rng(3).standard_normal((2, 1, 16, 16)).astype(np.float32)
    first = engine.run({"pixels": pixels})["embedding"]
    engine.run({"pixels": -pixels})
    np.testing.assert_allclose(first, expected(pixels)[0], atol=1e-5)
    engine.close()


def test_weights_outside_are_the_bytes_given(
    engine_name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file of the same name in the current folder is not what was checked, and is not read."""
    model = onnx.load_from_string(MODEL)
    onnx.save(
        model,
        tmp_path / "outside.onnx",
        save_as_external_data=True,
        location="tiny.data",
        size_threshold=64,
    )
    graph = (tmp_path / "outside.onnx").read_bytes()
    weights = {"tiny.data": (tmp_path / "tiny.data").read_bytes()}
    (tmp_path / "tiny.data").write_bytes(bytes(len(weights["tiny.data"])))
    monkeypatch.chdir(tmp_path)
    assert len(graph) < len(MODEL)
    pixels = np.random.default_rng(4).standard_normal((2, 1, 16, 16)).astype(np.float32)
    engine = load_engine(engine_name, graph, 1, weights)
    outputs = engine.run({"pixels": pixels})
    engine.close()
    for found, wanted in zip(outputs.values(), expected(pixels), strict=True):
        np.testing.assert_allclose(found, wanted, atol=1e-5)


def test_the_embedded_default_says_the_same_on_every_engine(engine_name: str) -> None:
    """Against ONNX Runtime itself in FP32, which the parity gate compared with torch."""
    bundle = Bundle.load(locate("bundle", None))
    pixels = np.random.default_rng(5).standard_normal((5, 1, 128, 128)).astype(np.float32)
    session = onnxruntime.InferenceSession(bundle.read("image.onnx"))
    wanted = session.run(["embedding", "probabilities"], {"pixels": pixels})
    engine = load_engine(engine_name, bundle.read("image.onnx"))
    for rows in (slice(0, 1), slice(0, 5), slice(2, 4)):
        outputs = engine.run({"pixels": pixels[rows]})
        np.testing.assert_allclose(outputs["embedding"], wanted[0][rows], atol=1e-5)
        np.testing.assert_allclose(outputs["probabilities"], wanted[1][rows], atol=1e-5)
    engine.close()


def test_a_report_says_which_engine_made_it(engine_name: str, phantom: Path) -> None:
    with Pipeline.load(engine=engine_name, threads=1) as pipeline:
        provenance = pipeline.run(phantom).provenance
    assert provenance["engine"] == engine_name
    package = str(provenance["engine_version"]).split()
    assert version(package[0]) == package[1]
    assert provenance["provider"]
    assert provenance["precision"] == "fp32"


def test_auto_takes_the_first_that_is_available() -> None:
    first = next(
        name
        for name, answer in probe_all().items()
        if answer.available and name not in ONLY_BY_NAME
    )
    engine = load_engine("auto", MODEL)
    assert engine.info.name == first
    assert engine.info.threads == default_threads()
    engine.close()


@pytest.fixture
def everything_available(monkeypatch: pytest.MonkeyPatch) -> None:
    """As on a machine with a GPU and every library."""
    for name in ENGINES:
        monkeypatch.setattr(engine_module(name), "probe", lambda: Probe(True, "here"))


@pytest.mark.usefixtures("everything_available")
def test_int8_stays_on_processors() -> None:
    """Its gate ran there; nothing is known of what a GPU's library makes of such a graph."""
    assert choose_engine("auto", "fp16") == "tensorrt"
    assert choose_engine("auto", "int8") == "cpu"
    assert choose_engine("openvino", "int8") == "openvino"
    for name in ("tensorrt", "tensorrt-rtx", "cuda"):
        assert choose_engine(name, "fp32") == name
        with pytest.raises(EngineUnavailable, match=f"engine {name} is not for INT8, .* cpu"):
            choose_engine(name, "int8")


@pytest.mark.usefixtures("everything_available")
def test_a_bundle_in_int8_is_loaded_by_its_own_statement(tmp_path: Path) -> None:
    embedded = Bundle.load(locate("bundle", None))
    manifest = {k: v for k, v in embedded.manifest.items() if k not in ("files", "digest")}
    network = {**manifest["networks"]["image"], "precision": "int8"}
    manifest |= {"networks": {"image": network}}
    files = {name: embedded.read(name) for name in embedded.manifest["files"]}
    stated = write_bundle(tmp_path / "int8", manifest, files)
    engine = load_network(stated, "image", "auto", 1)
    assert engine.info.name == "cpu"
    engine.close()
    with pytest.raises(EngineUnavailable, match="engine cuda is not for INT8"):
        load_network(stated, "image", "cuda", 1)


def test_an_unknown_engine_is_named_with_the_known_ones() -> None:
    with pytest.raises(EngineUnavailable, match=r"unknown engine 'abacus'; known: auto, "):
        load_engine("abacus", MODEL)


def test_a_named_engine_is_never_replaced_by_another(
    installed: Callable[[dict[str, str]], None],
) -> None:
    installed({"onnxruntime": "1.31.1"})
    for name, package in (("cuda", "onnxruntime-gpu"), ("openvino", "openvino")):
        with pytest.raises(EngineUnavailable, match=f"{package} is not installed; run: "):
            load_engine(name, MODEL)


def test_two_distributions_of_one_module_are_refused(
    installed: Callable[[dict[str, str]], None],
) -> None:
    installed({"onnxruntime": "1.31.1", "onnxruntime-gpu": "1.31.1"})
    for name, extra in (("cpu", "cpu"), ("cuda", "gpu")):
        remedy = (
            r"pip uninstall -y onnxruntime onnxruntime-gpu && "
            rf"pip install 'cxr-edge\[{extra}\]'"
        )
        with pytest.raises(EngineUnavailable, match=remedy):
            load_engine(name, MODEL)


def test_without_any_package_every_reason_is_given(
    installed: Callable[[dict[str, str]], None],
) -> None:
    installed({})
    with pytest.raises(EngineUnavailable, match=r"pip install 'cxr-edge\[cpu\]'"):
        load_engine("cpu", MODEL)
    with pytest.raises(EngineUnavailable, match="no engine can run here; ") as caught:
        load_engine("auto", MODEL)
    for name in ENGINES:
        assert (f"; {name}: " in str(caught.value)) == (name not in ONLY_BY_NAME)


def test_a_package_that_is_too_old_is_refused(
    installed: Callable[[dict[str, str]], None],
) -> None:
    installed({"onnxruntime": "1.9.3", "openvino": "2025.4.1"})
    with pytest.raises(
        EngineUnavailable, match=r"onnxruntime 1\.9\.3 is installed, 1\.24 or later"
    ):
        load_engine("cpu", MODEL)
    with pytest.raises(EngineUnavailable, match=r"pip install --upgrade 'cxr-edge\[openvino\]'"):
        load_engine("openvino", MODEL)


def test_every_engine_names_packages_of_this_project() -> None:
    """What an engine needs stands in pyproject.toml, under the extra that the fix names."""
    for name in ENGINES:
        need = engine_module(name).needs()[0]
        extras = [extra for extra in EXTRAS if required(need.name, extra) == need.required]
        assert need.required, f"{name}: {need.name} is in no extra"
        assert extras
        if need.fix:
            assert any(f"cxr-edge[{extra}]" in need.fix for extra in extras)
