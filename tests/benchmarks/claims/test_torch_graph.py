"""An ONNX graph run by torch's operations gives what ONNX Runtime gives."""

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from reduced_networks import reduced_spec

from cxr_edge.benchmarks.claims.baselines.torch_graph import OPERATIONS, TorchGraph
from cxr_edge.bundle import Bundle
from cxr_edge.engines import load_engine
from cxr_edge.errors import EngineUnavailable
from cxr_edge.export.precision import trace
from cxr_edge.pipeline import locate


def compared(path: Path, inputs: dict[str, np.ndarray], tolerance: float = 1e-5) -> set[str]:
    """Names of the outputs, after each was found to be what ONNX Runtime gives."""
    engine = load_engine("cpu", path.read_bytes(), 1)
    expected = engine.run(inputs)
    engine.close()
    got = TorchGraph.load(path).run(inputs, list(expected))
    assert got.keys() == expected.keys()
    for name, values in expected.items():
        np.testing.assert_allclose(got[name], values, rtol=1e-4, atol=tolerance)
    return set(got)


def test_the_embedded_network() -> None:
    bundle = Bundle.load(locate("bundle", None))
    network = bundle.network("image")
    pixels = np.random.default_rng(0).standard_normal((1, 1, 128, 128), dtype=np.float32)
    names = compared(bundle.directory / network.file, {network.inputs[0]: pixels})
    assert names == {"embedding", "probabilities"}


@pytest.mark.parametrize("name", ["medclip-rn50", "cxr-repair-vit-b32", "resnet18-baseline"])
def test_networks_of_each_kind_at_reduced_width(name: str, tmp_path: Path) -> None:
    image = next(graph for graph in reduced_spec(name, tmp_path).graphs if graph.role == "image")
    path = tmp_path / "image.onnx"
    path.write_bytes(trace(image).model)
    samples = image.samples(1, np.random.default_rng(1))
    assert "embedding" in compared(path, dict(zip(image.inputs, samples, strict=True)))


def whole(*numbers: int) -> np.ndarray:
    return np.array(numbers, np.int64)


PICTURE = (1, 4, 9, 8)
ONE = {
    "AveragePool": (PICTURE, [], {"kernel_shape": [3, 2], "strides": [2, 1], "pads": [1, 0, 1, 0]}),
    "MaxPool": (PICTURE, [], {"kernel_shape": [3, 3], "strides": [2, 2], "pads": [1, 1, 1, 1]}),
    "Conv": (
        PICTURE,
        [np.linspace(-1, 1, 6 * 2 * 9, dtype=np.float32).reshape(6, 2, 3, 3), np.ones(6, "f4")],
        {"group": 2, "strides": [2, 1], "pads": [1, 2, 1, 2], "dilations": [1, 2]},
    ),
    "Gemm": (
        (3, 4),
        [np.linspace(0, 1, 20, dtype=np.float32).reshape(5, 4), np.ones(5, "f4")],
        {"transB": 1, "alpha": 0.5, "beta": 2.0},
    ),
    "LayerNormalization": ((2, 3, 4), [np.ones(4, "f4") * 2, np.ones(4, "f4")], {"epsilon": 1e-3}),
    "Slice": ((5, 6), [whole(1, -3), whole(9, 6), whole(0, 1), whole(2, 1)], {}),
    "Squeeze": ((1, 3, 1), [whole(0, -1)], {}),
    "Unsqueeze": ((3, 2), [whole(0, -1)], {}),
    "Reshape": ((2, 6), [whole(0, -1, 3)], {}),
    "Expand": ((1, 3), [whole(2, 1)], {}),
    "Gather": ((4, 5), [np.array([[0, 2], [1, 1]], np.int64)], {"axis": 1}),
    "ReduceL2": ((2, 3, 4), [whole(-1)], {"keepdims": 1}),
    "ReduceMax": ((2, 3, 4), [whole(1, 2)], {"keepdims": 0}),
    "ReduceMean": ((2, 3, 4), [whole(1, 2)], {"keepdims": 0}),
    "ReduceSum": ((2, 3, 4), [whole(0)], {"keepdims": 1}),
    "Clip": ((3, 4), [np.float32(-0.5), np.float32(0.5)], {}),
    "Concat": ((2, 3), [np.ones((2, 3), np.float32)], {"axis": -1}),
    "Transpose": ((2, 3, 4), [], {"perm": [2, 0, 1]}),
    "Softmax": ((2, 3, 4), [], {"axis": 1}),
    "Shape": ((2, 3, 4), [], {"start": 1, "end": 3}),
    "MatMul": ((2, 3, 4), [np.linspace(0, 1, 8, dtype=np.float32).reshape(4, 2)], {}),
    "Add": ((2, 3), [np.float32(2)], {}),
    "Mul": ((2, 3), [np.float32(2)], {}),
    "Div": ((2, 3), [np.float32(2)], {}),
    "Relu": ((2, 3), [], {}),
    "Sigmoid": ((2, 3), [], {}),
}
"""One node of every operation: shape of the input, further inputs, attributes."""


def test_every_operation_is_here() -> None:
    assert ONE.keys() == OPERATIONS.keys()


@pytest.mark.parametrize("name", sorted(ONE))
def test_one_operation(name: str, tmp_path: Path) -> None:
    shape, further, attributes = ONE[name]
    constants = [numpy_helper.from_array(np.asarray(a), f"c{n}") for n, a in enumerate(further)]
    node = helper.make_node(name, ["x", *(c.name for c in constants)], ["y"], **attributes)
    kind = TensorProto.INT64 if name == "Shape" else TensorProto.FLOAT
    graph = helper.make_graph(
        [node],
        "one",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info("y", kind, None)],
        constants,
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10)
    path = tmp_path / "one.onnx"
    onnx.save(model, path)
    given = {"x": np.random.default_rng(2).standard_normal(shape, dtype=np.float32)}
    assert compared(path, given) == {"y"}


def test_an_unknown_operation_is_named(tmp_path: Path) -> None:
    node = helper.make_node("Erf", ["x"], ["y"])
    value = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [2]) for name in "xy"]
    graph = helper.make_graph([node], "one", value[:1], value[1:])
    onnx.save(helper.make_model(graph, ir_version=10), tmp_path / "one.onnx")
    with pytest.raises(EngineUnavailable, match="Erf"):
        TorchGraph.load(tmp_path / "one.onnx")
