"""OpenVINO computes in the precision of the graph, and right where it is known to go wrong."""

import os
import subprocess
import sys
from itertools import product
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from onnx.reference import ReferenceEvaluator

from cxr_edge.engines import load_engine
from cxr_edge.engines.openvino import _library, probe
from cxr_edge.export.graph import Graph
from cxr_edge.export.quantisation import quantise

if not probe().available:
    pytest.skip(probe().detail, allow_module_level=True)

MODEL = Path(__file__).resolve().parents[1] / "data" / "tiny.onnx"


def reduced(kind: str, after: str, keep: int) -> bytes:
    """A product, a reduction over its last axis, and something per row behind it."""
    chance = np.random.default_rng(1)
    rows = (14, 1) if keep else (14,)
    nodes = [
        helper.make_node("Mul", ["x", "weight"], ["weighted"]),
        helper.make_node(kind, ["weighted", "axes"], ["reduced"], keepdims=keep),
        helper.make_node(after, ["reduced", "row"], ["y"]),
    ]
    graph = helper.make_graph(
        nodes,
        "reduced",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", 14, 32])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)],
        [
            numpy_helper.from_array(chance.standard_normal((1, 14, 32), np.float32), "weight"),
            numpy_helper.from_array(chance.standard_normal(rows, np.float32), "row"),
            numpy_helper.from_array(np.array([2], np.int64), "axes"),
        ],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10)
    return bytes(model.SerializeToString())


@pytest.mark.parametrize(
    ("kind", "after", "keep"),
    list(product(["ReduceSum", "ReduceMean", "ReduceMax"], ["Add", "Mul"], [0, 1])),
)
def test_what_follows_a_reduction_is_right_for_several_rows(
    kind: str, after: str, keep: int
) -> None:
    model = reduced(kind, after, keep)
    engine = load_engine("openvino", model, 1)
    reference = ReferenceEvaluator(onnx.load_from_string(model))
    for count in (1, 2, 5):
        x = np.random.default_rng(count).standard_normal((count, 14, 32)).astype(np.float32)
        outputs = engine.run({"x": x})
        assert list(outputs) == ["y"]
        np.testing.assert_allclose(outputs["y"], reference.run(None, {"x": x})[0], atol=1e-5)
    engine.close()


def test_fp32_is_fp32() -> None:
    """Its own default on recent processors is bfloat16, which is off by far more."""
    chance = np.random.default_rng(2)
    weight = chance.standard_normal((256, 64)).astype(np.float32)
    graph = helper.make_graph(
        [helper.make_node("MatMul", ["x", "weight"], ["y"])],
        "product",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", 256])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["n", 64])],
        [numpy_helper.from_array(weight, "weight")],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10)
    x = chance.standard_normal((16, 256)).astype(np.float32)
    engine = load_engine("openvino", model.SerializeToString(), 1)
    got = engine.run({"x": x})["y"]
    engine.close()
    exact = x.astype(np.float64) @ weight.astype(np.float64)
    # 256 sums of products of FP32 numbers; bfloat16 has 2^-8 in the place of 2^-24.
    assert np.abs(got - exact).max() < 256 * 2.0**-24 * np.abs(x).max() * np.abs(weight).max()


def test_the_int8_graph_of_onnxruntime_runs_in_int8() -> None:
    openvino = _library()  # a plain import would tell its vendor
    chance = np.random.default_rng(3)
    kernel = chance.standard_normal((8, 1, 5, 5)).astype(np.float32)
    weight = chance.standard_normal((8, 6)).astype(np.float32)
    nodes = [
        helper.make_node("Conv", ["pixels", "kernel"], ["grid"], strides=[2, 2]),
        helper.make_node("Relu", ["grid"], ["positive"]),
        helper.make_node("GlobalAveragePool", ["positive"], ["pooled"]),
        helper.make_node("Flatten", ["pooled"], ["flat"]),
        helper.make_node("MatMul", ["flat", "weight"], ["embedding"]),
    ]
    graph = helper.make_graph(
        nodes,
        "small",
        [helper.make_tensor_value_info("pixels", TensorProto.FLOAT, ["n", 1, 32, 32])],
        [helper.make_tensor_value_info("embedding", TensorProto.FLOAT, ["n", 6])],
        [numpy_helper.from_array(kernel, "kernel"), numpy_helper.from_array(weight, "weight")],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10)
    pictures = chance.standard_normal((16, 1, 32, 32)).astype(np.float32)
    int8 = quantise(Graph(model.SerializeToString()), "pixels", pictures)
    wanted = ReferenceEvaluator(model).run(None, {"pixels": pictures})[0]
    engine = load_engine("openvino", int8.model, 1)
    got = engine.run({"pixels": pictures})["embedding"]
    engine.close()
    # Eight bits of activations and seven of weights, two layers.
    assert np.abs(got - wanted).max() < 0.05 * np.abs(wanted).max()
    compiled = openvino.Core().compile_model(
        openvino.Core().read_model(int8.model), "CPU", {"INFERENCE_PRECISION_HINT": "f32"}
    )
    kinds = {
        str(op.get_rt_info()["layerType"].astype(str)): str(
            op.get_rt_info()["runtimePrecision"].astype(str)
        )
        for op in compiled.get_runtime_model().get_ordered_ops()
        if "layerType" in op.get_rt_info()
    }
    assert kinds["Convolution"] in ("i8", "u8")


def test_half_an_installation_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "openvino.py").write_text("raise RuntimeError('half an\\ninstallation')")
    code = (
        "import sys\nfrom cxr_edge.engines import load_engine\n"
        "from cxr_edge.errors import EngineUnavailable\n"
        "try:\n    load_engine('openvino', open(sys.argv[1], 'rb').read(), 1)\n"
        "except EngineUnavailable as problem:\n    print(problem)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(MODEL)],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
    )
    assert done.stdout == (
        "openvino does not import (installation); run: pip install --force-reinstall openvino\n"
    )
