"""Corpora that cannot be read, and places that are no index: one line, nothing lost."""

import os
from pathlib import Path

import pytest
from click.testing import CliRunner

from cxr_edge.errors import CorpusError, OutputError
from cxr_edge.indexes.building.placing import targets
from cxr_edge.indexes.cli import index
from cxr_edge.indexes.corpora import CorpusOptions, open_corpus


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


def test_wide_characters_are_read_by_their_mark_or_refused(tmp_path: Path) -> None:
    text = "Clear lungs.\n".encode("utf-16")
    folder = tmp_path / "reports"
    folder.mkdir()
    for path in (tmp_path / "lines.txt", folder / "one.txt"):
        path.write_bytes(text)
    for corpus in (tmp_path / "lines.txt", folder):
        assert [s.text for s in open_corpus(corpus)] == ["Clear lungs."]
    for path in (tmp_path / "lines.txt", folder / "one.txt"):
        path.write_bytes(text + b"x")
    for corpus in (tmp_path / "lines.txt", folder):
        with pytest.raises(CorpusError, match="begins as UTF-16 and is not"):
            list(open_corpus(corpus))


def test_places_that_cannot_be_are_refused_before_any_work(tmp_path: Path) -> None:
    reports = tmp_path / "reports.jsonl"
    reports.write_text('{"findings": "Clear lungs."}\n')
    dangling = tmp_path / "dangling"
    dangling.symlink_to(tmp_path / "nowhere")
    for out in (Path("/"), tmp_path / ("x" * 300), dangling):
        done = CliRunner().invoke(index, ["build", str(reports), "--out", str(out)])
        assert isinstance(done.exception, OutputError), out
    assert {path.name for path in tmp_path.iterdir()} == {"reports.jsonl", "dangling"}


def test_a_named_pipe_is_not_waited_for(tmp_path: Path) -> None:
    if not hasattr(os, "mkfifo"):
        pytest.skip("no named pipes on this system")
    reports = tmp_path / "reports.jsonl"
    reports.write_text('{"findings": "Clear lungs."}\n')
    os.mkfifo(tmp_path / "pipe")
    for arguments in (
        [tmp_path / "pipe"],
        [tmp_path / "pipe", "--format", "text"],
        [tmp_path / "pipe", "--key", "image"],
        [reports, "--queries", tmp_path / "pipe"],
    ):
        command = ["build", *map(str, arguments), "--out", str(tmp_path / "out")]
        done = CliRunner().invoke(index, command)
        assert isinstance(done.exception, CorpusError), arguments
        assert str(tmp_path / "pipe") in str(done.exception)


def test_nothing_is_built_within_an_index(tmp_path: Path) -> None:
    """The index around it would be refused from then on."""
    reports = tmp_path / "reports.jsonl"
    reports.write_text('{"findings": "Clear lungs."}\n')
    outer = tmp_path / "outer"
    assert CliRunner().invoke(index, ["build", str(reports), "--out", str(outer)]).exit_code == 0
    for arguments in (
        ["--out", outer / "inner"],
        ["--out", outer / "far" / "inner"],
        ["--out", outer, "--compression", "all"],
    ):
        done = CliRunner().invoke(index, ["build", str(reports), *map(str, arguments)])
        assert isinstance(done.exception, OutputError), arguments
        assert "is an index, which holds nothing else" in str(done.exception)
    assert CliRunner().invoke(index, ["verify", str(outer)]).exit_code == 0
    assert sorted(path.name for path in tmp_path.iterdir()) == ["outer", "reports.jsonl"]


@pytest.mark.parametrize(
    "name", ["nul:x", "NUL", "com1.index", "ends.", "ends ", "a|b", "what?", "nul/x", "x" * 200]
)
def test_names_that_windows_cannot_hold_are_refused_everywhere(tmp_path: Path, name: str) -> None:
    reports = tmp_path / "reports.jsonl"
    reports.write_text('{"findings": "Clear lungs."}\n')
    done = CliRunner().invoke(index, ["build", str(reports), "--out", f"{tmp_path}/{name}"])
    assert isinstance(done.exception, OutputError)
    assert "not every system can hold the name" in str(done.exception)
    assert "\n" not in str(done.exception)
    assert [path.name for path in tmp_path.iterdir()] == ["reports.jsonl"]


def test_names_that_are_there_are_taken_as_they_are(tmp_path: Path) -> None:
    (tmp_path / "a:b").mkdir()
    reports = tmp_path / "reports.jsonl"
    reports.write_text('{"findings": "Clear lungs."}\n')
    out = tmp_path / "a:b" / "größe"
    done = CliRunner().invoke(index, ["build", str(reports), "--out", str(out)])
    assert done.exit_code == 0, done.output
    assert (out / "index.json").is_file()


def test_levels_that_look_alike_have_a_place_each() -> None:
    levels = (0.0, 0.15, 0.1500001, 0.15000001)
    places = targets(Path("out"), levels)
    assert places[0.0] == Path("out/0")
    assert places[0.15] == Path("out/0.15")
    assert len(set(places.values())) == len(levels)
    assert all(float(place.name) == level for level, place in places.items())


def test_a_key_that_no_line_has_is_an_error(tmp_path: Path) -> None:
    """A mistyped name would otherwise leave a whole section out without a word."""
    path = tmp_path / "reports.jsonl"
    path.write_text('{"Befund": "Clear lungs.", "Nr": 1}\n{"impression": "Mass.", "Nr": 2}\n')
    named = CorpusOptions(columns=(("findings", "Befund"), ("source", "Nr")))
    assert [(s.source, s.text) for s in open_corpus(path, named)] == [
        ("1", "Clear lungs."),
        ("2", "Mass."),
    ]
    mistyped = CorpusOptions(columns=(("findings", "befund"),))
    with pytest.raises(CorpusError, match=r"no line of .* has the key 'befund'"):
        list(open_corpus(path, mistyped))
