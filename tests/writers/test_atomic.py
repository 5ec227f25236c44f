"""Files appear whole or not at all, and formats are found by name."""

import os
import subprocess
import sys

import pytest

from cxr_edge.errors import OutputError
from cxr_edge.writers import get_writer, write_atomically


def test_writes_and_replaces(tmp_path):
    path = tmp_path / "report.json"
    write_atomically(path, b"one")
    write_atomically(path, b"two")
    assert path.read_bytes() == b"two"
    assert os.listdir(tmp_path) == ["report.json"]


@pytest.mark.parametrize("target", ["missing/report.json", "folder", "file/report.json"])
def test_failure_is_one_line_and_leaves_nothing(target, tmp_path):
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "kept").write_bytes(b"kept")
    (tmp_path / "file").write_bytes(b"kept")
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(OutputError) as caught:
        write_atomically(tmp_path / target, b"data")
    assert "\n" not in str(caught.value)
    assert str(tmp_path / target) in str(caught.value)
    assert sorted(tmp_path.rglob("*")) == before
    assert (tmp_path / "file").read_bytes() == b"kept"


def test_failed_replacement_keeps_the_old_file(tmp_path):
    path = tmp_path / "report.json"
    path.write_bytes(b"old")
    with pytest.raises(TypeError):
        write_atomically(path, "not bytes")  # type: ignore[arg-type]
    assert path.read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["report.json"]


def test_unknown_format_names_the_known_ones():
    with pytest.raises(OutputError, match="choose one of text, json, html, sr"):
        get_writer("pdf")


def test_listing_formats_loads_none_and_only_sr_loads_pydicom():
    program = (
        "import sys, cxr_edge.writers as w\n"
        "assert not [m for m in sys.modules if m.startswith('cxr_edge.writers.') "
        "and m != 'cxr_edge.writers.atomic']\n"
        "for name in ('text', 'json', 'html'): w.get_writer(name)\n"
        "print('pydicom' in sys.modules)\n"
        "w.get_writer('sr'); print('pydicom' in sys.modules)\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True)
    assert done.stdout.split() == [b"False", b"True"]


def test_pipes_and_links_are_not_replaced_by_a_file(tmp_path):
    """``/dev/null`` is such a device and ``/dev/stdout`` such a link, and root may replace both."""
    pipe, link, target = tmp_path / "pipe", tmp_path / "link", tmp_path / "target"
    os.mkfifo(pipe)
    target.write_bytes(b"kept")
    link.symlink_to(target)
    for path in (pipe, link):
        with pytest.raises(OutputError, match="no plain file"):
            write_atomically(path, b"data")
    assert pipe.is_fifo()
    assert link.is_symlink()
    assert target.read_bytes() == b"kept"
    assert sorted(os.listdir(tmp_path)) == ["link", "pipe", "target"]
