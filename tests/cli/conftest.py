"""Runs the console scripts as a user would: in a process of their own."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

Run = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture(scope="session")
def cxr() -> Run:
    def run(
        command: str, *arguments: object, stdin: bytes | None = None, cwd: Path | None = None
    ) -> "subprocess.CompletedProcess[str]":
        done = subprocess.run(
            [str(Path(sys.executable).with_name(command)), *map(str, arguments)],
            input=stdin,
            capture_output=True,
            cwd=cwd,
        )
        return subprocess.CompletedProcess(
            done.args, done.returncode, done.stdout.decode(), done.stderr.decode()
        )

    return run
