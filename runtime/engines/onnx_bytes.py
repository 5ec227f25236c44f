"""Small ONNX graphs written by hand, and joined to others without the package ``onnx``.

An ONNX file is one protobuf message (onnx.proto). Two facts of that encoding are all that is used
here: a message is its fields, one after the other, each with its number; and parsing two messages
that stand one behind the other gives one, in which lists are joined and messages merged. So a graph
with further nodes is the bytes of the first, followed by bytes that hold those nodes alone.
"""

from collections.abc import Iterable, Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

TYPES = {"float32": 1, "uint8": 2, "uint16": 4, "int16": 5, "int64": 7, "float16": 10}
"""``TensorProto.DataType`` by numpy's name."""

_MODEL_GRAPH = 7
_NODE, _INITIALIZER, _INPUT, _OUTPUT = 1, 5, 11, 12
_INT = 2


def node(
    kind: str, inputs: Sequence[str], outputs: Sequence[str], name: str, **attributes: int
) -> bytes:
    """A node (``NodeProto``) of the standard operators.

    Args:
        kind: operator, such as ``Gemm``.
        inputs: names of what it reads.
        outputs: names of what it makes.
        name: of the node; engines give it to their layers.
        attributes: whole numbers only.
    """
    parts = [_text(1, value) for value in inputs]
    parts += [_text(2, value) for value in outputs]
    parts += [_text(3, name), _text(4, kind)]
    for key, value in attributes.items():
        parts.append(_field(5, _text(1, key) + _number(3, value) + _number(20, _INT)))
    return _field(_NODE, b"".join(parts))


def constant(name: str, array: NDArray[np.generic]) -> bytes:
    """An initializer (``TensorProto``) of a type in ``TYPES``."""
    parts = [_number(1, size) for size in array.shape]
    parts += [_number(2, TYPES[array.dtype.name]), _text(8, name)]
    little = np.ascontiguousarray(array, array.dtype.newbyteorder("<"))
    return _field(_INITIALIZER, b"".join(parts) + _field(9, little.tobytes()))


def input_(name: str, dtype: str, shape: Sequence[int | str]) -> bytes:
    """An input of the graph; an axis is a size, or the name of an open one."""
    return _field(_INPUT, _value(name, dtype, shape))


def output(name: str, dtype: str, shape: Sequence[int | str]) -> bytes:
    """An output of the graph; an axis is a size, a name, or empty where nothing is said of it."""
    return _field(_OUTPUT, _value(name, dtype, shape))


def addition(parts: Iterable[bytes]) -> bytes:
    """What is to stand behind the bytes of a model, so that its graph has these parts as well.

    Args:
        parts: nodes, constants, inputs and outputs; nodes in the order in which they run. They may
            read whatever the model's own nodes make.
    """
    return _field(_MODEL_GRAPH, b"".join(parts))


def model(parts: Iterable[bytes], opset: int) -> bytes:
    """A model of its own, of these parts."""
    version = _number(1, 10)
    operators = _field(8, _text(1, "") + _number(2, opset))
    return version + operators + _field(_MODEL_GRAPH, _text(2, "graph") + b"".join(parts))


def without_input(model: bytes, name: str) -> bytes:
    """The same model whose graph no longer has an input of this name, for nodes that make it.

    Raises:
        ValueError: it is no model, or has no such input.
    """
    parts, found, wanted = [], False, name.encode()
    for number, whole, content in _fields(model):
        if number != _MODEL_GRAPH:
            parts.append(whole)
            continue
        kept = []
        for inner, part, value in _fields(content):
            if inner == _INPUT and (1, wanted) in [(n, c) for n, _, c in _fields(value)]:
                found = True
            else:
                kept.append(part)
        parts.append(_field(_MODEL_GRAPH, b"".join(kept)))
    if not found:
        raise ValueError(f"the graph has no input {name}")
    return b"".join(parts)


def _fields(message: bytes) -> Iterator[tuple[int, bytes, bytes]]:
    """Each field of a message: its number, all of its bytes, and its content where it has any."""
    view, place = memoryview(message), 0
    while place < len(view):
        start = place
        tag, place = _read(view, place)
        kind, content = tag & 7, b""
        if kind == 0:
            _, place = _read(view, place)
        elif kind == 2:
            size, place = _read(view, place)
            content = bytes(view[place : place + size])
            place += size
        elif kind in (1, 5):
            place += 8 if kind == 1 else 4
        else:
            raise ValueError(f"byte {start} begins no field")
        if place > len(view):
            raise ValueError("a field ends behind the message")
        yield tag >> 3, bytes(view[start:place]), content


def _read(view: memoryview, place: int) -> tuple[int, int]:
    """A varint, and where the next byte is."""
    value = shift = 0
    while place < len(view) and shift < 64:
        byte = view[place]
        place += 1
        value |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            return value, place
    raise ValueError("a number has no end")


def _value(name: str, dtype: str, shape: Sequence[int | str]) -> bytes:
    axes = []
    for axis in shape:
        if isinstance(axis, int):
            axes.append(_field(1, _number(1, axis)))
        else:
            axes.append(_field(1, _text(2, axis) if axis else b""))
    tensor = _number(1, TYPES[dtype]) + _field(2, b"".join(axes))
    return _text(1, name) + _field(2, _field(1, tensor))


def _varint(value: int) -> bytes:
    value &= (1 << 64) - 1  # negative numbers as their two's complement
    parts = bytearray()
    while value > 0x7F:
        parts.append(value & 0x7F | 0x80)
        value >>= 7
    parts.append(value)
    return bytes(parts)


def _field(number: int, content: bytes) -> bytes:
    return _varint(number << 3 | 2) + _varint(len(content)) + content


def _text(number: int, content: str) -> bytes:
    return _field(number, content.encode())


def _number(number: int, value: int) -> bytes:
    return _varint(number << 3) + _varint(value)
