"""Fixtures for every room."""

import os
from pathlib import Path

import pytest

# Tests may import onnxruntime before cxr_edge, which sets this; see docs/engines.md.
os.environ["ORT_DISABLE_TELEMETRY"] = "1"

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real chest X-rays beside the project; see its README."""
    path = ROOT.parent / "shared" / "data"
    if not path.is_dir():
        pytest.skip(f"real data is not here: {path} is missing")
    return path


@pytest.fixture(scope="session")
def phantom() -> Path:
    """The committed synthetic chest radiograph."""
    return ROOT / "examples" / "phantom.dcm"
