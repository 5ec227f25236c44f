"""Preprocessing on the device: nodes before those of the encoder, to find out where it pays.

For recipes that tone and resize in one pass (``Recipe.fast``) and pictures whose tone is a line:
stored values are clipped, resized by one matrix product along each axis, and scaled, as
``cxr_edge.preprocess`` does it on the processor. ``Pipeline`` does not use it: whether it pays to
copy whole pictures to a device has not been measured on one.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cxr_edge.engines.onnx_bytes import addition, constant, input_, node, without_input
from cxr_edge.engines.resident import PREFIX as RESIDENT
from cxr_edge.errors import CxrEdgeError
from cxr_edge.preprocess import Recipe
from cxr_edge.preprocess.recipe import Normalise, Repeat, Resize, Scale, Standardise
from cxr_edge.preprocess.resample import Kernel, weights
from cxr_edge.preprocess.tone import make_tone
from cxr_edge.types import SourceImage

PREFIX = f"{RESIDENT}pixels_"
"""Begins every name; as the search's, these layers keep to their own precision."""


class NotOnDevice(CxrEdgeError):
    """A recipe or a picture that is not for the device, and why."""


@dataclass(frozen=True)
class OnDevice:
    """A recipe as nodes before an encoder, for pictures of one size.

    Attributes:
        recipe: what to do.
        name: the encoder's input.
        rows: of the pictures.
        columns: of the pictures.
    """

    recipe: Recipe
    name: str
    rows: int
    columns: int

    def __post_init__(self) -> None:
        """Refuse what the nodes cannot do.

        Raises:
            NotOnDevice: the recipe is not of the kind that fits.
        """
        first, *others = self.recipe.steps
        fits = isinstance(first, Resize) and first.height is not None and not first.eight_bit
        plain = all(isinstance(step, Standardise | Normalise | Repeat | Scale) for step in others)
        if not (self.recipe.fast and fits and plain):
            raise NotOnDevice("the recipe does not tone and resize in one pass; use the processor")

    def before(self, model: bytes, dtype: str) -> bytes:
        """An encoder that takes stored pixels; see ``inputs`` and ``resident``.

        Args:
            model: the encoder, of opset 18 or later.
            dtype: of the pixels: ``uint8``, ``uint16`` or ``int16``.
        """
        resized = self._size()
        parts = [
            input_(at("stored"), dtype, ["batch", self.rows, self.columns]),
            input_(at("low"), "float32", ["batch", 1, 1]),
            input_(at("high"), "float32", ["batch", 1, 1]),
            input_(at("gain"), "float32", ["batch", 1, 1]),
            input_(at("offset"), "float32", ["batch", 1, 1]),
            input_(at("down"), "float32", [resized[0], self.rows]),
            input_(at("across"), "float32", [self.columns, resized[1]]),
            constant(at("plane"), np.array([1, 2], np.int64)),
            constant(at("channel"), np.array([1], np.int64)),
            _node("Cast", "stored", made="whole", to=1),
            _node("Max", "whole", "low", made="floored"),
            _node("Min", "floored", "high", made="clipped"),
            _node("MatMul", "down", "clipped", made="tall"),
            _node("MatMul", "tall", "across", made="small"),
            _node("Mul", "small", "gain", made="steep"),
            _node("Add", "steep", "offset", made="toned"),
        ]
        last, planes = "toned", False
        for number, step in enumerate(self.recipe.steps[1:]):
            made = f"step{number}"
            if isinstance(step, Scale):
                parts += [_number(f"{made}_factor", step.factor)]
                parts += [_node("Mul", last, f"{made}_factor", made=made)]
            elif isinstance(step, Standardise):
                parts += _standardised(last, made, step.epsilon, planes)
            elif not planes:
                parts += [_node("Unsqueeze", last, "channel", made=f"{made}_plane")]
                last, planes = f"{made}_plane", True
            if isinstance(step, Normalise):
                for name, values in (("mean", step.mean), ("std", step.std)):
                    array = np.asarray(values, np.float32)[:, None, None]
                    parts += [constant(at(f"{made}_{name}"), array)]
                parts += [_node("Sub", last, f"{made}_mean", made=f"{made}_centred")]
                parts += [_node("Div", f"{made}_centred", f"{made}_std", made=made)]
            elif isinstance(step, Repeat):
                parts += [_node("Concat", *[last] * step.channels, made=made, axis=1)]
            last = made
        if not planes:
            parts += [_node("Unsqueeze", last, "channel", made="plane_out")]
            last = "plane_out"
        parts.append(node("Identity", [at(last)], [self.name], at("out")))
        return addition(parts) + without_input(model, self.name)

    def _size(self) -> tuple[int, int]:
        first = self.recipe.steps[0]
        assert isinstance(first, Resize)
        return int(first.height or 0), int(first.width or 0)

    def inputs(self, images: Sequence[SourceImage]) -> dict[str, NDArray[Any]]:
        """What the encoder takes for some pictures.

        Args:
            images: of that size and of one type.

        Raises:
            NotOnDevice: sizes or types differ, a tone is no line, or pixels are padding.
            StudyError: a picture is constant.
        """
        stored = [image.stored for image in images]
        shapes = {array.shape for array in stored}
        if shapes != {(self.rows, self.columns)} or len({array.dtype for array in stored}) != 1:
            raise NotOnDevice("pictures of one run have one size and one type; sort them first")
        lines = []
        for image in images:
            tone = make_tone(self.recipe.tone, image)
            if tone.table is not None or image.padding is not None or image.region is not None:
                raise NotOnDevice("a tone by table, padding or borders; use the processor")
            span = tone.high - tone.low
            gain, offset = 1.0 / span, -tone.low / span
            if tone.inverted:
                gain, offset = -gain, tone.high / span
            lines.append((tone.low, tone.high, gain, offset))
        low, high, gain, offset = np.asarray(lines, np.float32).T[:, :, None, None]
        return {
            at("stored"): np.stack(stored),
            at("low"): low,
            at("high"): high,
            at("gain"): gain,
            at("offset"): offset,
        }

    def resident(self) -> dict[str, NDArray[np.float32]]:
        """What the engine keeps on its device: the weights of both axes."""
        first = self.recipe.steps[0]
        assert isinstance(first, Resize)
        kernel = Kernel(first.kernel, first.antialias, first.align_corners)
        height, width = self._size()
        across = np.ascontiguousarray(weights(self.columns, width, kernel).T)
        return {at("down"): weights(self.rows, height, kernel), at("across"): across}


def at(name: str) -> str:
    """The name that a part has in the graph."""
    return PREFIX + name


def _node(kind: str, *given: str, made: str, **attributes: int) -> bytes:
    return node(kind, [at(name) for name in given], [at(made)], at(made), **attributes)


def _number(name: str, value: float) -> bytes:
    return constant(at(name), np.array(value, np.float32))


def _standardised(last: str, made: str, epsilon: float, planes: bool) -> list[bytes]:
    """Minus the mean, by the deviation plus epsilon, of each picture."""
    if planes:
        raise NotOnDevice("a picture is standardised before it has channels; use the processor")
    return [
        _number(f"{made}_epsilon", epsilon),
        _node("ReduceMean", last, "plane", made=f"{made}_mean", keepdims=1),
        _node("Sub", last, f"{made}_mean", made=f"{made}_centred"),
        _node("Mul", f"{made}_centred", f"{made}_centred", made=f"{made}_squares"),
        _node("ReduceMean", f"{made}_squares", "plane", made=f"{made}_variance", keepdims=1),
        _node("Sqrt", f"{made}_variance", made=f"{made}_deviation"),
        _node("Add", f"{made}_deviation", f"{made}_epsilon", made=f"{made}_divisor"),
        _node("Div", f"{made}_centred", f"{made}_divisor", made=made),
    ]
