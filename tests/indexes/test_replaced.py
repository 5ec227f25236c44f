"""Replacing an index: killed at every rename, the older or the newer one is whole."""

import signal
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from cxr_edge.errors import OutputError, SentenceIndexError
from cxr_edge.indexes.cli import index
from cxr_edge.indexes.search import SentenceIndex

RUNNER = """
import os, shutil, signal, sys
fatal, steps = sys.argv[1], 0
def counted(function, name):
    def step(*arguments, **options):
        global steps
        of_index = str(arguments[0]).endswith((".tmp", "/out", ".old"))
        steps += of_index
        if of_index and f"{name}{steps}" == fatal:
            os.kill(os.getpid(), signal.SIGKILL)
        return function(*arguments, **options)
    return step
os.rename, shutil.rmtree = counted(os.rename, "rename"), counted(shutil.rmtree, "rmtree")
from cxr_edge.indexes.cli import index
index(sys.argv[2:], standalone_mode=False)
"""


def run(fatal: str, *arguments: object) -> int:
    """``cxr-index``, killed right before one of the steps that replace an index."""
    command = [sys.executable, "-c", RUNNER, fatal, *map(str, arguments)]
    return subprocess.run(command, capture_output=True).returncode


def build(tmp_path: Path, text: str) -> list[str]:
    reports = tmp_path / "reports.jsonl"
    reports.write_text(f'{{"findings": "{text}"}}\n')
    return ["build", str(reports), "--out", str(tmp_path / "out"), "--threads", "1"]


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


@pytest.fixture
def older(tmp_path: Path) -> Path:
    done = CliRunner().invoke(index, build(tmp_path, "Clear lungs."))
    assert done.exit_code == 0, done.output
    return tmp_path / "out"


def test_killed_between_the_renames_the_older_one_is_said_and_put_back(
    older: Path, tmp_path: Path
) -> None:
    command = build(tmp_path, "No mass.")
    assert run("rename2", *command, "--replace") == -signal.SIGKILL
    assert not older.exists()
    with pytest.raises(SentenceIndexError, match="its replacement was cut short") as caught:
        SentenceIndex.open(older)
    place = Path(str(caught.value).split("the older one is at ")[1].split(";")[0])
    assert SentenceIndex.open(place).texts[0] == "Clear lungs."
    # The same command again goes on, and leaves nothing beside the new index.
    assert run("none", *command, "--replace") == 0
    assert SentenceIndex.open(older).texts[0] == "No mass."
    assert names(tmp_path) == ["out", "reports.jsonl"]


def test_without_replace_the_older_one_is_back_and_in_the_way(older: Path, tmp_path: Path) -> None:
    assert run("rename2", *build(tmp_path, "No mass."), "--replace") == -signal.SIGKILL
    (working,) = (path for path in tmp_path.iterdir() if path.suffix == ".building")
    for path in working.iterdir():
        path.unlink()
    working.rmdir()
    done = CliRunner().invoke(index, build(tmp_path, "No edema."))
    assert isinstance(done.exception, OutputError)
    assert "exists" in str(done.exception)
    assert SentenceIndex.open(older).texts[0] == "Clear lungs."


@pytest.mark.parametrize("fatal", ["rename1", "rmtree3"])
def test_killed_before_or_after_one_of_the_two_is_there(
    older: Path, tmp_path: Path, fatal: str
) -> None:
    command = build(tmp_path, "No mass.")
    assert run(fatal, *command, "--replace") == -signal.SIGKILL
    expected = "Clear lungs." if fatal == "rename1" else "No mass."
    assert SentenceIndex.open(older).texts[0] == expected
    assert run("none", *command, "--replace") == 0
    assert SentenceIndex.open(older).texts[0] == "No mass."


def test_what_a_killed_replacement_has_left_goes_with_the_next(older: Path, tmp_path: Path) -> None:
    assert run("rmtree3", *build(tmp_path, "No mass."), "--replace") == -signal.SIGKILL
    assert any(name.endswith(".old") for name in names(tmp_path))
    assert run("none", *build(tmp_path, "No mass."), "--replace") == 0
    assert run("none", *build(tmp_path, "No edema."), "--replace") == 0
    assert names(tmp_path) == ["out", "reports.jsonl"]
