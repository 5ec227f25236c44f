"""Key lists of published checkpoints, and every architecture exported once at reduced width."""

from collections.abc import Callable
from functools import cache

import numpy as np
import pytest
from reduced_networks import reduced_spec

from cxr_edge.bundle import Bundle
from cxr_edge.export.exporter import export_bundle
from cxr_edge.export.precision import Precision
from cxr_edge.export.spec import ExportSpec

Shapes = dict[str, tuple[int, ...]]


@pytest.fixture(scope="session")
def published_shapes(shared_data) -> Callable[[str], Shapes]:
    """Shape by key of a published checkpoint, by the name of its list."""

    def read(name: str) -> Shapes:
        path = shared_data.parent / "reference" / "checkpoint-keys" / f"{name}.tsv"
        if not path.is_file():
            pytest.skip(f"the published keys are not here: {path} is missing")
        rows = (line.split("\t") for line in path.read_text().splitlines()[1:])
        return {
            key: () if shape == "scalar" else tuple(int(n) for n in shape.split("x"))
            for key, shape, *_ in rows
        }

    return read


@pytest.fixture(scope="session")
def exported(
    tmp_path_factory: pytest.TempPathFactory,
) -> Callable[[str, Precision], tuple[ExportSpec, Bundle]]:
    """The spec and the bundle of an architecture in a precision; each is exported once."""

    @cache
    def export(name: str, precision: Precision) -> tuple[ExportSpec, Bundle]:
        folder = tmp_path_factory.mktemp(f"{name}-{precision}")
        spec = reduced_spec(name, folder)
        pictures = None
        for graph in spec.graphs:
            if graph.role == "image":
                (pictures,) = graph.samples(8, np.random.default_rng(1))
        lowered = pictures if precision != "fp32" else None
        bundle = export_bundle(spec, folder / "out", precision=precision, calibration=lowered)
        return spec, bundle

    return export
