"""The C of the pixel path alone: under three sanitizers, and for ARM."""

import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
NATIVE = ROOT / "runtime" / "preprocess" / "native"
HARNESS = Path(__file__).with_name("pixels_harness.c")
PARTS = ("crew.c", "kernels.c", "resize.c", "levels.c", "count.c", "read.c")
FLOATS = ("-ffp-contract=off", "-ffinite-math-only", "-fno-signed-zeros", "-fno-trapping-math")


def build(compiler: str, options: list[str], folder: Path) -> Path:
    common = ["-std=c11", "-g", "-pthread", "-Wall", "-Wextra", "-Werror", f"-I{NATIVE}", *FLOATS]
    program = folder / "harness"
    built = subprocess.run(
        [compiler, *common, *options, *(NATIVE / part for part in PARTS), HARNESS, "-o", program],
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
    kernel, done_with = done.stdout.split()
    assert done_with == command[-1]
    return kernel


@pytest.mark.parametrize(("checks", "pictures"), [("address,undefined", "60"), ("thread", "15")])
def test_memory_arithmetic_and_threads_are_sound(
    checks: str, pictures: str, tmp_path: Path
) -> None:
    compiler = shutil.which("gcc") or shutil.which("clang")
    if compiler is None:
        pytest.skip("no C compiler here")
    options = ["-O1", f"-fsanitize={checks}", "-fno-sanitize-recover=all"]
    kernel = run(build(compiler, options, tmp_path), tmp_path / "values", pictures)
    assert kernel in ("avx512", "avx2", "plain")


def test_arm_agrees_with_the_definition(tmp_path: Path) -> None:
    """In an emulator, where a cross compiler is at hand."""
    compiler, emulator = shutil.which("aarch64-linux-gnu-gcc"), shutil.which("qemu-aarch64")
    if compiler is None or emulator is None:
        pytest.skip("needs gcc-aarch64-linux-gnu and qemu-user")
    program = build(compiler, ["-O3", "-static"], tmp_path)
    assert run(emulator, program, tmp_path / "values", "60") == "plain"
