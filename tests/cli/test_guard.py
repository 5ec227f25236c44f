"""Every console script fails in one line: full and closed output, Ctrl-C, wrong use."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPTS = Path(sys.executable).parent
COMMANDS = (
    "cxr-run --version",
    "cxr-run doctor",
    "cxr-export --list",
    "cxr-index build --help",
    "cxr-bench --help",
    "cxr-train --help",
)
PROGRAMS = ("cxr-run", "cxr-export", "cxr-index", "cxr-bench", "cxr-train")


def shell(line: str, **environment: str) -> "subprocess.CompletedProcess[str]":
    inherited = {k: v for k, v in os.environ.items() if k != "PYTHONUNBUFFERED"}
    return subprocess.run(
        ["bash", "-c", f"set -o pipefail; '{SCRIPTS}'/{line}"],
        capture_output=True,
        text=True,
        env={**inherited, **environment},
    )


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")
@pytest.mark.parametrize("unbuffered", ["", "1"])
@pytest.mark.parametrize("command", COMMANDS)
def test_a_full_disk_ends_in_one_line(command: str, unbuffered: str) -> None:
    done = shell(f"{command} > /dev/full", PYTHONUNBUFFERED=unbuffered)
    assert done.returncode == 1
    program = command.partition(" ")[0]
    assert done.stderr == (f"{program}: cannot write to standard output: No space left on device\n")


@pytest.mark.skipif(os.name == "nt", reason="the shell of this system cannot close a stream")
@pytest.mark.parametrize("command", COMMANDS)
def test_a_closed_output_ends_in_one_line(command: str) -> None:
    done = shell(f"{command} >&-")
    assert done.returncode == 1
    assert done.stderr.endswith("standard output: it is closed\n")
    assert len(done.stderr.splitlines()) == 1


def test_a_reader_that_has_seen_enough_is_no_error() -> None:
    done = shell("cxr-export --list --json | true")
    assert done.stderr == ""


@pytest.mark.parametrize("loading", ["click", "numpy"])
@pytest.mark.parametrize("program", PROGRAMS)
def test_an_interrupt_while_packages_load_leaves_no_traceback(
    program: str, loading: str, tmp_path: Path
) -> None:
    (tmp_path / f"{loading}.py").write_text("import signal\nsignal.raise_signal(signal.SIGINT)\n")
    done = shell(f"{program} --help", PYTHONPATH=str(tmp_path))
    assert done.returncode == 130
    assert done.stderr == f"{program}: interrupted\n"


def test_an_interrupt_at_work_leaves_no_traceback(phantom: Path, tmp_path: Path) -> None:
    (tmp_path / "onnxruntime.py").write_text("import signal\nsignal.raise_signal(signal.SIGINT)\n")
    done = shell(f"cxr-run '{phantom}'", PYTHONPATH=str(tmp_path))
    assert done.returncode == 130
    assert done.stderr.strip() == "cxr-run: interrupted"
    assert done.stdout == ""


@pytest.mark.parametrize("program", PROGRAMS)
def test_wrong_use_says_how_and_exits_with_2(program: str) -> None:
    done = shell(f"{program} --no-such-option")
    assert done.returncode == 2
    assert "No such option" in done.stderr
    assert done.stdout == ""


@pytest.mark.parametrize(
    ("module", "program"),
    [
        ("cxr_edge.cli", "cxr-run"),
        ("cxr_edge.export", "cxr-export"),
        ("cxr_edge.indexes", "cxr-index"),
        ("cxr_edge.benchmarks", "cxr-bench"),
        ("cxr_edge.training", "cxr-train"),
    ],
)
def test_each_program_is_also_a_module(module: str, program: str) -> None:
    done = subprocess.run([sys.executable, "-m", module, "--help"], capture_output=True, text=True)
    assert done.returncode == 0
    assert done.stdout.startswith(f"Usage: {program} ")


def test_a_name_with_line_ends_is_said_in_one_line() -> None:
    done = shell("cxr-index inspect $'no\\nsuch\\e[31mplace'")
    assert done.returncode == 1
    assert done.stderr.startswith("cxr-index: no index at no such [31mplace:")
    assert done.stderr.count("\n") == 1
