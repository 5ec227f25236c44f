"""Files appear whole or not at all."""

import os

import pytest

from cxr_edge.atomic import write_atomically
from cxr_edge.errors import OutputError


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
