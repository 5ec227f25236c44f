"""INT8: what ONNX Runtime really runs in it, and that no ReLU is lost on the way."""

from collections.abc import Callable, Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from onnx import ModelProto, NodeProto
from reduced_networks import reduced_spec
from torch import Tensor, nn

from cxr_edge.engines import load_engine, probe_all
from cxr_edge.export.calibration import preprocessed
from cxr_edge.export.graph import Graph
from cxr_edge.export.models.resnet18_baseline import RECIPE
from cxr_edge.export.precision import trace
from cxr_edge.export.quantisation import quantise
from cxr_edge.export.spec import ExportSpec, GraphSpec

MADE = ("DequantizeLinear", "Relu", "Clip", "MaxPool")
"""What stands between two quantised operations where one of them was left in float."""


def optimised(graph: Graph, folder: Path) -> ModelProto:
    """The graph that ONNX Runtime runs on the processor, after its own changes."""
    options = onnxruntime.SessionOptions()
    options.optimized_model_filepath = str(folder / "optimised.onnx")
    options.log_severity_level = 3
    onnxruntime.InferenceSession(graph.model, options, providers=["CPUExecutionProvider"])
    return onnx.load(folder / "optimised.onnx")


def kinds(model: ModelProto) -> set[str]:
    return {node.op_type for node in model.graph.node}


def detours(model: ModelProto) -> Iterator[str]:
    """Tensors widened to float and narrowed again with nothing between that needs float."""
    makers: dict[str, NodeProto] = {o: node for node in model.graph.node for o in node.output}
    for node in model.graph.node:
        if node.op_type != "QuantizeLinear":
            continue
        maker = makers.get(node.input[0])
        while maker is not None and maker.op_type in MADE[1:]:
            maker = makers.get(maker.input[0])
        if maker is not None and maker.op_type == MADE[0]:
            yield node.input[0]


def radiographs(shared_data: Path, recipe: Mapping[str, Any]) -> np.ndarray:
    """Twelve pictures as a network sees them, float32 (12, C, S, S)."""
    return preprocessed(sorted((shared_data / "nih").glob("*.png"))[:12], recipe)


def lowered(spec: ExportSpec, shared_data: Path) -> tuple[Graph, np.ndarray]:
    """The image network in INT8, and pictures that did not calibrate it."""
    image = next(graph for graph in spec.graphs if graph.role == "image")
    pictures = radiographs(shared_data, spec.recipe)
    return quantise(trace(image), image.inputs[0], pictures[::2]), pictures[1::2]


def test_a_residual_network_stays_in_int8_to_its_mean(shared_data: Path, tmp_path: Path) -> None:
    spec = reduced_spec("medclip-rn50", tmp_path)
    graph, pictures = lowered(spec, shared_data)
    model = optimised(graph, tmp_path)
    operations = [node.op_type for node in model.graph.node]
    assert operations.count("QLinearConv") == 1 + 3 * 5 + 4  # stem, five blocks, four of them wider
    assert operations.count("QLinearAdd") == 5
    assert list(detours(model)) == []
    assert not {"Conv", "Relu", "Add", "MaxPool"} & kinds(model)
    # Into INT8 go the picture and the mean over the grid, and nothing else.
    assert operations.count("QuantizeLinear") == 2
    got = load_engine("cpu", graph.model).run({"pixels": pictures})["embedding"]
    with torch.inference_mode():
        want = spec.graphs[0].module(torch.from_numpy(pictures)).numpy()
    assert (got * want).sum(axis=1).min() > 0.99


def test_the_search_for_detours_finds_one() -> None:
    model = onnx.parser.parse_model(
        """<ir_version: 10, opset_import: ["" : 20]>
        g (uint8[1] x, float s, uint8 z) => (uint8[1] y) {
            a = DequantizeLinear(x, s, z)
            b = Relu(a)
            y = QuantizeLinear(b, s, z)
        }"""
    )
    assert list(detours(model)) == ["b"]


def test_a_transformer_keeps_in_float_what_is_delicate(shared_data: Path, tmp_path: Path) -> None:
    spec = reduced_spec("cxr-repair-vit-b32", tmp_path)
    graph, pictures = lowered(spec, shared_data)
    model = optimised(graph, tmp_path)
    # Attention, the sums along the blocks, normalisations and the softmax: all as they were.
    assert {"MatMulIntegerToFloat", "LayerNormalization", "Softmax", "Add", "QuickGelu"} <= kinds(
        model
    )
    assert not [kind for kind in kinds(model) if kind.startswith("QLinear") and "Conv" not in kind]
    weights = {tensor.name for tensor in model.graph.initializer}
    for node in model.graph.node:
        if node.op_type in ("MatMul", "FusedMatMul"):
            assert not set(node.input) & weights, "a product with weights is still in float"
    got = load_engine("cpu", graph.model).run({"pixels": pictures})["embedding"]
    with torch.inference_mode():
        want = spec.graphs[0].module(torch.from_numpy(pictures)).numpy()
    assert (got * want).sum(axis=1).min() > 0.99


class Rectified(nn.Module):
    """Two convolutions and a shortcut, a rectifier behind each sum."""

    def __init__(self, rectifier: nn.Module) -> None:
        super().__init__()
        torch.manual_seed(1)
        self.first, self.second = nn.Conv2d(1, 8, 5, 4), nn.Conv2d(8, 8, 3, padding=1)
        self.rectifier = rectifier

    def before(self, pixels: Tensor) -> Tensor:
        first = self.rectifier(self.first(16 * pixels))
        return self.second(first) - first + 1.5

    def forward(self, pixels: Tensor) -> Tensor:
        return self.rectifier(self.before(pixels)).flatten(1)


class Above(nn.Module):
    """A lower bound that is not zero, as one that keeps a division from zero."""

    def forward(self, x: Tensor) -> Tensor:
        return torch.clamp(torch.relu(x), min=0.25)


@pytest.fixture(scope="module")
def grey(shared_data: Path) -> np.ndarray:
    """Radiographs as one channel, float32 (N, 1, S, S)."""
    return radiographs(shared_data, RECIPE.to_json())[:, :1]


def samples(count: int, chance: np.random.Generator) -> tuple[np.ndarray]:
    return (chance.standard_normal((count, 1, 320, 320)).astype(np.float32),)


@pytest.fixture(scope="module")
def rectified(grey: np.ndarray) -> Callable[[nn.Module], tuple[Rectified, Graph]]:
    """The network with a rectifier, and its graph in INT8; each is made once."""

    @cache
    def make(rectifier: nn.Module) -> tuple[Rectified, Graph]:
        network = Rectified(rectifier).eval()
        spec = GraphSpec("image", network, ("pixels",), ("embedding",), samples)
        return network, quantise(trace(spec), "pixels", grey[::2])

    return make


@pytest.mark.parametrize("engine", ["cpu", "openvino"])
@pytest.mark.parametrize(
    ("rectifier", "lowest", "highest", "left"),
    [
        (nn.ReLU(), 0.0, np.inf, set()),
        (nn.ReLU6(), 0.0, 6.0, set()),
        (Above(), 0.25, np.inf, {"Clip"}),
    ],
    ids=["relu", "relu6", "above"],
)
def test_what_a_rectifier_cuts_off_is_cut_off(
    rectifier: nn.Module,
    lowest: float,
    highest: float,
    left: set[str],
    engine: str,
    rectified,
    grey,
) -> None:
    answer = probe_all()[engine]
    if not answer.available:
        pytest.skip(f"{engine}: {answer.detail}")
    network, graph = rectified(rectifier)
    model = onnx.load_from_string(graph.model)
    assert {"Relu", "Clip"} & kinds(model) == left
    got = load_engine(engine, graph.model).run({"pixels": grey[1::2]})["embedding"]
    with torch.inference_mode():
        before = network.before(torch.from_numpy(grey[1::2])).flatten(1).numpy()
        want = network(torch.from_numpy(grey[1::2])).numpy()
    far = 0.05 * want.max()  # a few steps of eight bits
    assert (before < lowest - far).mean() > 0.1
    assert got.min() >= lowest - 1e-6
    assert got.max() <= highest + far
    np.testing.assert_allclose(got[before < lowest - far], lowest, atol=1e-6)
    if highest < np.inf:
        assert (before > highest + far).any()
        np.testing.assert_allclose(got[before > highest + far], highest, atol=far)
    assert np.abs(got - want).max() < 2 * far
    assert np.abs(got - want).mean() < 0.2 * far
