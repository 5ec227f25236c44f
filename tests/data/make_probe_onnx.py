"""Writes runtime/data/probe.onnx, by which a GPU is asked whether it computes, and computes right.

    python tests/data/make_probe_onnx.py

pixels float32 (N, 1, 8, 8) -> a 3x3 convolution -> a product with (36, 4), all weights one. The
answer to ones is 9 * 36 in every place, exact in every floating-point format from FP16 up.
"""

from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

TARGET = Path(__file__).resolve().parents[2] / "runtime" / "data" / "probe.onnx"


def main() -> None:
    nodes = [
        helper.make_node("Conv", ["pixels", "kernel"], ["grid"]),
        helper.make_node("Flatten", ["grid"], ["flat"]),
        helper.make_node("MatMul", ["flat", "weight"], ["answer"]),
    ]
    graph = helper.make_graph(
        nodes,
        "probe",
        [helper.make_tensor_value_info("pixels", TensorProto.FLOAT, ["n", 1, 8, 8])],
        [helper.make_tensor_value_info("answer", TensorProto.FLOAT, ["n", 4])],
        [
            numpy_helper.from_array(np.ones((1, 1, 3, 3), np.float32), "kernel"),
            numpy_helper.from_array(np.ones((36, 4), np.float32), "weight"),
        ],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10)
    onnx.checker.check_model(model, full_check=True)
    onnx.save(model, TARGET)


if __name__ == "__main__":
    main()
