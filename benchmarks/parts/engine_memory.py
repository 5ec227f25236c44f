"""What a process that loads one network on one engine needs: run with ``-m``, prints mebibytes.

python -m cxr_edge.benchmarks.parts.engine_memory cpu image.onnx pixels.npy pixels 2
"""

import re
import subprocess
import sys
from pathlib import Path

import numpy as np

from cxr_edge.engines import load_engine


def peak_mib(engine: str, graph: Path, pixels: Path, name: str, threads: int) -> int:
    """Peak resident memory of a fresh process that loads a graph and runs it ten times, in MiB.

    Args:
        engine: name of an engine.
        graph: an ONNX file.
        pixels: a .npy file with one input.
        name: of the input.
        threads: for the engine.
    """
    given = [engine, str(graph), str(pixels), name, str(threads)]
    command = [sys.executable, "-m", "cxr_edge.benchmarks.parts.engine_memory", *given]
    return int(subprocess.run(command, capture_output=True, text=True, check=True).stdout)


def _main(engine: str, graph: str, pixels: str, name: str, threads: str) -> None:
    loaded = load_engine(engine, Path(graph).read_bytes(), int(threads))
    inputs = {name: np.load(pixels)}
    for _ in range(10):
        loaded.run(inputs)
    # Not the usage that the system returns for children: it begins with what the parent had.
    match = re.search(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text())
    assert match is not None
    print(round(int(match[1]) / 1024))
    loaded.close()


if __name__ == "__main__":
    _main(*sys.argv[1:])
