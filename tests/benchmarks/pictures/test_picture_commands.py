"""``cxr-bench pictures`` and ``cxr-bench readme``, and the README of this project."""

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any
from xml.sax.saxutils import unescape

import pytest
from click.testing import CliRunner, Result

from cxr_edge.benchmarks.pictures.commands import pictures, readme
from cxr_edge.benchmarks.pictures.gallery import draw
from cxr_edge.benchmarks.pictures.readme_table import recorded, renewed
from cxr_edge.benchmarks.record import read_record, write_record
from cxr_edge.errors import CxrEdgeError

ROOT = Path(__file__).resolve().parents[3]
TEXT = "# Title\n<!-- results -->\nold\n<!-- end of results -->\nafter\n"


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory, drawn_record: dict[str, Any]) -> Path:
    path = tmp_path_factory.mktemp("record") / "one.json"
    write_record(path, drawn_record)
    return path


def run(command: Any, *arguments: object) -> Result:
    return CliRunner().invoke(command, [str(one) for one in arguments])


def test_the_same_files_in_every_process(saved: Path, tmp_path: Path) -> None:
    here, there = tmp_path / "here", tmp_path / "there"
    done = run(pictures, saved, "--out", here)
    assert done.exit_code == 0, done.output
    command = [sys.executable, "-m", "cxr_edge.benchmarks", "pictures", saved, "--out", there]
    environment = {**os.environ, "PYTHONHASHSEED": "7", "TZ": "Asia/Tokyo", "LC_ALL": "C"}
    subprocess.run([*map(str, command)], check=True, capture_output=True, env=environment)
    files = {path.name: path.read_bytes() for path in here.iterdir()}
    assert len(files) == 9
    assert {path.name: path.read_bytes() for path in there.iterdir()} == files
    assert str(here / "report.html") in done.output


def test_two_records_of_one_name_are_refused(saved: Path, tmp_path: Path) -> None:
    other = tmp_path / "One.json"
    other.write_bytes(saved.read_bytes())
    done = run(pictures, saved, other, "--out", tmp_path / "x")
    assert done.exit_code == 2
    assert "rename one of the files" in done.output
    assert not (tmp_path / "x").exists()


def test_nothing_is_written_for_a_damaged_record(saved: Path, tmp_path: Path) -> None:
    broken = tmp_path / "broken.json"
    broken.write_text("{}")
    done = run(pictures, saved, broken, "--out", tmp_path / "x")
    assert isinstance(done.exception, CxrEdgeError)
    assert not (tmp_path / "x").exists()


def test_the_table_is_written_once_and_then_stays(saved: Path, tmp_path: Path) -> None:
    target = tmp_path / "README.md"
    target.write_text(TEXT)
    assert isinstance(run(readme, saved, "--readme", target, "--check").exception, CxrEdgeError)
    assert target.read_text() == TEXT
    assert "written" in run(readme, saved, "--readme", target).output
    text = target.read_text()
    assert text.startswith("# Title\n<!-- results: cxr-bench readme ")
    assert text.endswith("<!-- end of results -->\nafter\n")
    assert "old" not in text
    assert recorded(text) == [saved]
    assert "up to date" in run(readme, saved, "--readme", target, "--check").output
    assert "up to date" in run(readme, saved, "--readme", target).output
    assert target.read_text() == text


def test_the_table_holds_what_was_measured(saved: Path, drawn_record: dict[str, Any]) -> None:
    text = renewed(TEXT, [(saved, drawn_record)], Path("README.md"))
    lines = [line for line in text.splitlines() if line.startswith("|")]
    widths = {line.count("|") for line in lines}
    assert len(widths) == 1
    cells = [[cell.strip() for cell in line.split("|")[1:-1]] for line in lines]
    heads = cells[0]
    rules, chexbert = heads.index("label F1 (rules)"), heads.index("F1 (CheXbert)")
    ours = next(line for line in cells if line[0] == "cxr-edge, 15 %")
    assert ours[1] == "44"
    assert ours[rules] == "0.270 (0.220–0.310)"
    assert ours[chexbert] == "needs CheXbert"
    papers = [line for line in cells if line[0].startswith("*paper:*")]
    assert [line[chexbert] for line in papers] == ["", "0.329", "0.326", "0.352"]
    assert all(line[rules] == "" for line in papers), "never beside a figure of our rules"


def test_made_up_vectors_have_no_quality_there(
    saved: Path, synthetic_record: dict[str, Any]
) -> None:
    text = renewed(TEXT, [(saved, synthetic_record)], Path("README.md"))
    [line] = [line for line in text.splitlines() if line.startswith("| cxr-edge, 15 % (synthetic)")]
    assert [cell.strip() for cell in line.split("|")[-3:-1]] == ["", ""]


@pytest.mark.parametrize("text", ["no marks\n", TEXT + TEXT, "<!-- results -->\nno end\n"])
def test_marks_that_are_not_there_once_are_an_error(saved: Path, tmp_path: Path, text: str) -> None:
    target = tmp_path / "README.md"
    target.write_text(text)
    done = run(readme, saved, "--readme", target)
    assert isinstance(done.exception, CxrEdgeError)
    assert "expected one: a line <!-- results -->" in str(done.exception)
    assert target.read_text() == text


def test_the_readme_of_this_project_holds_its_records() -> None:
    """The same as ``cxr-bench readme RECORD... --check`` in the root."""
    target = ROOT / "README.md"
    text = target.read_text(encoding="utf-8")
    paths = recorded(text)
    assert paths, "README.md names no record: <!-- results: cxr-bench readme RECORD... -->"
    assert renewed(text, [(path, read_record(ROOT / path)) for path in paths], target) == text


def test_the_pictures_in_the_documentation_are_of_these_records() -> None:
    """Every figure stands in their descriptions; redraw with ``cxr-bench pictures``."""
    drawn = [
        picture
        for path in recorded((ROOT / "README.md").read_text(encoding="utf-8"))
        for picture in draw(read_record(ROOT / path), path.stem).pictures
    ]
    assert drawn
    for picture in drawn:
        committed = (ROOT / "docs" / f"{picture.name}.svg").read_text(encoding="utf-8")
        found = re.search(r"<desc[^>]*>(.*?)</desc>", committed, re.DOTALL)
        assert found is not None
        assert unescape(found[1]) == picture.alt
