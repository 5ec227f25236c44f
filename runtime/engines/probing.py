"""Asks in a process of its own whether an engine works: a broken GPU library ends the process.

The program that is asked prints one JSON object a line: ``{"step": ...}`` before each thing that
may go wrong, and at the end ``{"available": ..., "detail": ...}``. If it dies or hangs, the last
step says where.
"""

import json
import re
import signal
import subprocess
import sys
from functools import cache
from pathlib import Path

from cxr_edge.engines.base import Probe

SECONDS = 60.0
"""Time limit: the first use of a GPU initialises every device of the machine."""


@cache
def ask(program: Path, *arguments: str, seconds: float = SECONDS, log: str = "") -> Probe:
    """Run a checking program once per process of ours, and take its answer.

    Args:
        program: a Python file.
        arguments: for it.
        seconds: after which it is killed.
        log: pattern whose group is why not, in what the libraries say on standard error.
    """
    command = [sys.executable, "-P", str(program), *arguments]
    try:
        done = subprocess.run(
            command, stdin=subprocess.DEVNULL, capture_output=True, timeout=seconds
        )
    except subprocess.TimeoutExpired as late:
        where = _steps(late.stdout or b"")[1]
        return Probe(False, f"the check gave no answer in {seconds:g} s while {where}")
    except OSError as problem:
        return Probe(False, f"the check could not be started: {problem.strerror}")
    answer, step = _steps(done.stdout)
    heard = done.stderr.decode(errors="replace").strip()
    if answer is not None and done.returncode == 0:
        why = re.search(log, heard) if log and not answer.available else None
        return Probe(False, f"{answer.detail} ({why[1].strip()[:200]})") if why else answer
    said = heard.splitlines()
    last = f" ({' '.join(said[-1].split())[:200]})" if said else ""
    return Probe(False, f"the check {_ended(done.returncode)} while {step}{last}")


def _steps(output: bytes) -> tuple[Probe | None, str]:
    """The answer, where there is one, and the last step that was begun."""
    answer, step = None, "starting"
    for line in output.decode(errors="replace").splitlines():
        try:
            said = json.loads(line)
            if "available" in said:
                answer = Probe(bool(said["available"]), str(said["detail"]))
            else:
                step = str(said["step"])
        except (ValueError, TypeError, KeyError):
            continue  # a library that talks on standard output
    return answer, step


def _ended(code: int) -> str:
    if code >= 0:
        return f"ended with code {code}"
    try:
        return f"was ended by {signal.Signals(-code).name}"
    except ValueError:
        return f"was ended by signal {-code}"
