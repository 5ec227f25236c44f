"""Real pictures for an export, and whether FP16 can hold what they make of a network.

FP16 ends at 65,504. Values beyond become infinite, and a picture that makes them may be the one
after the last that was tried: an eighth of the range is the most that is accepted here.
"""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from cxr_edge.dicom import StudyReader
from cxr_edge.errors import CheckpointError, ParityError, StudyError
from cxr_edge.export.graph import Array, Graph, assemble, open_session
from cxr_edge.export.precision import element_types
from cxr_edge.preprocess import Recipe, apply

if TYPE_CHECKING:
    from onnx import ModelProto, NodeProto

LIMIT = 65504.0 / 8
"""Largest absolute value a tensor may reach that is to be held in FP16."""

FEWEST = 8
"""Fewest pictures that calibrate anything."""
MOST = 256
"""Most files that are looked at; more pictures hardly widen a range, and each one costs a run."""

Feed = Mapping[str, NDArray[np.generic]]


def preprocessed(paths: Sequence[Path], recipe: Mapping[str, Any]) -> NDArray[np.float32]:
    """Real pictures as the network will see them: float32 (N, C, S, S).

    Raises:
        StudyError: a picture cannot be read.
        CheckpointError: the architecture takes no pictures.
    """
    steps = _steps(recipe)
    with StudyReader() as reader:
        return np.concatenate([apply(steps, reader.read(str(path)).image) for path in paths])


def calibration_pictures(folder: Path, recipe: Mapping[str, Any]) -> NDArray[np.float32]:
    """The pictures of a folder as the network will see them: float32 (N, C, S, S), by file name.

    What is no picture, such as a table of labels beside them, is passed over.

    Raises:
        StudyError: no folder, or fewer than ``FEWEST`` different pictures among its first ``MOST``
            files.
        CheckpointError: the architecture takes no pictures.
    """
    expected = f"expected a folder of at least {FEWEST} chest radiographs (DICOM, PNG or JPEG)"
    try:
        files = sorted(path for path in folder.iterdir() if path.is_file())[:MOST]
    except OSError as problem:
        raise StudyError(f"{folder}: {problem.strerror}; {expected}") from None
    steps = _steps(recipe)
    pictures = []
    with StudyReader() as reader:
        for file in files:
            try:
                pictures.append(apply(steps, reader.read(str(file)).image))
            except StudyError:
                continue
    different = len({picture.tobytes() for picture in pictures})
    if different < FEWEST:
        raise StudyError(f"{folder} holds {different} different ones that can be read; {expected}")
    return np.concatenate(pictures)


def _steps(recipe: Mapping[str, Any]) -> Recipe:
    if not recipe:
        raise CheckpointError(
            "this architecture takes no pictures: no --images, --calibration or --precision int8"
        )
    return Recipe.from_json(recipe)


def largest_in_half(graph: Graph, feeds: Iterable[Feed]) -> dict[str, float]:
    """The largest absolute value of every tensor that an FP16 graph holds in FP16.

    The graph is run with those tensors in FP32, so that what would overflow is seen at its true
    size.

    Args:
        graph: as ``trace(..., half=True)`` leaves it.
        feeds: inputs of one run each.

    Returns:
        By tensor, weights included, the largest over all runs.
    """
    from onnx import ModelProto, TensorProto

    model = ModelProto.FromString(graph.model)
    constant = {tensor.name for tensor in model.graph.initializer}
    half = [name for name, kind in element_types(model).items() if kind == TensorProto.FLOAT16]
    outside = dict(graph.weights)
    largest = {
        name: float(np.abs(weight).max(initial=0)) for name, weight in _widen(model, outside)
    }
    watched = [name for name in half if name not in constant]
    _give_largest(model, watched)
    watching = open_session(assemble(model, outside, "weights"))
    names = [f"{name}/largest" for name in watched]
    for feed in feeds:
        for name, value in zip(watched, watching.run(names, dict(feed)), strict=True):
            largest[name] = max(largest.get(name, 0.0), float(value))
    return largest


def require_half_range(role: str, largest: Mapping[str, float]) -> dict[str, Any]:
    """Refuse FP16 for a network that leaves too little of its range.

    Args:
        role: of the network, for the message.
        largest: what :func:`largest_in_half` returns.

    Returns:
        A record for the manifest: the tensor that came nearest, its value, and the limit.

    Raises:
        ParityError: names the tensors that would come too near to the end of FP16.
    """
    beyond = {name: value for name, value in largest.items() if not value <= LIMIT}
    if beyond:
        worst = sorted(beyond, key=lambda name: -np.nan_to_num(beyond[name], nan=np.inf))
        shown = ", ".join(f"{name} reaches {beyond[name]:.5g}" for name in worst[:3])
        raise ParityError(
            f"{role}: FP16 is not safe, {len(beyond)} tensors exceed {LIMIT:g} (an eighth of its "
            f"range) on real pictures: {shown}; nothing written, export with --precision fp32"
        )
    name = max(largest, key=lambda name: largest[name])
    return {"tensor": name, "largest": largest[name], "limit": LIMIT, "tensors": len(largest)}


def _widen(model: "ModelProto", outside: dict[str, Array]) -> list[tuple[str, NDArray[np.float32]]]:
    """FP32 wherever there is FP16, names kept; returns the weights that were in FP16."""
    from onnx import TensorProto, numpy_helper

    weights = []
    for tensor in model.graph.initializer:
        if tensor.data_type == TensorProto.FLOAT16:
            stored = outside.get(tensor.name)
            half = numpy_helper.to_array(tensor) if stored is None else stored
            wide = half.astype(np.float32)
            if stored is None:
                tensor.CopyFrom(numpy_helper.from_array(wide, tensor.name))
            else:
                outside[tensor.name] = wide
            weights.append((tensor.name, wide))
    for node in model.graph.node:
        _widen_node(node)
    del model.graph.value_info[:]
    return weights


def _widen_node(node: "NodeProto") -> None:
    from onnx import TensorProto, numpy_helper

    for attribute in node.attribute:
        if attribute.name in ("to", "dtype") and attribute.i == TensorProto.FLOAT16:
            attribute.i = TensorProto.FLOAT
        elif attribute.HasField("t") and attribute.t.data_type == TensorProto.FLOAT16:
            wide = numpy_helper.to_array(attribute.t).astype(np.float32)
            attribute.t.CopyFrom(numpy_helper.from_array(wide))


def _give_largest(model: "ModelProto", names: Sequence[str]) -> None:
    """Let a graph also return the largest absolute value of some of its tensors, and only that."""
    from onnx import TensorProto, helper

    del model.graph.output[:]
    for name in names:
        model.graph.node.extend(
            [
                helper.make_node("Abs", [name], [f"{name}/absolute"]),
                helper.make_node(
                    "ReduceMax", [f"{name}/absolute"], [f"{name}/largest"], keepdims=0
                ),
            ]
        )
        model.graph.output.append(
            helper.make_tensor_value_info(f"{name}/largest", TensorProto.FLOAT, [])
        )
