"""A bundle of published size with made-up weights: only its speed means anything."""

import json
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
MADE_UP = "made-up:"
"""Before the name of an architecture, where a bundle could stand."""
WRITERS = ("dcrrg-decoder", "liu2019")
"""Architectures that write reports."""
_TEXTS = ("chexbert", "llm2vec4cxr-text")
"""Architectures without an image network."""
_SPECIAL = ("<pad>", "<s>", "<unk>", "</s>")
"""The ids before the words."""
_NEVER = -100.0


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
        known = sorted({"dcclip", *FINGERPRINTS} - set(_TEXTS))
        if architecture not in known:
            raise CheckpointError(
                f"--architecture {architecture}: expected one of {', '.join(known)}"
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


def made_up_writer(architecture: str, folder: Path, *, recipe: str = "published") -> Bundle:
    """Export an architecture that writes reports, with weights and words that are made up.

    What ends a text is never chosen, so that a draft has the longest allowed length: how often a
    trained network ends earlier cannot be made up.

    Args:
        architecture: one of ``WRITERS``.
        folder: for checkpoint and bundle.
        recipe: as in ``made_up_bundle``.
    """
    from safetensors.numpy import load_file, save_file

    from cxr_edge.benchmarks.parts.exports import made_up_checkpoint, shapes_of
    from cxr_edge.export.exporter import export_bundle
    from cxr_edge.export.registry import spec_builder

    place = folder / "writer"
    place.mkdir()
    checkpoint = made_up_checkpoint(shapes_of(architecture), place)
    tensors, end = load_file(checkpoint), _SPECIAL.index("</s>")
    if architecture == "liu2019":
        tensors["stop_dense.bias"][:] = _NEVER
        # Its words have no bias; of thousands of logits around zero, zero is not the largest.
        tensors["word_dense.weight"][end] = 0
    else:
        tensors["head.bias"][end] = _NEVER
    save_file(tensors, checkpoint)
    count = len(tensors["embeddings.weight" if architecture == "liu2019" else "embedding.weight"])
    words = place / "words.json"
    listed = [*_SPECIAL, *(f"word{number}" for number in range(len(_SPECIAL), count))]
    words.write_text(json.dumps({word: number for number, word in enumerate(listed)}))
    spec = spec_builder(architecture)(checkpoint, words)
    if recipe == "window":
        spec = replace(spec, recipe=_window(spec))
    image = next(graph for graph in spec.graphs if graph.role == "image")
    # Two pictures: the gate's reference writes whole reports word by word, which takes minutes for
    # more, and what it says of made-up weights means nothing.
    (pictures,) = image.samples(2, np.random.default_rng(0))
    return export_bundle(
        spec, place / "bundle", pictures.astype(np.float32, copy=False), force=True
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
