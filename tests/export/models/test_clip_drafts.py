"""A CLIP at reduced width, from its checkpoint to a draft: it has no opinion on observations."""

import json
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest
import torch
from radiology_clip import made_up, small_config

from cxr_edge.bundle import UNOBSERVED, Bundle
from cxr_edge.labels import OBSERVATIONS

SCRIPTS = Path(sys.executable).parent


def run(*command: object) -> "subprocess.CompletedProcess[str]":
    script, *arguments = map(str, command)
    return subprocess.run([str(SCRIPTS / script), *arguments], capture_output=True, text=True)


@pytest.fixture(scope="module")
def merges() -> Path:
    found = find_spec("open_clip")
    if found is None or found.origin is None:
        pytest.skip("CLIP's merges are not here: open_clip_torch is not installed")
    return Path(found.origin).with_name("bpe_simple_vocab_16e6.txt.gz")


@pytest.fixture(scope="module")
def parts(merges: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A bundle and an index of the grammar, both by the commands."""
    folder = tmp_path_factory.mktemp("clip")
    torch.save(made_up(small_config()), folder / "clip-imp-pretrained.pt")
    exported = run(
        *("cxr-export", "--model", "cxr-repair-vit-b32", "--out", folder / "bundle"),
        *("--checkpoint", folder / "clip-imp-pretrained.pt", "--tokenizer", merges),
    )
    assert exported.returncode == 0, exported.stderr
    command = ("cxr-index", "build", "grammar", "--bundle", folder / "bundle")
    built = run(*command, "--out", folder / "index")
    assert built.returncode == 0, built.stderr
    return folder / "bundle", folder / "index"


def test_a_draft_is_selected_and_says_that_nothing_was_observed(parts, phantom: Path) -> None:
    bundle, index = parts
    chosen = ("--bundle", bundle, "--index", index)
    drafted = run("cxr-run", phantom, "--json", "--method", "select", *chosen)
    assert drafted.returncode == 0, drafted.stderr
    report = json.loads(drafted.stdout)
    assert report["impression"]
    assert set(report["observations"]) == set(OBSERVATIONS)
    assert set(report["observations"].values()) == {0.5}
    assert set(report["muted"]) == set(OBSERVATIONS)
    assert UNOBSERVED in report["warnings"]
    assert Bundle.load(bundle).default_method == "select"
    default = json.loads(run("cxr-run", phantom, "--json", *chosen).stdout)
    assert default["impression"] == report["impression"]


def test_guided_is_refused(parts, phantom: Path) -> None:
    bundle, index = parts
    refused = run("cxr-run", phantom, "--method", "guided", "--bundle", bundle, "--index", index)
    assert refused.returncode == 1
    assert "needs observation probabilities" in refused.stderr
    assert not refused.stdout
