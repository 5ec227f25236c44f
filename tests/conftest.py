"""Fixtures for every room."""

from pathlib import Path

import pytest

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
