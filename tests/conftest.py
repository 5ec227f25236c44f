"""Fixtures for every room."""

import os
import subprocess
from collections.abc import Callable, Sequence
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


@pytest.fixture
def compile_harness(tmp_path: Path) -> Callable[..., Path]:
    """Compiles C, warnings being errors, into a program of its own; skips without sanitizers."""

    def compiled(
        compiler: str, native: Path, options: Sequence[str], sources: Sequence[Path]
    ) -> Path:
        common = ["-std=c11", "-g", "-Wall", "-Wextra", "-Werror", f"-I{native}"]
        program = tmp_path / "harness"
        built = subprocess.run(
            [compiler, *common, *options, *sources, "-lm", "-o", program],
            capture_output=True,
            text=True,
        )
        if "cannot find" in built.stderr and "san" in built.stderr:
            pytest.skip("the compiler has no sanitizers here")
        assert built.returncode == 0, built.stderr
        return program

    return compiled
