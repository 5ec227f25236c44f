"""The C of the reader alone: under the address and undefined-behaviour sanitizers, and for ARM."""

import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
NATIVE = ROOT / "indexes" / "native"
HARNESS = Path(__file__).with_name("reader_harness.c")


def build(compiler: str, options: list[str], folder: Path) -> Path:
    sources = [NATIVE / name for name in ("kernels.c", "scan.c", "beam.c", "prune.c")]
    common = ["-std=c11", "-g", "-Wall", "-Wextra", "-Werror", f"-I{NATIVE}"]
    program = folder / "harness"
    built = subprocess.run(
        [compiler, *common, *options, *sources, HARNESS, "-lm", "-o", program],
        capture_output=True,
        text=True,
    )
    if "cannot find" in built.stderr and "san" in built.stderr:
        pytest.skip("the compiler has no sanitizers here")
    assert built.returncode == 0, built.stderr
    return program


def run(*command: str | Path) -> str:
    """The fastest kernel's name; what the harness found wrong is its exit code."""
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, (done.returncode, done.stderr[-3000:])
    kernel, ended, refused = done.stdout.split()
    assert int(ended) > 100
    assert int(refused) > 100
    return kernel


def test_no_byte_outside_is_read(tmp_path: Path) -> None:
    compiler = shutil.which("gcc") or shutil.which("clang")
    if compiler is None:
        pytest.skip("no C compiler here")
    checks = ["-O1", "-fsanitize=address,undefined", "-fno-sanitize-recover=all"]
    assert run(build(compiler, checks, tmp_path)) in ("avx512", "neon", "scalar")


def test_neon_gives_the_same_bits(tmp_path: Path) -> None:
    """In an emulator, where a cross compiler is at hand."""
    compiler, emulator = shutil.which("aarch64-linux-gnu-gcc"), shutil.which("qemu-aarch64")
    if compiler is None or emulator is None:
        pytest.skip("needs gcc-aarch64-linux-gnu and qemu-user")
    program = build(compiler, ["-O3", "-static"], tmp_path)
    assert run(emulator, program) == "neon"
