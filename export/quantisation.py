"""One network as an ONNX graph in INT8; FP32 at both ends.

Products run in INT8, and with them what lies between two convolutions, so that nothing there is
widened to FP32 and narrowed again. Which operations those are was measured on three networks and
two engines (docs/decisions.md), and the parity gate judges every export.
"""

import tempfile
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np
from numpy.typing import NDArray

from cxr_edge.errors import CheckpointError
from cxr_edge.export.graph import Graph
from cxr_edge.export.precision import forget_source

if TYPE_CHECKING:
    from onnx import ModelProto, NodeProto

PRODUCTS = ("Conv", "MatMul", "Gemm")
"""What INT8 is for."""
BETWEEN = ("Add", "Relu", "Clip")
"""What follows a convolution and can stay in INT8; :func:`in_float` says which of them cannot."""
WIDE = ("MatMul", "Gemm")
"""Products whose result stays in FP32: what follows is a bias, a normalisation or the end."""


class _Batches:
    """Calibration pictures one by one, as ONNX Runtime's quantiser asks for them."""

    def __init__(self, name: str, images: NDArray[np.float32]) -> None:
        self._feeds = iter([{name: image[None]} for image in images])

    def get_next(self) -> dict[str, NDArray[np.float32]] | None:
        """The next feed, None behind the last."""
        return next(self._feeds, None)


def quantise(graph: Graph, input_: str, images: NDArray[np.float32]) -> Graph:
    """Static INT8 in QDQ form: weights per channel, activations by what the pictures show.

    A ReLU behind a convolution or a sum is no longer in the graph: the eight bits of its input
    begin at zero, so that what is negative becomes zero where it is stored.

    Args:
        graph: the FP32 model.
        input_: name of its only input.
        images: float32 (N, C, S, S), real preprocessed pictures.

    Raises:
        CheckpointError: the network is too large to be quantised in one message.
    """
    import onnx
    from onnxruntime.quantization import CalibrationMethod, QuantFormat, QuantType, quantize_static
    from onnxruntime.quantization.shape_inference import quant_pre_process

    if graph.weights:
        raise CheckpointError(
            "the network is too large for INT8, expected weights below 1.5 GiB; export it with "
            "--precision fp16"
        )
    with tempfile.TemporaryDirectory() as folder:
        given, prepared, written = (Path(folder, f"{name}.onnx") for name in ("a", "b", "c"))
        given.write_bytes(graph.model)
        quant_pre_process(str(given), str(prepared), skip_symbolic_shape=True)
        quantize_static(
            str(prepared),
            str(written),
            cast(Any, _Batches(input_, images)),
            quant_format=QuantFormat.QDQ,
            op_types_to_quantize=[*PRODUCTS, *BETWEEN],
            nodes_to_exclude=list(in_float(onnx.load(prepared))),
            per_channel=True,
            # Seven bits: without VNNI, products of full eight-bit weights saturate in 16 bits.
            reduce_range=True,
            activation_type=QuantType.QUInt8,
            weight_type=QuantType.QInt8,
            calibrate_method=CalibrationMethod.MinMax,
            extra_options={"OpTypesToExcludeOutputQuantization": list(WIDE)},
        )
        model = onnx.ModelProto.FromString(written.read_bytes())
    forget_source(model)
    return Graph(bytes(model.SerializeToString(deterministic=True)))


def in_float(model: "ModelProto") -> Iterator[str]:
    """Names of nodes that stay in FP32 although others of their kind do not.

    * A product of two activations: attention's are small, and INT8 costs them more than it saves.
    * A sum that no rectifier follows: the one value through all blocks of a transformer has
      outliers, and a scale wide enough for them leaves too few steps for the rest.
    * A clip with another lower bound than zero. The eight bits always include zero, so that a
      division kept from zero by such a clip would no longer be.

    Args:
        model: its constants folded.
    """
    from onnx import numpy_helper

    stored = {tensor.name: tensor for tensor in model.graph.initializer}
    users: dict[str, list[NodeProto]] = defaultdict(list)
    for node in model.graph.node:
        for name in node.input:
            users[name].append(node)

    def rectifies(node: "NodeProto") -> bool:
        lowest = stored.get(node.input[1]) if node.op_type == "Clip" and node.input[1:] else None
        at_zero = lowest is not None and float(numpy_helper.to_array(lowest)) == 0.0
        return node.op_type == "Relu" or at_zero

    for node in model.graph.node:
        behind = users[node.output[0]]
        if (
            (node.op_type == "MatMul" and not any(name in stored for name in node.input))
            or (node.op_type == "Add" and not (len(behind) == 1 and rectifies(behind[0])))
            or (node.op_type == "Clip" and not rectifies(node))
        ):
            yield node.name
