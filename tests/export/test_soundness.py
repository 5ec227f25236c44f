"""A traced graph has a symbolic batch everywhere, and no name twice."""

import numpy as np
import onnx
import pytest
import torch
from onnx import TensorProto, helper, numpy_helper
from torch import nn

from cxr_edge.errors import ParityError
from cxr_edge.export.precision import trace
from cxr_edge.export.soundness import require_sound
from cxr_edge.export.spec import GraphSpec


def two_sums(batch: int | str = "batch") -> onnx.ModelProto:
    """x + one -> y, y + one -> z; as an engine takes it."""
    one = numpy_helper.from_array(np.ones(3, np.float32), "one")
    model = helper.make_model(
        helper.make_graph(
            [
                helper.make_node("Add", ["x", "one"], ["y"], "first"),
                helper.make_node("Add", ["y", "one"], ["z"], "second"),
            ],
            "sums",
            [helper.make_tensor_value_info("x", TensorProto.FLOAT, [batch, 3])],
            [helper.make_tensor_value_info("z", TensorProto.FLOAT, [batch, 3])],
            [one],
        )
    )
    onnx.checker.check_model(model)
    return model


def test_a_sound_graph_passes() -> None:
    model = two_sums()
    before = model.SerializeToString()
    require_sound("image", model)
    assert model.SerializeToString() == before


def repeat_initializer(model: onnx.ModelProto) -> None:
    model.graph.initializer.append(model.graph.initializer[0])


def repeat_node(model: onnx.ModelProto) -> None:
    model.graph.node[1].name = "first"


def repeat_value(model: onnx.ModelProto) -> None:
    model.graph.node[0].output[0] = "x"


def repeat_output(model: onnx.ModelProto) -> None:
    model.graph.output.append(model.graph.output[0])


def fix_output(model: onnx.ModelProto) -> None:
    model.graph.output[0].type.tensor_type.shape.dim[0].dim_value = 2


def forget_shape(model: onnx.ModelProto) -> None:
    model.graph.output[0].type.tensor_type.ClearField("shape")


@pytest.mark.parametrize(
    ("break_it", "said"),
    [
        (repeat_initializer, r"1 names of tensors repeat \(one\)"),
        (repeat_node, r"1 names of nodes repeat \(first\)"),
        (repeat_value, r"1 names of tensors repeat \(x\)"),
        (repeat_output, r"1 names of outputs repeat \(z\)"),
        (fix_output, "the batch of z is fixed or unknown"),
        (forget_shape, "the batch of z is fixed or unknown"),
    ],
)
def test_what_is_broken_is_named_in_one_line(break_it, said: str) -> None:
    model = two_sums()
    break_it(model)
    with pytest.raises(ParityError, match=said) as refusal:
        require_sound("image", model)
    assert str(refusal.value).startswith("image: ")
    assert "\n" not in str(refusal.value)


def test_everything_is_said_at_once() -> None:
    model = two_sums(2)
    repeat_node(model)
    with pytest.raises(ParityError, match=r"the batch of x, z is fixed.*; 1 names of nodes"):
        require_sound("image", model)


class _Fixed(nn.Module):
    """Answers with as many rows as it was traced with, whatever it is given."""

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        return x.sum(dim=1, keepdim=True), torch.arange(6.0).reshape(2, 3)


def test_the_tracer_refuses_a_network_that_forgets_its_batch() -> None:
    def samples(count: int, chance: np.random.Generator):
        return (chance.standard_normal((count, 3)).astype(np.float32),)

    spec = GraphSpec("image", _Fixed().eval(), ("x",), ("embedding", "table"), samples)
    with pytest.raises(ParityError, match="the batch of table is fixed or unknown"):
        trace(spec)
