"""``cxr-bench quality`` as a user calls it."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from cxr_edge.benchmarks.quality.command import quality
from cxr_edge.benchmarks.quality.others import OTHERS
from cxr_edge.benchmarks.record import read_record
from cxr_edge.errors import BundleError, CorpusError

REFERENCES = "id,findings,impression\na,The heart is enlarged.,Cardiomegaly.\nb,Clear lungs.,\n"


@pytest.fixture
def files(tmp_path: Path) -> tuple[str, str]:
    references, drafts = tmp_path / "references.csv", tmp_path / "drafts.jsonl"
    references.write_text(REFERENCES)
    rows = [{"id": "b", "report": "Clear lungs."}, {"id": "a", "report": "The heart is normal."}]
    drafts.write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    return str(references), str(drafts)


def test_two_files_in_and_a_table_out(files: tuple[str, str], tmp_path: Path) -> None:
    out = tmp_path / "record.json"
    arguments = [*files, "--json", str(out), "--data", "CheXpert", "--split", "test"]
    done = CliRunner().invoke(quality, arguments)
    assert done.exit_code == 0, done.output
    assert "studies: 2, section: report, data: CheXpert, split: test" in done.output
    assert "needs CheXbert" in done.output
    assert "CXR-RePaiR-Select" in done.output
    record = read_record(out)
    assert record["command"] == "quality"
    results = record["results"]
    assert results["studies"] == ["a", "b"]
    values = {score["name"]: score["value"] for score in results["scores"]}
    # b is 1; a has 3 of 5 tokens with the full stop 4, pairs "the heart", "heart is" of 4, and is
    # one shorter than the reference of 7: "the heart is enlarged . cardiomegaly ."
    assert values["BLEU-2"] == pytest.approx(
        (1 + 2.718281828459045 ** (1 - 7 / 5) * (4 / 5 * 2 / 4) ** 0.5) / 2
    )
    assert values["F1"] is None
    assert {row["differs"] for row in results["published"] if row["data"] == "CheXpert"} == {""}


def test_a_section_that_a_report_lacks(files: tuple[str, str]) -> None:
    done = CliRunner().invoke(quality, [*files, "--section", "impression"])
    assert done.exit_code == 0, done.output
    assert "studies: 1, section: impression" in done.output
    assert "reports without the section that is compared, left out: 1" in done.output
    assert "empty drafts, scored as such: 1" in done.output


def test_an_id_that_is_missing(files: tuple[str, str], tmp_path: Path) -> None:
    Path(files[0]).write_text(REFERENCES + "c,Edema.,\n")
    done = CliRunner().invoke(quality, [*files])
    assert isinstance(done.exception, CorpusError)
    assert "1 id (c) without a draft" in str(done.exception)
    done = CliRunner().invoke(quality, [*files, "--common"])
    assert done.exit_code == 0, done.output
    assert "reports without a draft: 1" in done.output


@pytest.mark.parametrize("arguments", [[], ["one"], ["--studies", "x", "one", "two"]])
def test_wrong_use(arguments: list[str]) -> None:
    done = CliRunner().invoke(quality, arguments)
    assert done.exit_code == 2
    assert "give REFERENCES and DRAFTS, or --studies" in done.output


def test_programs_of_others_that_are_not_installed(files: tuple[str, str]) -> None:
    import importlib.util

    absent = [name for name, o in OTHERS.items() if importlib.util.find_spec(o.module) is None]
    if not absent:
        pytest.skip("all of them are installed here")
    asked = [part for name in absent for part in ("--with", name)]
    done = CliRunner().invoke(quality, [*files, *asked])
    assert done.exit_code == 0, done.output
    for name in absent:
        assert f"not installed: pip install {OTHERS[name].install}" in done.output


def test_ce_from_the_labelers_tables(files: tuple[str, str], shared_data: Path) -> None:
    table = str(shared_data / "labeler" / "chexpert" / "labeled_reports.csv")
    done = CliRunner().invoke(quality, [*files, "--ce-labels", table, table])
    assert done.exit_code == 0, done.output
    rows = [line.split() for line in done.output.splitlines() if line.startswith("CE ")]
    assert [row[:2] for row in rows] == [["CE", "precision"], ["CE", "recall"], ["CE", "F1"]]
    # The same table twice agrees with itself; what it never calls positive counts as zero.
    assert len({row[2] for row in rows}) == 1


def test_a_data_set_is_drafted_first(shared_data: Path, tmp_path: Path) -> None:
    out = tmp_path / "record.json"
    arguments = ["--studies", str(shared_data / "openi"), "--split", "valid", "--count", "4"]
    done = CliRunner().invoke(quality, [*arguments, "--json", str(out)])
    assert done.exit_code == 0, done.output
    assert "studies: 4, section: report, data: Open-I, split: valid" in done.output
    record = read_record(out)
    assert record["subject"]["layout"] == "openi"
    assert record["subject"]["method"] == "guided"
    assert len(record["results"]["studies"]) == 4


def test_a_study_that_cannot_be_read_has_an_empty_draft(tmp_path: Path) -> None:
    (tmp_path / "broken.png").write_bytes(b"no picture")
    (tmp_path / "broken.txt").write_text("The lungs are clear.")
    done = CliRunner().invoke(quality, ["--studies", str(tmp_path)])
    assert done.exit_code == 1
    assert "broken.png has an empty draft" in done.output


def test_studies_without_reports_are_refused(phantom: Path, tmp_path: Path) -> None:
    (tmp_path / "phantom.dcm").write_bytes(phantom.read_bytes())
    done = CliRunner().invoke(quality, ["--studies", str(tmp_path)])
    assert isinstance(done.exception, CorpusError)
    assert "no reports to score against" in str(done.exception)


def test_a_wrong_bundle_is_said_before_anything_is_drafted(tmp_path: Path) -> None:
    done = CliRunner().invoke(quality, ["--studies", "nowhere", "--chexbert", str(tmp_path)])
    assert isinstance(done.exception, BundleError)
