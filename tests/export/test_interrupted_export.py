"""An export that is killed or runs out of disk leaves no half bundle and stops no later one."""

import os
import random
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner

from cxr_edge.bundle import Bundle
from cxr_edge.export.cli import main

posix_only = pytest.mark.skipif(
    not hasattr(os, "fork"), reason="needs fork and SIGKILL, which this system lacks"
)

KILLED_AT_EVERY_STEP = """
import os, signal, sys
from pathlib import Path
from cxr_edge.export.cli import main

folder = sys.argv[-1]
victim, step, forked = None, 0, False

def watch(event, arguments):
    # Audit events come before the action. The first temporary folder is where writing begins: one
    # child is forked for each step of it, and kills itself (as kill -9 does) before that step.
    global victim, step, forked
    if event not in ("open", "os.mkdir", "os.chmod", "os.rename") or not arguments:
        return
    if not str(arguments[0]).startswith(folder):
        return
    if not forked:
        forked = True
        for number in range(1, 99):
            child = os.fork()
            if child == 0:
                victim = number
                break
            _, status = os.waitpid(child, 0)
            if not os.WIFSIGNALED(status):
                print("a child outlived its steps", status, file=sys.stderr)
                os._exit(9)
            left = sorted(path.name for path in Path(folder).iterdir())
            print(number, *left, flush=True)
            if "renaming" in os.listdir(os.path.dirname(folder)):
                break
    step += 1
    if step == victim:
        if event == "os.rename":
            (Path(folder).parent / "renaming").touch()
        os.kill(os.getpid(), signal.SIGKILL)

sys.addaudithook(watch)
main(["--model", "dcclip", "--checkpoint", sys.argv[1], "--out", sys.argv[-1] + "/bundle"])
"""


@posix_only
def test_a_kill_at_any_step_of_writing_leaves_no_half_bundle(weights: Path, tmp_path: Path) -> None:
    folder = tmp_path / "out"
    folder.mkdir()
    command = [sys.executable, "-c", KILLED_AT_EVERY_STEP, str(weights), str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    steps = [line.split() for line in done.stdout.splitlines() if line[0].isdigit()]
    assert len(steps) >= 6, done.stdout  # folder, four files, the folder's entries, the rename
    for _, *left in steps:
        assert "bundle" not in left
        assert all(name.startswith(".bundle.") and name.endswith(".tmp") for name in left)
    # The export that was not killed came after all of them, beside what they left.
    bundle = Bundle.load(folder / "bundle")
    assert all(bundle.read(file) for file in bundle.manifest["files"])


@posix_only
@pytest.mark.parametrize("seed", [1, 2])
def test_a_kill_at_a_random_moment_leaves_no_half_bundle(
    weights: Path, tmp_path: Path, seed: int
) -> None:
    console = Path(sys.executable).with_name("cxr-export")
    if not console.exists():
        pytest.skip(f"the console script is not installed: {console} is missing")
    out = tmp_path / "bundle"
    command = [console, "--model", "dcclip", "--checkpoint", str(weights), "--out", str(out)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        process.wait(random.Random(seed).uniform(1.0, 8.0))
    except subprocess.TimeoutExpired:
        process.send_signal(signal.SIGKILL)
        process.wait()
    left = [path.name for path in tmp_path.iterdir()]
    if out.exists():
        assert left == ["bundle"]
        assert Bundle.load(out).read("image.onnx")
    else:
        assert all(name.startswith(".bundle.") and name.endswith(".tmp") for name in left)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 64 KiB."""
    mount, umount = shutil.which("mount"), shutil.which("umount")
    if sys.platform != "linux" or mount is None or umount is None or os.geteuid() != 0:
        pytest.skip("a full disk needs Linux, mount and root to make a small file system")
    place = tmp_path / "disk"
    place.mkdir()
    command = [mount, "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(place)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        pytest.skip(f"a full disk needs a small file system: {done.stderr.strip()}")
    yield place
    subprocess.run([umount, str(place)], check=True)


def test_a_full_disk_is_one_line(weights: Path, small_disk: Path) -> None:
    arguments = ["--model", "dcclip", "--checkpoint", str(weights)]
    done = CliRunner().invoke(main, [*arguments, "--out", str(small_disk / "bundle")])
    assert isinstance(done.exception, SystemExit), done.exception
    assert done.exit_code == 1
    lines = done.stderr.strip().splitlines()
    assert lines[-1].startswith("cxr-export: cannot write")
    assert "No space left on device" in lines[-1]
    assert "Traceback" not in done.stderr
    assert list(small_disk.iterdir()) == []
