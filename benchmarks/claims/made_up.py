"""A bundle of published size with made-up weights: only its speed means anything."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from cxr_edge.bundle import Bundle
from cxr_edge.errors import CheckpointError

if TYPE_CHECKING:
    from cxr_edge.export.precision import Precision
    from cxr_edge.export.spec import ExportSpec

RECIPES = ("published", "window")


def made_up_bundle(
    architecture: str,
    precision: str,
    calibration: Path | None,
    folder: Path,
    *,
    recipe: str = "published",
) -> Bundle:
    """Export an architecture with weights drawn at random.

    Args:
        architecture: a registry name of an architecture of pictures.
        precision: ``fp32``, ``fp16`` or ``int8``.
        calibration: folder of real chest radiographs, needed below FP32.
        folder: for checkpoint and bundle.
        recipe: ``published``, the architecture's own, which for networks trained on 8-bit releases
            repeats how those were made at full size; or ``window``, as the embedded default has
            it: the VOI window and one resize in one pass.

    Raises:
        CheckpointError: no such architecture, or its size is not known.
        StudyError: too few calibration pictures.
    """
    from cxr_edge.benchmarks.parts.exports import made_up_checkpoint, shapes_of
    from cxr_edge.export.calibration import calibration_pictures
    from cxr_edge.export.exporter import export_bundle
    from cxr_edge.export.fingerprints import FINGERPRINTS
    from cxr_edge.export.registry import spec_builder

    checkpoint = None
    if architecture != "dcclip":  # whose own weights are here
        if architecture not in FINGERPRINTS:
            raise CheckpointError(
                f"--architecture {architecture} has no known size; choose from dcclip, "
                f"{', '.join(sorted(FINGERPRINTS))}"
            )
        checkpoint = made_up_checkpoint(shapes_of(architecture), folder)
    spec = spec_builder(architecture)(checkpoint, None)
    if recipe == "window":
        spec = replace(spec, recipe=_window(spec))
    pictures = None if calibration is None else calibration_pictures(calibration, spec.recipe)
    # Forced: a gate of decisions means nothing for made-up weights.
    return export_bundle(
        spec,
        folder / "bundle",
        precision=cast("Precision", precision),
        calibration=pictures,
        force=True,
    )


def _window(spec: "ExportSpec") -> Mapping[str, Any]:
    """The recipe of the embedded default at the size of a network's input."""
    image = next(graph for graph in spec.graphs if graph.role == "image")
    channels, height, width = image.samples(1, np.random.default_rng(0))[0].shape[1:]
    return {
        "tone": "voi",
        "fast": True,
        "steps": [
            {"op": "resize", "height": height, "width": width, "kernel": "area"},
            {"op": "standardise"},
            {"op": "repeat", "channels": channels},
        ],
    }
