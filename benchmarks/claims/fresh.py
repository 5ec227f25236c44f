"""A process of its own for one system: when is its first report there, and what does it need?

python -m cxr_edge.benchmarks.claims.fresh SETUP STUDY... prints one line when the first report is
written and another, with its memory, when all are.
"""

import json
import re
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from time import perf_counter

from cxr_edge.benchmarks.claims.system import Setup, open_system
from cxr_edge.errors import EngineUnavailable


@dataclass(frozen=True)
class Fresh:
    """What fresh processes showed."""

    first_report_ms: float
    """Median of the runs, from the start of the process."""
    peak_mb: float
    """The largest of the runs: resident memory of the process and of those it started."""


def measure(setup: Setup, studies: Sequence[Path], runs: int) -> Fresh:
    """Start the system in a process of its own, several times.

    Args:
        setup: the system.
        studies: files; the first is the one whose report is waited for.
        runs: processes, one after the other.

    Raises:
        EngineUnavailable: it did not come to a report.
    """
    command = [sys.executable, "-m", "cxr_edge.benchmarks.claims.fresh", json.dumps(asdict(setup))]
    command += map(str, studies)
    firsts, peaks = [], []
    for _ in range(runs):
        started = perf_counter()
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
            assert process.stdout is not None
            assert process.stderr is not None
            try:
                first = process.stdout.readline()
                firsts.append((perf_counter() - started) * 1e3)
                peak = process.stdout.readline()
                complaint = process.stderr.read().decode(errors="replace").strip()
            except BaseException:
                process.kill()
                raise
        if not first or not peak:
            last = (
                complaint.splitlines()[-1] if complaint else f"it ended with {process.returncode}"
            )
            raise EngineUnavailable(f"{setup.system} in a process of its own: {last}")
        peaks.append(float(peak))
    return Fresh(statistics.median(firsts), max(peaks))


def peak_mb() -> float:
    """Largest resident memory of this process, and of those it has started, in MB.

    Where the system keeps no such figure for a process, its own alone.
    """
    own = Path("/proc/self/status")
    if not own.exists():
        import resource

        used = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return float(used) / 1e6 if sys.platform == "darwin" else float(used) * 1024 / 1e6
    number = _field(own, "Pid")
    total = _field(own, "VmHWM")
    for status in Path("/proc").glob("[0-9]*/status"):
        if _field(status, "PPid") == number:
            total += _field(status, "VmHWM")
    return total * 1024 / 1e6


def _field(status: Path, name: str) -> int:
    """A number of a process; 0 where it has ended meanwhile."""
    try:
        found = re.search(rf"^{name}:\s+(\d+)", status.read_text(), re.MULTILINE)
    except OSError:
        return 0
    return int(found[1]) if found else 0


def _main(setup: str, *studies: str) -> None:
    system = open_system(Setup(**json.loads(setup)))
    try:
        with tempfile.TemporaryDirectory() as folder:
            for number, study in enumerate(studies):
                system.draft(Path(study), Path(folder) / f"{number}.txt", number)
                if number == 0:
                    print("first", flush=True)
        print(round(peak_mb(), 1), flush=True)
    finally:
        system.close()


if __name__ == "__main__":
    _main(*sys.argv[1:])
