"""What a network has to do, read from its graph: operations, bytes, and in which types."""

from collections.abc import Iterable
from dataclasses import dataclass
from math import prod
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from onnx import ModelProto, NodeProto

PRODUCTS = ("Conv", "Gemm", "MatMul")
DELICATE = ("LayerNormalization", "Softmax")

Shapes = dict[str, tuple[int, ...]]


@dataclass(frozen=True)
class Work:
    """One run of a network on a batch."""

    operations: int
    """Of its matrix products and convolutions; a multiplication with its addition counts two."""
    bytes: int
    """That must move at least once: weights, inputs and outputs."""
    products: tuple[str, ...]
    """Types in which products are computed, such as ``FLOAT16``."""
    delicate: tuple[str, ...]
    """Types in which normalisations and softmax are."""

    def least_ms(self, operations_per_s: float, bytes_per_s: float) -> float:
        """The roofline: no run can be quicker on a device of these rates."""
        return max(self.operations / operations_per_s, self.bytes / bytes_per_s) * 1e3


def work_of(model: bytes, batch: int) -> Work:
    """Count what a graph does.

    Args:
        model: an ONNX file with its weights; the first axis of each input is the batch.
        batch: rows.
    """
    import onnx
    from onnx import TensorProto, shape_inference

    graph = onnx.load_from_string(model)
    constants = {tensor.name for tensor in graph.graph.initializer}
    weights = sum(
        prod(tensor.dims) * _size(tensor.data_type)
        for tensor in graph.graph.initializer
        if prod(tensor.dims) > 1
    )
    for value in graph.graph.input:
        value.type.tensor_type.shape.dim[0].dim_value = batch
    # Written for a dynamic batch, they would stand against what is inferred for this one.
    del graph.graph.value_info[:]
    for value in graph.graph.output:
        value.type.tensor_type.ClearField("shape")
    told = shape_inference.infer_shapes(graph, data_prop=True).graph
    shapes: Shapes = {tensor.name: tuple(tensor.dims) for tensor in told.initializer}
    types = {tensor.name: tensor.data_type for tensor in told.initializer}
    for value in (*told.input, *told.output, *told.value_info):
        kind = value.type.tensor_type
        types[value.name] = kind.elem_type
        shapes[value.name] = tuple(axis.dim_value for axis in kind.shape.dim)
    moved = sum(
        prod(shapes[value.name]) * _size(types[value.name])
        for value in (*told.input, *told.output)
        if value.name not in constants
    )

    def kinds(nodes: Iterable[str]) -> tuple[str, ...]:
        found = {types[node.input[0]] for node in told.node if node.op_type in nodes}
        return tuple(sorted(TensorProto.DataType.Name(kind) for kind in found))

    operations = sum(_operations(node, shapes) for node in told.node if node.op_type in PRODUCTS)
    return Work(operations, weights + moved, kinds(PRODUCTS), kinds(DELICATE))


def _operations(node: "NodeProto", shapes: Shapes) -> int:
    """Two for each multiplication: outputs times the length of the sum behind each."""
    if node.op_type == "Conv":
        summed = prod(shapes[node.input[1]][1:])
    elif node.op_type == "Gemm":
        turned = any(a.name == "transA" and a.i for a in node.attribute)
        summed = shapes[node.input[0]][0 if turned else 1]
    else:
        summed = shapes[node.input[0]][-1]
    return 2 * prod(shapes[node.output[0]]) * summed


def _size(kind: int) -> int:
    from onnx import helper

    return int(helper.tensor_dtype_to_np_dtype(kind).itemsize)


def joined_weights(model: bytes, weights: dict[str, bytes]) -> bytes:
    """A graph with its weights inside, of less than 2 GiB, for those who count."""
    if not weights:
        return model
    import onnx
    from onnx import TensorProto

    graph: ModelProto = onnx.load_from_string(model)
    for tensor in graph.graph.initializer:
        if tensor.data_location == TensorProto.EXTERNAL:
            place = {entry.key: entry.value for entry in tensor.external_data}
            start = int(place.get("offset", 0))
            content = weights[place["location"]]
            tensor.raw_data = content[start : start + int(place["length"])]
            del tensor.external_data[:]
            tensor.data_location = TensorProto.DEFAULT
    whole: bytes = graph.SerializeToString()
    return whole
