"""The page "add your own architecture", followed to the letter."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from cxr_edge.bundle import Bundle
from cxr_edge.errors import CheckpointError
from cxr_edge.export.registry import spec_builder

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def followed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the file of the page and a checkpoint of that network."""
    folder = tmp_path_factory.mktemp("own")
    page = (ROOT / "docs" / "export.md").read_text()
    (code,) = re.findall(r"```python\n(.*?)```", page, flags=re.DOTALL)
    (folder / "my_network.py").write_text(code)
    script = (
        "import torch, my_network\n"
        "torch.manual_seed(0)\n"
        "torch.save({'state_dict': my_network.MyNetwork().state_dict()}, 'mine.pt')"
    )
    subprocess.run([sys.executable, "-c", script], cwd=folder, check=True)
    return folder


@pytest.mark.parametrize("precision", ["fp32", "fp16", "int8"])
def test_the_page_works(followed: Path, shared_data: Path, precision: str) -> None:
    page = (ROOT / "docs" / "export.md").read_text()
    (line,) = re.findall(r"^    (cxr-export --model my_network.py .*)$", page, flags=re.MULTILINE)
    command = line.replace("my-bundle", precision).split()
    if precision != "fp32":
        command += ["--precision", precision, "--calibration", str(shared_data / "nih")]
    command[0] = str(Path(sys.executable).with_name(command[0]))
    done = subprocess.run(command, cwd=followed, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    bundle = Bundle.load(followed / precision)
    assert (bundle.name, bundle.precision, bundle.dimension) == ("my-network", precision, 24)
    assert bundle.network("image").outputs == ("embedding",)
    assert bundle.manifest["parity"]["image"]["failures"] == []


def test_a_file_that_defines_nothing(tmp_path: Path) -> None:
    (tmp_path / "empty.py").write_text("torch = None\n")
    with pytest.raises(CheckpointError, match="does not define export_spec"):
        spec_builder(str(tmp_path / "empty.py"))
    with pytest.raises(CheckpointError, match="no such file"):
        spec_builder(str(tmp_path / "missing.py"))
