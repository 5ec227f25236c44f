"""Writes tiny.onnx, the kilobyte-scale network every engine is tested with.

    python tests/data/make_tiny_onnx.py

pixels float32 (N, 1, 16, 16) -> 4x4 means -> two products: embedding (N, 8), unit length, and
probabilities (N, 14), a sigmoid. Weights come from a fixed seed and are also written to
tiny_weights.npz, so that tests compute the expected outputs with numpy.
"""

from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

HERE = Path(__file__).parent


def main() -> None:
    rng = np.random.default_rng(20261122)
    embed = rng.standard_normal((16, 8)).astype(np.float32)
    observe = rng.standard_normal((16, 14)).astype(np.float32)
    np.savez(HERE / "tiny_weights.npz", embed=embed, observe=observe)
    nodes = [
        helper.make_node(
            "AveragePool", ["pixels"], ["pooled"], kernel_shape=[4, 4], strides=[4, 4]
        ),
        helper.make_node("Flatten", ["pooled"], ["flat"]),
        helper.make_node("MatMul", ["flat", "embed"], ["raw"]),
        helper.make_node("ReduceL2", ["raw", "axes"], ["length"], keepdims=1),
        helper.make_node("Div", ["raw", "length"], ["embedding"]),
        helper.make_node("MatMul", ["flat", "observe"], ["logits"]),
        helper.make_node("Sigmoid", ["logits"], ["probabilities"]),
    ]
    graph = helper.make_graph(
        nodes,
        "tiny",
        [helper.make_tensor_value_info("pixels", TensorProto.FLOAT, ["n", 1, 16, 16])],
        [
            helper.make_tensor_value_info("embedding", TensorProto.FLOAT, ["n", 8]),
            helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, ["n", 14]),
        ],
        [
            numpy_helper.from_array(embed, "embed"),
            numpy_helper.from_array(observe, "observe"),
            numpy_helper.from_array(np.array([1], np.int64), "axes"),
        ],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10)
    onnx.checker.check_model(model, full_check=True)
    onnx.save(model, HERE / "tiny.onnx")


if __name__ == "__main__":
    main()
