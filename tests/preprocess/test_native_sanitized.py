"""The C of the pixel path alone: under three sanitizers, and for ARM."""

import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
NATIVE = ROOT / "runtime" / "preprocess" / "native"
PARTS = ("crew.c", "kernels.c", "resize.c", "levels.c", "count.c", "read.c")
SOURCES = [*(NATIVE / part for part in PARTS), Path(__file__).with_name("pixels_harness.c")]
OPTIONS = (
    "-pthread",
    "-ffp-contract=off",
    "-ffinite-math-only",
    "-fno-signed-zeros",
    "-fno-trapping-math",
)


def run(*command: str | Path) -> str:
    """The fastest kernel's name; what the harness found wrong is its exit code."""
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, (done.returncode, done.stderr[-3000:])
    kernel, done_with = done.stdout.split()
    assert done_with == command[-1]
    return kernel


@pytest.mark.parametrize(("checks", "pictures"), [("address,undefined", "60"), ("thread", "15")])
def test_memory_arithmetic_and_threads_are_sound(
    checks: str, pictures: str, tmp_path: Path, compile_harness: Callable[..., Path]
) -> None:
    compiler = shutil.which("gcc") or shutil.which("clang")
    if compiler is None:
        pytest.skip("no C compiler here")
    options = [*OPTIONS, "-O1", f"-fsanitize={checks}", "-fno-sanitize-recover=all"]
    program = compile_harness(compiler, NATIVE, options, SOURCES)
    kernel = run(program, tmp_path / "values", pictures)
    assert kernel in ("avx512", "avx2", "plain")


def test_arm_agrees_with_the_definition(
    tmp_path: Path, compile_harness: Callable[..., Path]
) -> None:
    """In an emulator, where a cross compiler is at hand."""
    compiler, emulator = shutil.which("aarch64-linux-gnu-gcc"), shutil.which("qemu-aarch64")
    if compiler is None or emulator is None:
        pytest.skip("needs gcc-aarch64-linux-gnu and qemu-user")
    program = compile_harness(compiler, NATIVE, [*OPTIONS, "-O3", "-static"], SOURCES)
    assert run(emulator, program, tmp_path / "values", "60") == "plain"
