"""A traced network: its ONNX model, and beside it the weights that one message cannot hold.

A protobuf message ends at 2 GiB. Networks beyond ``LIMIT`` keep their weights outside, as ONNX's
external data: the model names a file, an offset and a length for each. Until they are written, the
weights are arrays that share torch's memory, so that nothing is held twice.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from onnx import ModelProto, TensorProto
    from onnxruntime import InferenceSession
    from torch.onnx import ONNXProgram

LIMIT = 3 * 2**29
"""Bytes of weights from which they are kept outside: 1.5 GiB, short of protobuf's 2 GiB."""

_SMALL = 1024
"""Bytes of a constant that always stays inside."""

Array = NDArray[np.generic]


@dataclass(frozen=True)
class Graph:
    """One network as ONNX.

    Attributes:
        model: the serialised model.
        weights: those that stand outside of it, by name, in the order of the data file.
    """

    model: bytes
    weights: Mapping[str, Array] = field(default_factory=dict)

    def data(self) -> Iterator[bytes]:
        """The content of the data file, one weight after the other."""
        for array in self.weights.values():
            yield np.ascontiguousarray(array).tobytes()


def take_out(program: "ONNXProgram", location: str) -> dict[str, Array]:
    """Move the weights out of a large program, before it becomes a message.

    Args:
        program: what ``torch.onnx.export`` returns; changed in place where it is large.
        location: name of the data file that will hold them.

    Returns:
        The weights by name, none where the program is small enough to keep them.
    """
    import onnx_ir

    stored = program.model.graph.initializers
    held = {
        name: value.const_value for name, value in stored.items() if value.const_value is not None
    }
    if sum(tensor.nbytes for tensor in held.values()) <= LIMIT:
        return {}
    weights: dict[str, Array] = {}
    for name, tensor in held.items():
        if tensor.nbytes < _SMALL:
            continue
        weights[name] = array = tensor.numpy()
        stored[name].const_value = onnx_ir.ExternalTensor(
            location, None, array.nbytes, tensor.dtype, shape=onnx_ir.Shape(array.shape), name=name
        )
    return weights


def assemble(model: "ModelProto", weights: Mapping[str, Array], location: str) -> Graph:
    """A graph of a model and the weights outside of it, which get their places in the data file.

    Args:
        model: its initializers of those names are changed to say where each weight lies.
        weights: by name.
        location: name of the data file.
    """
    place = 0
    for tensor in model.graph.initializer:
        if tensor.name in weights:
            array = weights[tensor.name]
            _point(tensor, array, location, place)
            place += array.nbytes
    ordered = {t.name: weights[t.name] for t in model.graph.initializer if t.name in weights}
    return Graph(bytes(model.SerializeToString(deterministic=True)), ordered)


def _point(tensor: "TensorProto", array: Array, location: str, place: int) -> None:
    """Make an initializer say that its numbers lie at an offset of the data file."""
    from onnx import TensorProto, helper

    name = tensor.name
    tensor.Clear()
    tensor.name = name
    tensor.dims.extend(array.shape)
    tensor.data_type = helper.np_dtype_to_tensor_dtype(array.dtype)
    tensor.data_location = TensorProto.EXTERNAL
    for key, value in (("location", location), ("offset", place), ("length", array.nbytes)):
        tensor.external_data.add(key=key, value=str(value))


def open_session(graph: Graph) -> "InferenceSession":
    """A quiet ONNX Runtime session on the processor; weights outside are shared, not copied."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    values = [
        onnxruntime.OrtValue.ortvalue_from_numpy(np.ascontiguousarray(array))
        for array in graph.weights.values()
    ]
    if values:
        options.add_external_initializers(list(graph.weights), values)
    return onnxruntime.InferenceSession(graph.model, options, providers=["CPUExecutionProvider"])
