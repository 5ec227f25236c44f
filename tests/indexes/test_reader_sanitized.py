"""The C of the reader alone: under the address and undefined-behaviour sanitizers, and for ARM."""

import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
NATIVE = ROOT / "indexes" / "native"
SOURCES = [
    *(NATIVE / name for name in ("kernels.c", "scan.c", "beam.c", "prune.c")),
    Path(__file__).with_name("reader_harness.c"),
]


def run(*command: str | Path) -> str:
    """The fastest kernel's name; what the harness found wrong is its exit code."""
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, (done.returncode, done.stderr[-3000:])
    kernel, ended, refused = done.stdout.split()
    assert int(ended) > 100
    assert int(refused) > 100
    return kernel


def test_no_byte_outside_is_read(compile_harness: Callable[..., Path]) -> None:
    compiler = shutil.which("gcc") or shutil.which("clang")
    if compiler is None:
        pytest.skip("no C compiler here")
    checks = ["-O1", "-fsanitize=address,undefined", "-fno-sanitize-recover=all"]
    assert run(compile_harness(compiler, NATIVE, checks, SOURCES)) in ("avx512", "neon", "scalar")


def test_neon_gives_the_same_bits(compile_harness: Callable[..., Path]) -> None:
    """In an emulator, where a cross compiler is at hand."""
    compiler, emulator = shutil.which("aarch64-linux-gnu-gcc"), shutil.which("qemu-aarch64")
    if compiler is None or emulator is None:
        pytest.skip("needs gcc-aarch64-linux-gnu and qemu-user")
    program = compile_harness(compiler, NATIVE, ["-O3", "-static"], SOURCES)
    assert run(emulator, program) == "neon"
