"""Builds that are killed: nothing readable is left, and the next run ends with the same bytes."""

import json
import signal
import subprocess
import sys
from itertools import product
from pathlib import Path

import pytest
from click.testing import CliRunner

from cxr_edge.errors import CorpusError, OutputError, SentenceIndexError
from cxr_edge.indexes.cli import index
from cxr_edge.indexes.search import SentenceIndex

RUNNER = """
import os, signal, sys
from cxr_edge.indexes.building import encoding
from cxr_edge.indexes.compression import clustering
# Small blocks, so that a small corpus has many of them.
encoding.BLOCK, clustering._LARGEST, clustering._SMALLEST = 256, 128, 128
fatal, flushed, flush = int(sys.argv[1]), 0, os.fsync
def fsync(descriptor):
    global flushed
    flushed += 1
    if flushed == fatal:
        os.kill(os.getpid(), signal.SIGKILL)
    flush(descriptor)
os.fsync = fsync
from cxr_edge.indexes.cli import index
index(sys.argv[2:], standalone_mode=False)
print("flushed", flushed)
"""


def run(fatal: int, *arguments: object) -> subprocess.CompletedProcess[str]:
    """``cxr-index``, killed when it flushes a file to the disk for the ``fatal``-th time."""
    command = [sys.executable, "-c", RUNNER, str(fatal), *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True)


def contents(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


@pytest.fixture(scope="module")
def reports(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Some 900 different sentences in 150 reports, many of them nearly the same."""
    parts = product(
        ("Small", "Large", "Mild", "Moderate", "Minimal"),
        ("left", "right", "bilateral"),
        ("basal", "apical", "perihilar", "upper lobe", "lower lobe"),
        ("effusion", "opacity", "consolidation", "atelectasis", "edema", "pneumonia"),
        ("is seen", "is present"),
    )
    sentences = [" ".join(words) + "." for words in parts]
    path = tmp_path_factory.mktemp("corpus") / "reports.jsonl"
    with path.open("w") as stream:
        for number in range(0, len(sentences), 6):
            findings = " ".join([*sentences[number : number + 6], "The lungs are clear."])
            stream.write(json.dumps({"uid": f"r{number}", "findings": findings}) + "\n")
    return path


def command(reports: Path, out: Path) -> list[str]:
    levels = ["--compression", "0.05", "--compression", "0.15"]
    return ["build", str(reports), "--out", str(out), "--name", "x", "--threads", "1", *levels]


@pytest.fixture(scope="module")
def whole(reports: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, bytes], int]:
    """The index of a run that nobody killed, and how often it flushed."""
    out = tmp_path_factory.mktemp("whole") / "out"
    done = run(0, *command(reports, out))
    assert done.returncode == 0, done.stderr
    assert [path.name for path in out.parent.iterdir()] == ["out"]
    return contents(out), int(done.stdout.split()[-1])


@pytest.fixture
def interrupted(reports: Path, tmp_path: Path) -> Path:
    """A build that was killed on its way."""
    out = tmp_path / "out"
    assert run(20, *command(reports, out)).returncode == -signal.SIGKILL
    return out


@pytest.mark.parametrize("share", [0.02, 0.4, 0.65, 0.85, 0.95, 1.0])
def test_a_killed_build_goes_on(
    reports: Path, whole: tuple[dict[str, bytes], int], tmp_path: Path, share: float
) -> None:
    out = tmp_path / "out"
    expected, flushes = whole
    killed = run(max(1, round(share * flushes)), *command(reports, out))
    assert killed.returncode == -signal.SIGKILL
    for level in ("0.05", "0.15"):
        if (out / level).exists():  # whole, or not there
            assert contents(out / level).items() <= {
                (str(Path(name).relative_to(level)), data)
                for name, data in expected.items()
                if name.startswith(level)
            }
        else:
            with pytest.raises(SentenceIndexError):
                SentenceIndex.open(out / level)
    with pytest.raises(SentenceIndexError):
        SentenceIndex.open(tmp_path / "out.building")
    done = run(0, *command(reports, out))
    assert done.returncode == 0, done.stderr
    assert ("went on with" in done.stderr) == (share > 0.3)
    assert contents(out) == expected
    assert not (tmp_path / "out.building").exists()


def test_what_is_done_is_not_done_again(
    reports: Path, whole: tuple[dict[str, bytes], int], tmp_path: Path
) -> None:
    """Killed again and again after a few flushes, the build still comes to its end."""
    out = tmp_path / "out"
    assert run(18, *command(reports, out)).returncode == -signal.SIGKILL
    codes = []
    while not codes or (codes[-1] != 0 and len(codes) < 20):
        codes.append(run(16, *command(reports, out)).returncode)
    assert codes[-1] == 0
    assert set(codes[:-1]) == {-signal.SIGKILL}
    assert contents(out) == whole[0]


def test_other_options_are_refused(interrupted: Path, reports: Path) -> None:
    again = [*command(reports, interrupted), "--min-frequency", "2"]
    done = CliRunner().invoke(index, again)
    assert isinstance(done.exception, OutputError)
    assert "minimum frequency" in str(done.exception)
    assert "out.building" in str(done.exception)


def test_a_changed_corpus_is_refused(interrupted: Path, tmp_path: Path, reports: Path) -> None:
    other = tmp_path / "other.jsonl"
    other.write_text(reports.read_text() + '{"findings": "No edema."}\n')
    done = CliRunner().invoke(index, command(other, interrupted))
    assert isinstance(done.exception, OutputError)
    assert "corpus" in str(done.exception)


def test_a_damaged_journal_is_refused(interrupted: Path, reports: Path) -> None:
    journal = interrupted.with_name("out.building") / "journal.json"
    journal.write_text(journal.read_text()[:-20])
    done = CliRunner().invoke(index, command(reports, interrupted))
    assert isinstance(done.exception, OutputError)
    assert "damaged" in str(done.exception)


def test_a_folder_of_somebody_else_is_left_alone(reports: Path, tmp_path: Path) -> None:
    folder = tmp_path / "out.building"
    folder.mkdir()
    (folder / "thesis").write_text("keep me")
    done = CliRunner().invoke(index, command(reports, tmp_path / "out"))
    assert isinstance(done.exception, OutputError)
    assert {path.name for path in folder.iterdir()} == {"thesis"}


def test_one_build_at_a_time(interrupted: Path, reports: Path) -> None:
    fcntl = pytest.importorskip("fcntl", reason="two builds of one OUT are not noticed on Windows")
    with (interrupted.with_name("out.building") / "lock").open("ab") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        done = CliRunner().invoke(index, command(reports, interrupted))
    assert isinstance(done.exception, OutputError)
    assert "another build" in str(done.exception)


def test_a_corpus_that_cannot_be_read_leaves_nothing(tmp_path: Path) -> None:
    corpus = tmp_path / "reports.jsonl"
    corpus.write_text('{"findings": "Clear lungs."}\n{\n')
    done = CliRunner().invoke(index, command(corpus, tmp_path / "out"))
    assert isinstance(done.exception, CorpusError)
    assert [path.name for path in tmp_path.iterdir()] == ["reports.jsonl"]


def test_memory_and_threads_may_change_on_the_way(
    interrupted: Path, reports: Path, whole: tuple[dict[str, bytes], int]
) -> None:
    arguments = command(reports, interrupted)
    arguments[arguments.index("--threads") + 1] = "2"
    done = run(0, *arguments, "--memory", "64")
    assert done.returncode == 0, done.stderr
    assert contents(interrupted) == whole[0]


@pytest.mark.parametrize("kilobytes", [20, 100, 300])
def test_a_full_disk_ends_in_one_line(
    reports: Path, whole: tuple[dict[str, bytes], int], tmp_path: Path, kilobytes: int
) -> None:
    """A limit on the size of a file stands for it: the system answers at the same places."""
    pytest.importorskip("resource", reason="the limit is one of POSIX")
    limited = (
        "import resource, sys; from cxr_edge.indexes.__main__ import main\n"
        f"resource.setrlimit(resource.RLIMIT_FSIZE, ({kilobytes} * 1024,) * 2)\n"
        "main()"
    )
    out = tmp_path / "out"
    arguments = command(reports, out)
    done = subprocess.run(
        [sys.executable, "-c", limited, *arguments], capture_output=True, text=True
    )
    assert done.returncode == 1, done.stderr
    last = done.stderr.splitlines()[-1]
    assert last.startswith("cxr-index: cannot write")
    assert "Traceback" not in done.stderr
    assert not any(level.name[0] != "." for level in out.glob("*"))
    assert run(0, *arguments).returncode == 0
    assert contents(out) == whole[0]
