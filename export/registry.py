"""The networks that can be exported, as import paths: listing them loads no torch."""

from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import cast

from cxr_edge.errors import CheckpointError
from cxr_edge.export.spec import ExportSpec

ARCHITECTURES: dict[str, tuple[str, str]] = {
    "dcclip": (
        "cxr_edge.export.models.dcclip:export_spec",
        "observation prompts and calibrated matching (Zhou & Wang 2024); the embedded default",
    ),
}
"""Architecture name -> (``module:function``, one line on what it is)."""

SpecBuilder = Callable[[Path | None], ExportSpec]
"""Takes the path of a checkpoint, or None for weights this package carries."""


def spec_builder(architecture: str) -> SpecBuilder:
    """The function that turns a checkpoint of an architecture into its ``ExportSpec``.

    Raises:
        CheckpointError: no such architecture.
    """
    if architecture not in ARCHITECTURES:
        known = ", ".join(sorted(ARCHITECTURES))
        raise CheckpointError(
            f"unknown model {architecture!r}: expected one of {known}; see cxr-export --list"
        )
    module, _, function = ARCHITECTURES[architecture][0].partition(":")
    return cast(SpecBuilder, getattr(import_module(module), function))
