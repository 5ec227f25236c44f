"""FP16 and INT8: what runs in which type, and that FP16 is refused where it would overflow."""

from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from onnx import TensorProto, numpy_helper
from torch import nn

from cxr_edge.engines import load_engine
from cxr_edge.errors import CheckpointError, ParityError, StudyError
from cxr_edge.export.calibration import (
    FEWEST,
    LIMIT,
    calibration_pictures,
    largest_in_half,
    preprocessed,
    require_half_range,
)
from cxr_edge.export.exporter import export_bundle
from cxr_edge.export.models.dcclip import Dcclip, export_spec
from cxr_edge.export.precision import DELICATE, element_types, fold_casts, trace
from cxr_edge.export.spec import GraphSpec

PRODUCTS = ("Conv", "MatMul", "Gemm")


class Perceptron(nn.Module):
    """A product, a normalisation, a product: with ``gain`` the first becomes large."""

    def __init__(self, gain: float, width: int = 16) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.first, self.norm = nn.Linear(8, width), nn.LayerNorm(width)
        self.second = nn.Linear(width, 4)
        with torch.no_grad():
            self.first.weight.mul_(gain)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.second(self.norm(self.first(x).float())).float()


def perceptron(gain: float, width: int = 16) -> GraphSpec:
    def samples(count: int, chance: np.random.Generator):
        return (chance.standard_normal((count, 8)).astype(np.float32),)

    return GraphSpec("image", Perceptron(gain, width).eval(), ("x",), ("embedding",), samples)


@pytest.fixture(scope="module")
def pictures(shared_data: Path, weights: Path) -> np.ndarray:
    return calibration_pictures(shared_data / "nih", export_spec(weights).recipe)


@pytest.fixture(scope="module")
def half(weights: Path, pictures: np.ndarray, tmp_path_factory):
    out = tmp_path_factory.mktemp("half") / "bundle"
    return export_bundle(export_spec(weights), out, precision="fp16", calibration=pictures)


def test_products_run_in_fp16_and_norms_in_fp32(half) -> None:
    seen = set()
    for file in ("image.onnx", "text.onnx"):
        model = onnx.load_from_string(half.read(file))
        onnx.checker.check_model(model, full_check=True)
        types = element_types(model)
        for value in (*model.graph.input, *model.graph.output):
            assert value.type.tensor_type.elem_type == TensorProto.FLOAT
        for node in model.graph.node:
            if node.op_type in PRODUCTS:
                assert {types[name] for name in node.input} == {TensorProto.FLOAT16}
            if node.op_type in DELICATE:
                assert types[node.input[0]] == TensorProto.FLOAT
            seen.add(node.op_type)
    assert {"Conv", "Gemm", "ReduceL2"} <= seen


def test_fp16_says_nearly_what_torch_says(half, model: Dcclip, pictures: np.ndarray) -> None:
    got = load_engine("cpu", half.read("image.onnx")).run({"pixels": pictures})
    with torch.inference_mode():
        embedding, probabilities = model.image(torch.from_numpy(pictures))
    np.testing.assert_allclose(got["embedding"], embedding, atol=2e-3)
    np.testing.assert_allclose(got["probabilities"], probabilities, atol=2e-3)
    assert half.precision == "fp16"
    assert half.manifest["parity"]["image"]["range"]["limit"] == LIMIT


def test_large_weights_too_are_stored_in_fp16() -> None:
    traced = trace(perceptron(1.0, 2048), half=True)  # the exporter folds only small ones
    folded = onnx.load_from_string(fold_casts(traced, "image").model)
    kernels = {tuple(t.dims): t for t in folded.graph.initializer if len(t.dims) == 2}
    first = Perceptron(1.0, 2048).first.weight.detach().numpy().astype(np.float16)
    stored = kernels[first.shape if first.shape in kernels else first.shape[::-1]]
    assert {t.data_type for t in kernels.values()} == {TensorProto.FLOAT16}
    got = numpy_helper.to_array(stored)
    np.testing.assert_array_equal(got if got.shape == first.shape else got.T, first)
    assert len(fold_casts(traced, "image").model) < len(traced.model)


def test_the_largest_values_are_those_torch_finds() -> None:
    spec = perceptron(3000.0)
    feeds = [{"x": spec.samples(5, np.random.default_rng(seed))[0]} for seed in (1, 2)]
    largest = largest_in_half(trace(spec, half=True), feeds)
    module = spec.module
    assert isinstance(module, Perceptron)
    with torch.inference_mode():
        hidden = torch.cat([module.first(torch.from_numpy(feed["x"])) for feed in feeds])
    # Products of FP16 weights differ from those of FP32 ones in the fourth digit.
    assert max(largest.values()) == pytest.approx(float(hidden.abs().max()), rel=2e-3)


def test_a_norm_that_would_run_in_fp16_is_refused() -> None:
    module = nn.Sequential(nn.Linear(8, 16), nn.LayerNorm(16)).eval()
    spec = perceptron(1.0)
    with pytest.raises(ParityError, match="would run in FP16, expected FP32"):
        trace(GraphSpec("image", module, spec.inputs, spec.outputs, spec.samples), half=True)


def test_a_tensor_that_would_overflow_is_named() -> None:
    spec = perceptron(30000.0)
    feeds = [{"x": spec.samples(5, np.random.default_rng(0))[0]}]
    largest = largest_in_half(trace(spec, half=True), feeds)
    beyond = [name for name, value in largest.items() if value > LIMIT]
    with pytest.raises(ParityError, match="FP16 is not safe") as caught:
        require_half_range("image", largest)
    assert beyond
    assert any(name in str(caught.value) for name in beyond)
    assert require_half_range("image", {"a": 1.0, "b": 7.5})["tensor"] == "b"
    with pytest.raises(ParityError, match="b reaches nan"):
        require_half_range("image", {"a": 1.0, "b": float("nan")})


def test_int8_is_static_and_judged_by_other_pictures(
    weights: Path, model: Dcclip, pictures: np.ndarray, tmp_path: Path
) -> None:
    spec = export_spec(weights)
    bundle = export_bundle(spec, tmp_path / "b", precision="int8", calibration=pictures, force=True)
    graph = onnx.load_from_string(bundle.read("image.onnx"))
    kinds = [node.op_type for node in graph.graph.node]
    assert {"QuantizeLinear", "DequantizeLinear", "Conv"} <= set(kinds)
    assert "DynamicQuantizeLinear" not in kinds
    types = element_types(graph)
    assert TensorProto.INT8 in types.values()
    assert {o.type.tensor_type.elem_type for o in graph.graph.output} == {TensorProto.FLOAT}
    record = bundle.manifest["parity"]["image"]
    assert record["calibrated_on"] + record["real_images"] == len(pictures)
    assert {r: n["precision"] for r, n in bundle.manifest["networks"].items()} == {
        "image": "int8",
        "text": "fp32",
    }
    got = load_engine("cpu", bundle.read("image.onnx")).run({"pixels": pictures})["embedding"]
    with torch.inference_mode():
        want = model.image(torch.from_numpy(pictures))[0].numpy()
    assert (got * want).sum(axis=1).min() > 0.95


def test_precision_below_fp32_needs_pictures(weights: Path, tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="needs --calibration"):
        export_bundle(export_spec(weights), tmp_path / "b", precision="int8")
    (tmp_path / "few").mkdir()
    (tmp_path / "few" / "labels.csv").write_text("no picture")
    with pytest.raises(StudyError, match=f"at least {FEWEST}"):
        calibration_pictures(tmp_path / "few", export_spec(weights).recipe)
    phantom = Path(__file__).resolve().parents[2] / "examples" / "phantom.dcm"
    for number in range(FEWEST):
        (tmp_path / "few" / f"{number}.dcm").write_bytes(phantom.read_bytes())
    with pytest.raises(StudyError, match="holds 1 different"):
        calibration_pictures(tmp_path / "few", export_spec(weights).recipe)
    with pytest.raises(StudyError, match="No such file"):
        calibration_pictures(tmp_path / "nowhere", export_spec(weights).recipe)


def test_a_network_of_texts_takes_no_pictures(shared_data: Path) -> None:
    folder = shared_data / "nih"
    for ask in (
        lambda: calibration_pictures(folder, {}),
        lambda: preprocessed(sorted(folder.glob("*.png"))[:1], {}),
    ):
        with pytest.raises(CheckpointError, match="takes no pictures: no --images"):
            ask()
