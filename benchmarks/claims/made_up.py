"""A bundle of published size with made-up weights: only its speed means anything."""

from pathlib import Path

from cxr_edge.bundle import Bundle
from cxr_edge.errors import CheckpointError


def made_up_bundle(
    architecture: str, precision: str, calibration: Path | None, folder: Path
) -> Bundle:
    """Export an architecture with weights drawn at random.

    Args:
        architecture: a registry name of an architecture of pictures.
        precision: ``fp32``, ``fp16`` or ``int8``.
        calibration: folder of real chest radiographs, needed below FP32.
        folder: for checkpoint and bundle.

    Raises:
        CheckpointError: no such architecture, or its size is not known.
        StudyError: too few calibration pictures.
    """
    from typing import cast

    from cxr_edge.benchmarks.exports import made_up_checkpoint, shapes_of
    from cxr_edge.export.calibration import calibration_pictures
    from cxr_edge.export.exporter import export_bundle
    from cxr_edge.export.fingerprints import FINGERPRINTS
    from cxr_edge.export.precision import Precision
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
    pictures = None if calibration is None else calibration_pictures(calibration, spec.recipe)
    # Forced: a gate of decisions means nothing for made-up weights.
    return export_bundle(
        spec,
        folder / "bundle",
        precision=cast(Precision, precision),
        calibration=pictures,
        force=True,
    )
