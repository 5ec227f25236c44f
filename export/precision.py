"""One network as an ONNX graph in FP32 or FP16; FP32 at both ends in either case.

FP16 is not a conversion afterwards: the network is traced under autocast, so that products run in
FP16 while normalisations and softmax stay in FP32, as the module itself says.
"""

import logging
import warnings
from contextlib import nullcontext
from typing import TYPE_CHECKING, Literal

import numpy as np

from cxr_edge.errors import ParityError
from cxr_edge.export.graph import Graph, assemble, take_out
from cxr_edge.export.soundness import require_sound
from cxr_edge.export.spec import GraphSpec

if TYPE_CHECKING:
    from onnx import ModelProto

OPSET = 20
Precision = Literal["fp32", "fp16", "int8"]
PRECISIONS: tuple[Precision, ...] = ("fp32", "fp16", "int8")

DELICATE = ("LayerNormalization", "Softmax", "ReduceL2")
"""Operations that lose too much in FP16 and must not run in it."""


def trace(spec: GraphSpec, *, half: bool = False) -> Graph:
    """One network as an ONNX graph with a dynamic batch, FP32 in and out.

    Args:
        spec: the network.
        half: trace under FP16 autocast.

    Raises:
        ParityError: under autocast a delicate operation came out in FP16 (the module needs
            ``.float()`` there), or the graph is not sound: a fixed batch, a name twice.
    """
    import torch

    example = tuple(torch.from_numpy(a) for a in spec.samples(2, np.random.default_rng(0)))
    batch = torch.export.Dim("batch", min=1, max=4096)
    named = {name for axes in spec.axes.values() for name in axes.values()}
    lengths = {name: torch.export.Dim(name, min=1, max=4096) for name in sorted(named)}
    shapes = tuple(
        {0: batch, **{axis: lengths[name] for axis, name in spec.axes.get(input_, {}).items()}}
        for input_ in spec.inputs
    )
    logging.getLogger("torch.onnx").setLevel(logging.ERROR)
    autocast = torch.autocast("cpu", torch.float16) if half else nullcontext()
    with warnings.catch_warnings(), autocast:
        warnings.simplefilter("ignore")
        program = torch.onnx.export(
            spec.module,
            example,
            input_names=list(spec.inputs),
            output_names=list(spec.outputs),
            dynamic_shapes=shapes,
            opset_version=OPSET,
            dynamo=True,
            optimize=True,
            verbose=False,
        )
    assert program is not None
    location = data_file(spec.role)
    weights = take_out(program, location)
    model = program.model_proto
    if half:
        _halve_fused_kernels(model)
        _float_outputs(model)
        _require_delicate_in_float(spec.role, model)
    forget_source(model)
    require_sound(spec.role, model)
    return assemble(model, weights, location)


def data_file(role: str) -> str:
    """Name of the file that holds the weights of a large network."""
    return f"{role}.data"


def forget_source(model: "ModelProto") -> None:
    """Drop stack traces and local paths, so that the same weights give the same bytes anywhere."""
    model.doc_string = ""
    model.graph.doc_string = ""
    del model.metadata_props[:]
    del model.graph.metadata_props[:]
    for part in (
        *model.graph.node,
        *model.graph.input,
        *model.graph.output,
        *model.graph.value_info,
        *model.graph.initializer,
    ):
        part.doc_string = ""
        del part.metadata_props[:]


def _halve_fused_kernels(model: "ModelProto") -> None:
    """Make the kernels of convolutions FP16 where the exporter left them in FP32.

    Autocast runs every convolution in FP16. Where the exporter then folds a batch normalisation
    into one, the product of FP16 kernel and FP32 scale stays FP32, which no convolution takes.
    """
    from onnx import TensorProto, numpy_helper

    del model.graph.value_info[:]  # says FP32 behind such a convolution
    weights = {tensor.name: tensor for tensor in model.graph.initializer}
    for node in model.graph.node:
        for name in node.input[1:] if node.op_type == "Conv" else ():
            weight = weights.get(name)
            if weight is not None and weight.data_type == TensorProto.FLOAT:
                halved = numpy_helper.to_array(weight).astype(np.float16)
                weight.CopyFrom(numpy_helper.from_array(halved, name))


def _float_outputs(model: "ModelProto") -> None:
    """Cast the outputs that came out in FP16, such as a grid of features, back to FP32."""
    from onnx import TensorProto, helper

    for output in model.graph.output:
        if output.type.tensor_type.elem_type != TensorProto.FLOAT16:
            continue
        inner = f"{output.name}_half"
        for node in model.graph.node:
            for names in (node.input, node.output):
                for place, name in enumerate(names):
                    if name == output.name:
                        names[place] = inner
        model.graph.node.append(
            helper.make_node("Cast", [inner], [output.name], to=TensorProto.FLOAT)
        )
        output.type.tensor_type.elem_type = TensorProto.FLOAT


def element_types(model: "ModelProto") -> dict[str, int]:
    """ONNX element type of every tensor of a graph whose type can be told, by name."""
    from onnx import shape_inference

    typed = shape_inference.infer_shapes(model)
    values = (*typed.graph.value_info, *typed.graph.input, *typed.graph.output)
    types = {value.name: value.type.tensor_type.elem_type for value in values}
    return types | {tensor.name: tensor.data_type for tensor in typed.graph.initializer}


def _require_delicate_in_float(role: str, model: "ModelProto") -> None:
    from onnx import TensorProto

    types = element_types(model)
    for node in model.graph.node:
        if node.op_type in DELICATE and types.get(node.input[0]) == TensorProto.FLOAT16:
            raise ParityError(
                f"{role}: {node.op_type} {node.output[0]} would run in FP16, expected FP32; call "
                ".float() on its input in the module, nothing written"
            )


def fold_casts(graph: Graph, role: str) -> Graph:
    """Store in FP16 the weights that an FP16 graph would cast to it on every run.

    Args:
        graph: as ``trace(..., half=True)`` leaves it.
        role: of the network, which names its data file.
    """
    from onnx import ModelProto, TensorProto, numpy_helper

    model = ModelProto.FromString(graph.model)
    weights = {tensor.name: tensor for tensor in model.graph.initializer}
    outside = dict(graph.weights)
    kept = []
    for node in model.graph.node:
        to = next((a.i for a in node.attribute if a.name == "to"), None)
        weight = weights.get(node.input[0]) if node.op_type == "Cast" else None
        if weight is None or to != TensorProto.FLOAT16:
            kept.append(node)
            continue
        name = node.output[0]
        if weight.name in graph.weights:
            outside[name] = graph.weights[weight.name].astype(np.float16)
            model.graph.initializer.append(TensorProto(name=name))
        else:
            halved = numpy_helper.to_array(weight).astype(np.float16)
            model.graph.initializer.append(numpy_helper.from_array(halved, name))
    del model.graph.node[:]
    model.graph.node.extend(kept)
    used = {name for node in kept for name in node.input}
    used |= {output.name for output in model.graph.output}
    remaining = [tensor for tensor in model.graph.initializer if tensor.name in used]
    del model.graph.initializer[:]
    model.graph.initializer.extend(remaining)
    return assemble(model, outside, data_file(role))
