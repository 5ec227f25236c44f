"""What a traced graph must be like before anything is measured on it."""

from collections import Counter
from collections.abc import Iterable
from typing import TYPE_CHECKING

from cxr_edge.errors import ParityError

if TYPE_CHECKING:
    from onnx import ModelProto, ValueInfoProto

_SHOWN = 3


def require_sound(role: str, model: "ModelProto") -> None:
    """Refuse a graph whose batch is fixed, or in which two things have one name.

    A fixed batch passes every comparison at the batch that was traced; names that repeat are read
    by one engine this way and by another that way.

    Args:
        role: of the network, for the message.
        model: as traced; weights may stand outside of it.

    Raises:
        ParityError: says everything that is wrong in one line.
    """
    graph = model.graph
    fixed = [v.name for v in (*graph.input, *graph.output) if not _batched(v)]
    values = [v.name for v in graph.input]
    values += [tensor.name for tensor in graph.initializer]
    values += [name for node in graph.node for name in node.output if name]
    problems = [
        *([f"the batch of {', '.join(fixed)} is fixed or unknown"] if fixed else []),
        *_repeated("tensors", values),
        *_repeated("nodes", (node.name for node in graph.node if node.name)),
        *_repeated("outputs", (value.name for value in graph.output)),
    ]
    if problems:
        raise ParityError(
            f"{role}: the traced graph is not sound: {'; '.join(problems)}; expected a symbolic "
            "batch first everywhere and names of one's own, nothing written; change the module"
        )


def _batched(value: "ValueInfoProto") -> bool:
    """Whether the first axis has a name in the place of a number."""
    shape = value.type.tensor_type.shape.dim
    return bool(shape) and bool(shape[0].dim_param)


def _repeated(kind: str, names: Iterable[str]) -> list[str]:
    several = [name for name, count in Counter(names).items() if count > 1]
    more = ", ..." if len(several) > _SHOWN else ""
    found = f"{len(several)} names of {kind} repeat ({', '.join(several[:_SHOWN])}{more})"
    return [found] if several else []
