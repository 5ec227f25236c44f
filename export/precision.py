"""One network as an ONNX graph in FP32, FP16 or INT8; FP32 at both ends in every case.

FP16 is not a conversion afterwards: the network is traced under autocast, so that products run in
FP16 while normalisations and softmax stay in FP32, as the module itself says.
"""

import logging
import tempfile
import warnings
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, cast

import numpy as np
from numpy.typing import NDArray

from cxr_edge.errors import CheckpointError, ParityError
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
    _forget_source(model)
    require_sound(spec.role, model)
    return assemble(model, weights, location)


def data_file(role: str) -> str:
    """Name of the file that holds the weights of a large network."""
    return f"{role}.data"


def _forget_source(model: "ModelProto") -> None:
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


class _Batches:
    """Calibration pictures one by one, as ONNX Runtime's quantiser asks for them."""

    def __init__(self, name: str, images: NDArray[np.float32]) -> None:
        self._feeds = iter([{name: image[None]} for image in images])

    def get_next(self) -> dict[str, NDArray[np.float32]] | None:
        """The next feed, None behind the last."""
        return next(self._feeds, None)


QUANTISED = ("Conv", "MatMul", "Gemm")
"""What runs in INT8; everything else stays in FP32."""


def quantise(graph: Graph, input_: str, images: NDArray[np.float32]) -> Graph:
    """Static INT8 in QDQ form: weights per channel, activations by what the pictures show.

    Args:
        graph: the FP32 model.
        input_: name of its only input.
        images: float32 (N, C, S, S), real preprocessed pictures.

    Raises:
        CheckpointError: the network is too large to be quantised in one message.
    """
    from onnx import ModelProto
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
            op_types_to_quantize=list(QUANTISED),
            per_channel=True,
            # Seven bits: without VNNI, products of full eight-bit weights saturate in 16 bits.
            reduce_range=True,
            activation_type=QuantType.QUInt8,
            weight_type=QuantType.QInt8,
            calibrate_method=CalibrationMethod.MinMax,
        )
        model = ModelProto.FromString(written.read_bytes())
    _forget_source(model)
    return Graph(bytes(model.SerializeToString(deterministic=True)))
