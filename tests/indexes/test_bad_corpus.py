"""Corpora that cannot be read, and places that are no index: one line, nothing lost."""

from pathlib import Path

import pytest
from click.testing import CliRunner

from cxr_edge.errors import CorpusError, OutputError
from cxr_edge.indexes.cli import index
from cxr_edge.indexes.corpora import open_corpus


@pytest.mark.parametrize(
    "line", ['{"findings": "half \\ud800 a pair."}', '{"findings":' + "[" * 100_000, "{", "[1]"]
)
def test_a_bad_line_is_named(tmp_path: Path, line: str) -> None:
    path = tmp_path / "reports.jsonl"
    path.write_text('{"findings": "Clear lungs."}\n' + line + "\n")
    with pytest.raises(CorpusError, match=r"line 2") as caught:
        list(open_corpus(path))
    assert "\n" not in str(caught.value)


def test_a_byte_order_mark_is_read_over(tmp_path: Path) -> None:
    path = tmp_path / "reports.jsonl"
    path.write_bytes(b'\xef\xbb\xbf{"findings": "Clear lungs."}\n')
    assert [s.text for s in open_corpus(path)] == ["Clear lungs."]


def test_replace_touches_nothing_but_an_index(tmp_path: Path) -> None:
    reports = tmp_path / "reports.jsonl"
    reports.write_text('{"findings": "Clear lungs."}\n')
    folder, file = tmp_path / "home", tmp_path / "file"
    folder.mkdir()
    (folder / "thesis").write_text("keep me")
    file.write_text("keep me")
    for out in (folder, file):
        done = CliRunner().invoke(index, ["build", str(reports), "--out", str(out), "--replace"])
        assert isinstance(done.exception, OutputError)
    assert (folder / "thesis").read_text() == file.read_text() == "keep me"


def test_what_was_dropped_is_said_when_nothing_is_left(tmp_path: Path) -> None:
    reports = tmp_path / "reports.jsonl"
    reports.write_text('{"findings": "Compared to the prior study no change."}\n')
    done = CliRunner().invoke(index, ["build", str(reports), "--out", str(tmp_path / "out")])
    assert isinstance(done.exception, CorpusError)
    assert "speaks of an earlier study" in done.output
    assert not (tmp_path / "out").exists()
