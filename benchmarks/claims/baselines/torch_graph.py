"""Runs an ONNX graph with torch's own operations, one after the other, as eager code does.

So torch computes with the very weights that the engines get. Only the operations of the image
networks in FP32 are known; what is not is said by name.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as f
from numpy.typing import NDArray

from cxr_edge.errors import EngineUnavailable

Tensor = torch.Tensor
Attributes = Mapping[str, Any]
Operation = Callable[..., Tensor]


@dataclass(frozen=True)
class _Step:
    run: Operation
    attributes: Attributes
    inputs: tuple[str, ...]
    output: str


class TorchGraph:
    """A graph whose constants are tensors; what depends on nothing but them is computed once."""

    def __init__(self, steps: Sequence[_Step], constants: Mapping[str, Tensor]) -> None:
        """See ``load``."""
        self._steps, self._constants = steps, constants

    @classmethod
    def load(cls, path: Path) -> "TorchGraph":
        """Read an ONNX file, with the weights that may stand beside it.

        Raises:
            EngineUnavailable: it uses an operation that is not known here.
        """
        import onnx
        from onnx import numpy_helper

        model = onnx.load(path)
        unknown = sorted({node.op_type for node in model.graph.node} - OPERATIONS.keys())
        if unknown:
            raise EngineUnavailable(
                f"torch does not run {path.name}: {', '.join(unknown)} is not among the operations "
                "of FP32 image networks; compare an FP32 bundle"
            )
        constants = {
            tensor.name: torch.from_numpy(np.array(numpy_helper.to_array(tensor)))
            for tensor in model.graph.initializer
        }
        steps = []
        for node in model.graph.node:
            attributes = {a.name: onnx.helper.get_attribute_value(a) for a in node.attribute}
            step = _Step(
                OPERATIONS[node.op_type], attributes, tuple(node.input), str(node.output[0])
            )
            if all(name in constants for name in step.inputs if name):
                constants[step.output] = _result(step, constants)
            else:
                steps.append(step)
        return cls(steps, constants)

    def run(
        self, inputs: Mapping[str, NDArray[np.float32]], outputs: Sequence[str]
    ) -> dict[str, NDArray[np.float32]]:
        """Run it.

        Args:
            inputs: by name.
            outputs: names of those wanted; the whole graph is run all the same.
        """
        values = dict(self._constants)
        values.update({name: torch.from_numpy(array) for name, array in inputs.items()})
        with torch.inference_mode():
            for step in self._steps:
                values[step.output] = _result(step, values)
        return {name: values[name].numpy() for name in outputs}


def _result(step: _Step, values: Mapping[str, Tensor]) -> Tensor:
    return step.run(step.attributes, *(values[name] if name else None for name in step.inputs))


def _whole(tensor: Tensor) -> list[int]:
    return [int(number) for number in tensor.tolist()]


def _padding(attributes: Attributes) -> tuple[int, int]:
    pads = attributes.get("pads", [0, 0, 0, 0])
    if list(pads[:2]) != list(pads[2:]):
        raise EngineUnavailable("torch does not pad the two sides of a picture differently")
    return int(pads[0]), int(pads[1])


def _conv(attributes: Attributes, x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    return f.conv2d(
        x,
        weight,
        bias,
        stride=attributes.get("strides", [1, 1]),
        padding=_padding(attributes),
        dilation=attributes.get("dilations", [1, 1]),
        groups=attributes.get("group", 1),
    )


def _max_pool(attributes: Attributes, x: Tensor) -> Tensor:
    return f.max_pool2d(
        x,
        attributes["kernel_shape"],
        attributes.get("strides", [1, 1]),
        _padding(attributes),
        attributes.get("dilations", [1, 1]),
        bool(attributes.get("ceil_mode", 0)),
    )


def _average_pool(attributes: Attributes, x: Tensor) -> Tensor:
    return f.avg_pool2d(
        x,
        attributes["kernel_shape"],
        attributes.get("strides", [1, 1]),
        _padding(attributes),
        bool(attributes.get("ceil_mode", 0)),
        bool(attributes.get("count_include_pad", 0)),
    )


def _gemm(attributes: Attributes, a: Tensor, b: Tensor, c: Tensor | None = None) -> Tensor:
    a = a.T if attributes.get("transA", 0) else a
    b = b.T if attributes.get("transB", 0) else b
    alpha, beta = attributes.get("alpha", 1.0), attributes.get("beta", 1.0)
    return a @ b * alpha if c is None else torch.addmm(c, a, b, beta=beta, alpha=alpha)


def _normalised(attributes: Attributes, x: Tensor, scale: Tensor, bias: Tensor) -> Tensor:
    return f.layer_norm(x, scale.shape, scale, bias, attributes.get("epsilon", 1e-5))


def _slice(
    _: Attributes,
    x: Tensor,
    starts: Tensor,
    ends: Tensor,
    axes: Tensor | None = None,
    steps: Tensor | None = None,
) -> Tensor:
    first, last = _whole(starts), _whole(ends)
    along = range(len(first)) if axes is None else _whole(axes)
    stride = [1] * len(first) if steps is None else _whole(steps)
    cut = [slice(None)] * x.ndim
    for axis, begin, end, step in zip(along, first, last, stride, strict=True):
        cut[axis] = slice(begin, end, step)
    return x[tuple(cut)]


def _squeeze(_: Attributes, x: Tensor, axes: Tensor) -> Tensor:
    return x.squeeze(tuple(_whole(axes)))


def _unsqueeze(_: Attributes, x: Tensor, axes: Tensor) -> Tensor:
    rank = x.ndim + axes.numel()
    for axis in sorted(number % rank for number in _whole(axes)):
        x = x.unsqueeze(axis)
    return x


def _reshape(_: Attributes, x: Tensor, shape: Tensor) -> Tensor:
    sizes = [x.shape[at] if size == 0 else size for at, size in enumerate(_whole(shape))]
    return x.reshape(sizes)


def _expand(_: Attributes, x: Tensor, shape: Tensor) -> Tensor:
    return x.expand(np.broadcast_shapes(tuple(x.shape), tuple(_whole(shape))))


def _gather(attributes: Attributes, x: Tensor, indices: Tensor) -> Tensor:
    axis = attributes.get("axis", 0) % x.ndim
    taken = x.index_select(axis, indices.reshape(-1))
    return taken.reshape(*x.shape[:axis], *indices.shape, *x.shape[axis + 1 :])


def _reduced(reduce: Callable[..., Tensor]) -> Operation:
    def run(attributes: Attributes, x: Tensor, axes: Tensor) -> Tensor:
        return reduce(x, dim=_whole(axes), keepdim=bool(attributes.get("keepdims", 1)))

    return run


def _clip(
    _: Attributes, x: Tensor, low: Tensor | None = None, high: Tensor | None = None
) -> Tensor:
    return torch.clamp(x, low, high)


OPERATIONS: dict[str, Operation] = {
    "Add": lambda _, a, b: a + b,
    "AveragePool": _average_pool,
    "Clip": _clip,
    "Concat": lambda attributes, *parts: torch.cat(parts, attributes["axis"]),
    "Conv": _conv,
    "Div": lambda _, a, b: a / b,
    "Expand": _expand,
    "Gather": _gather,
    "Gemm": _gemm,
    "LayerNormalization": _normalised,
    "MatMul": lambda _, a, b: a @ b,
    "MaxPool": _max_pool,
    "Mul": lambda _, a, b: a * b,
    "ReduceL2": _reduced(torch.linalg.vector_norm),
    "ReduceMax": _reduced(torch.amax),
    "ReduceMean": _reduced(torch.mean),
    "ReduceSum": _reduced(torch.sum),
    "Relu": lambda _, x: torch.relu(x),
    "Reshape": _reshape,
    "Shape": lambda attributes, x: torch.tensor(
        x.shape[attributes.get("start", 0) : attributes.get("end", x.ndim)]
    ),
    "Sigmoid": lambda _, x: torch.sigmoid(x),
    "Slice": _slice,
    "Softmax": lambda attributes, x: torch.softmax(x, attributes.get("axis", -1)),
    "Squeeze": _squeeze,
    "Transpose": lambda attributes, x: x.permute(attributes["perm"]),
    "Unsqueeze": _unsqueeze,
}
"""By ONNX name; each takes the node's attributes and its inputs (None for one left out)."""
