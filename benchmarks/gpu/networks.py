"""The networks that are measured: the embedded default, and two of published size, made up."""

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from cxr_edge.benchmarks.parts.engines import NETWORKS
from cxr_edge.benchmarks.parts.exports import made_up_checkpoint, shapes_of
from cxr_edge.preprocess import Recipe

if TYPE_CHECKING:
    from cxr_edge.export.spec import GraphSpec

Array = NDArray[np.float32]
PRECISIONS = ("fp32", "fp16")


@dataclass(frozen=True)
class Network:
    """An image network in one or both precisions.

    Attributes:
        name: as it stands in tables.
        models: ONNX file by precision.
        weights: the files outside of each, by precision.
        input: name of its input.
        width: of its embedding.
        module: the torch module of the same weights, for the baselines.
        spec: what inputs it takes.
        recipe: how pictures become its inputs.
    """

    name: str
    models: dict[str, bytes]
    weights: dict[str, dict[str, bytes]]
    input: str
    width: int
    module: Any
    spec: "GraphSpec"
    recipe: Recipe

    def pictures(self, count: int) -> Array:
        """float32 (count, C, H, W), made up; the same every time."""
        return np.asarray(self.spec.samples(count, np.random.default_rng(count))[0], np.float32)


def make(name: str, precisions: Sequence[str] = PRECISIONS) -> Network:
    """Trace one network.

    Args:
        name: of ``cxr_edge.benchmarks.parts.engines.NETWORKS``.
        precisions: of ``PRECISIONS``.
    """
    from cxr_edge.export.precision import fold_casts, trace
    from cxr_edge.export.registry import spec_builder

    architecture = NETWORKS[name]
    with tempfile.TemporaryDirectory() as folder:
        checkpoint = None
        if architecture != "dcclip":
            checkpoint = made_up_checkpoint(shapes_of(architecture), Path(folder))
        spec = spec_builder(architecture)(checkpoint, None)
    image = next(graph for graph in spec.graphs if graph.role == "image")
    graphs = {
        precision: fold_casts(trace(image, half=True), image.role)
        if precision == "fp16"
        else trace(image)
        for precision in precisions
    }
    return Network(
        name=name,
        models={precision: graph.model for precision, graph in graphs.items()},
        weights={
            precision: {f"{image.role}.data": b"".join(graph.data())} if graph.weights else {}
            for precision, graph in graphs.items()
        },
        input=image.inputs[0],
        width=spec.dimension,
        module=image.module.eval(),
        spec=image,
        recipe=Recipe.from_json(spec.recipe),
    )
