"""Versions side by side: published, followed, rolled back; names every system can hold."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path, PureWindowsPath

import pytest
from synthetic_index import synthetic_columns

from cxr_edge.errors import OutputError, SentenceIndexError
from cxr_edge.indexes.current import (
    CURRENT,
    Versions,
    is_version,
    publish,
    read_versions,
    rollback,
)
from cxr_edge.indexes.search import SentenceIndex

Writer = Callable[..., Path]


@pytest.fixture
def versions(write_index: Writer) -> list[Path]:
    return [write_index(synthetic_columns(seed=n), name=f"v{n}") for n in range(3)]


def test_the_published_version_is_opened(versions: list[Path]) -> None:
    root = versions[0].parent
    assert publish(versions[0]) == Versions("v0", None)
    assert SentenceIndex.open(root).directory == versions[0]
    assert publish(versions[1]) == Versions("v1", "v0")
    assert SentenceIndex.open(root).directory == versions[1]
    assert (root / CURRENT).read_text() == "v1\nv0\n"


def test_rollback_goes_back_and_forward(versions: list[Path]) -> None:
    root = versions[0].parent
    publish(versions[0])
    with pytest.raises(SentenceIndexError, match="no version before v0"):
        rollback(root)
    publish(versions[1])
    publish(versions[1])  # once more changes nothing
    assert rollback(root) == Versions("v0", "v1")
    assert SentenceIndex.open(root).digest == SentenceIndex.open(versions[0]).digest
    assert rollback(root) == Versions("v1", "v0")
    assert sorted(path.name for path in root.iterdir()) == [CURRENT, "v0", "v1", "v2"]


def test_who_opened_the_old_version_goes_on_with_it(versions: list[Path]) -> None:
    publish(versions[0])
    opened = SentenceIndex.open(versions[0].parent)
    publish(versions[1])
    assert opened.hit(3, 0.0).text == "Sentence 3: größer."
    assert opened.digest == SentenceIndex.open(versions[0]).digest


def test_a_reader_never_sees_something_between(versions: list[Path]) -> None:
    """Another process publishes one version after the other while this one reads."""
    root = versions[0].parent
    publish(versions[0])
    code = (
        "import sys; from pathlib import Path; from cxr_edge.indexes.current import publish\n"
        "for turn in range(200): publish(Path(sys.argv[1 + turn % 2]))"
    )
    other = subprocess.Popen([sys.executable, "-c", code, *map(str, versions[:2])])
    seen = set()
    while other.poll() is None:
        seen.add(read_versions(root).current)
    assert other.returncode == 0
    assert seen == {"v0", "v1"}
    assert not list(root.glob(".CURRENT*"))


def test_a_version_that_is_gone_is_named(versions: list[Path]) -> None:
    root = versions[0].parent
    publish(versions[0])
    publish(versions[1])
    versions[0].rename(root / "elsewhere")
    with pytest.raises(SentenceIndexError, match="v0, the version before, is not there"):
        rollback(root)
    versions[1].rename(root / "too")
    with pytest.raises(SentenceIndexError, match="names v1, which is not there"):
        SentenceIndex.open(root)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\n",
        b"v0",
        b"../v0\n",
        b"/v0\n",
        b"v0\n\n",
        b"v0\nv1\nv2\n",
        b"\xff\n",
        b"v0\r\n",
        b"a" * 2000,
    ],
)
def test_a_damaged_pointer_is_refused(versions: list[Path], content: bytes) -> None:
    root = versions[0].parent
    (root / CURRENT).write_bytes(content)
    for action in (SentenceIndex.open, rollback):
        with pytest.raises(SentenceIndexError, match="damaged"):
            action(root)


def test_an_index_with_a_pointer_in_it_is_refused(versions: list[Path]) -> None:
    (versions[0] / CURRENT).write_text("v1\n")
    with pytest.raises(SentenceIndexError, match="does not belong there"):
        SentenceIndex.open(versions[0])


@pytest.mark.parametrize(
    "name",
    ["con", "NUL.txt", "com1", "LPT9.a.b", "a:b", "a.", "a ", "a/b", "a\\b", "", ".", "..", "a?",
     "a\n", ".hidden", "CURRENT", "current", "x" * 121],
)  # fmt: skip
def test_names_that_some_system_cannot_hold(name: str) -> None:
    assert not is_version(name)


@pytest.mark.parametrize("name", ["2026-11", "v1.2", "0.15", "console", "com10", "Größe", "a b"])
def test_names_that_every_system_can_hold(name: str) -> None:
    assert is_version(name)
    assert not PureWindowsPath(name).is_reserved()


def test_a_version_with_such_a_name_is_not_published(versions: list[Path]) -> None:
    bad = versions[0].rename(versions[0].with_name("2026:11"))
    with pytest.raises(OutputError, match="no name for a version"):
        publish(bad)
    assert not (bad.parent / CURRENT).exists()


@pytest.mark.parametrize("content", [b"", b"../v0\n", b"\xff\n"])
def test_a_damaged_pointer_is_written_anew(versions: list[Path], content: bytes) -> None:
    """As the message of the one who found the damage says."""
    root = versions[0].parent
    (root / CURRENT).write_bytes(content)
    assert publish(versions[1]) == Versions("v1", None)
    assert SentenceIndex.open(root).directory == versions[1]


def test_a_pointer_that_is_no_file(versions: list[Path]) -> None:
    root = versions[0].parent
    (root / CURRENT).mkdir()
    with pytest.raises(SentenceIndexError, match="is no file"):
        SentenceIndex.open(root)
    with pytest.raises(OutputError, match="cannot write"):
        publish(versions[0])


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")
def test_nobody_waits_for_a_named_pipe(versions: list[Path]) -> None:
    root = versions[0].parent
    os.mkfifo(root / CURRENT)
    with pytest.raises(SentenceIndexError, match="is no file"):
        SentenceIndex.open(root)
    (versions[0] / "index.json").unlink()
    os.mkfifo(versions[0] / "index.json")
    with pytest.raises(SentenceIndexError, match="is no file"):
        SentenceIndex.open(versions[0])
