"""cxr-edge: a chest X-ray study in, a draft report with its evidence out.

Nothing here imports torch, opens a socket or downloads anything. The names below are loaded on
first use, so that ``import cxr_edge`` stays cheap.
"""

import os
from importlib import import_module
from typing import TYPE_CHECKING

# ONNX Runtime's wheels report their use to Microsoft over HTTPS and keep an identifier and a
# database in the user's cache folder (its Privacy.md). Nothing of that happens where this variable
# stands before the library is loaded; its own switch in Python comes too late for the first event.
os.environ["ORT_DISABLE_TELEMETRY"] = "1"

if TYPE_CHECKING:
    from cxr_edge.bundle import Bundle
    from cxr_edge.dicom import read_study
    from cxr_edge.errors import CxrEdgeError
    from cxr_edge.pipeline import Pipeline
    from cxr_edge.types import Hit, Report

__version__ = "0.1.0"
__all__ = ["Bundle", "CxrEdgeError", "Hit", "Pipeline", "Report", "__version__", "read_study"]

_HOMES = {
    "Bundle": "cxr_edge.bundle",
    "CxrEdgeError": "cxr_edge.errors",
    "Hit": "cxr_edge.types",
    "Pipeline": "cxr_edge.pipeline",
    "Report": "cxr_edge.types",
    "read_study": "cxr_edge.dicom",
}


def __getattr__(name: str) -> object:
    if name in _HOMES:
        return getattr(import_module(_HOMES[name]), name)
    raise AttributeError(f"module 'cxr_edge' has no attribute {name!r}")
