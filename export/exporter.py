"""From an ``ExportSpec`` to a bundle: trace, check, write."""

import logging
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from cxr_edge.bundle import Bundle, write_bundle
from cxr_edge.dicom import StudyReader
from cxr_edge.export.parity import check_parity
from cxr_edge.export.spec import ExportSpec, GraphSpec
from cxr_edge.preprocess import Recipe, apply

if TYPE_CHECKING:
    from onnx import ModelProto

OPSET = 20


def trace(spec: GraphSpec) -> bytes:
    """One network as a serialised ONNX model with a dynamic batch, FP32 in and out."""
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
    with warnings.catch_warnings():
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
    model = program.model_proto
    _forget_source(model)
    return bytes(model.SerializeToString(deterministic=True))


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


def preprocessed(paths: Sequence[Path], recipe: Mapping[str, Any]) -> NDArray[np.float32]:
    """Real pictures as the network will see them: float32 (N, C, S, S).

    Raises:
        StudyError: a picture cannot be read.
    """
    steps = Recipe.from_json(recipe)
    with StudyReader() as reader:
        return np.concatenate([apply(steps, reader.read(str(path)).image) for path in paths])


def export_bundle(
    spec: ExportSpec,
    out: Path,
    images: NDArray[np.float32] | None = None,
    *,
    replace: bool = False,
) -> Bundle:
    """Trace every network, pass the parity gate, and write the bundle whole or not at all.

    Args:
        spec: what to export.
        out: directory to create.
        images: float32 (N, C, S, S), real pictures preprocessed by the recipe, for the gate.
        replace: put the bundle in the place of an older one.

    Raises:
        ParityError: a graph does not agree with its reference; nothing was written.
        OutputError: ``out`` exists or cannot be written.
    """
    files: dict[str, bytes] = dict(spec.files)
    networks: dict[str, Any] = {}
    parity: dict[str, Any] = {}
    for graph in spec.graphs:
        content = trace(graph)
        parity[graph.role] = check_parity(graph, content, spec.tolerance, images)
        file = f"{graph.role}.onnx"
        files[file] = content
        networks[graph.role] = {
            "file": file,
            "inputs": list(graph.inputs),
            "outputs": list(graph.outputs),
        }
    manifest = {
        "name": spec.name,
        "architecture": spec.architecture,
        "space": spec.space,
        "metric": spec.metric,
        "dimension": spec.dimension,
        "precision": "fp32",
        "networks": networks,
        "recipe": dict(spec.recipe),
        "tokenizer": dict(spec.tokenizer),
        "observations": {name: dict(entry) for name, entry in spec.observations.items()},
        "parity": parity,
        "provenance": dict(spec.provenance),
    }
    return write_bundle(out, manifest, files, replace=replace)
