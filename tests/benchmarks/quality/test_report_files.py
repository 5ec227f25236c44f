"""Files of reports in every form that is read, and how two of them are matched."""

import gzip
import json
from pathlib import Path

import pytest

from cxr_edge.benchmarks.quality.reports import pair, read_reports
from cxr_edge.errors import CorpusError

WANTED = {"s1": "The heart is enlarged. Cardiomegaly.", "s2": "The lungs are clear."}


def put(path: Path, content: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content, encoding="utf-8")
    return path


def csv_of_sections(folder: Path) -> Path:
    return put(
        folder / "a.csv",
        'study_id,findings,impression\ns1,"The heart is\nenlarged.",Cardiomegaly.\n'
        "s2,The lungs are clear.,\n",
    )


def csv_of_reports(folder: Path) -> Path:
    return put(
        folder / "a.csv",
        "id;report\ns1;FINDINGS: The heart is enlarged. IMPRESSION: Cardiomegaly.\n"
        "s2;The lungs are clear.\n",
    )


def gzipped(folder: Path) -> Path:
    path = folder / "a.csv.gz"
    path.write_bytes(gzip.compress(csv_of_sections(folder).read_bytes()))
    return path


def json_lines(folder: Path) -> Path:
    first = {"id": "s1", "findings": "The heart is enlarged.", "impression": "Cardiomegaly."}
    second = {"uid": "s2", "report": "The lungs are clear."}
    return put(folder / "a.jsonl", f"{json.dumps(first)}\n\n{json.dumps(second)}\n")


def json_list(folder: Path) -> Path:
    lines = json_lines(folder).read_text().split("\n")
    return put(folder / "a.json", json.dumps([json.loads(line) for line in lines if line]))


def rexrank(folder: Path) -> Path:
    studies = {
        "s1": {
            "section_findings": "The heart is enlarged.",
            "section_impression": "Cardiomegaly.",
            "model_prediction": "Findings: Normal. Impression: Normal chest.",
        },
        "s2": {"report": "Findings: The lungs are clear. Impression: "},
    }
    return put(folder / "a.json", json.dumps(studies))


def texts(folder: Path) -> Path:
    put(
        folder / "t" / "s1.txt",
        "FINDINGS:\nThe heart is\nenlarged.\n\nIMPRESSION:\nCardiomegaly.\n",
    )
    put(folder / "t" / "s2.txt", "The lungs are clear.\n")
    return folder / "t"


FORMS = [csv_of_sections, csv_of_reports, gzipped, json_lines, json_list, rexrank, texts]


@pytest.mark.parametrize("form", FORMS, ids=lambda form: form.__name__)
def test_every_form(form, tmp_path: Path) -> None:
    path = form(tmp_path)
    assert read_reports(path, "references") == WANTED
    impressions = read_reports(path, "references", "impression")
    assert impressions == {"s1": "Cardiomegaly.", "s2": ""}
    findings = read_reports(path, "references", "findings")
    assert findings == {"s1": "The heart is enlarged.", "s2": "The lungs are clear."}


def test_predictions_of_rexrank_are_the_drafts(tmp_path: Path) -> None:
    path = rexrank(tmp_path)
    assert read_reports(path, "drafts")["s1"] == "Normal. Normal chest."


def test_a_table_with_predictions(tmp_path: Path) -> None:
    path = put(tmp_path / "a.csv", "id,report,model_prediction\ns1,Edema.,No edema.\n")
    assert read_reports(path, "references") == {"s1": "Edema."}
    assert read_reports(path, "drafts") == {"s1": "No edema."}


@pytest.mark.parametrize("several", [False, True])
def test_what_cxr_run_writes(several: bool, tmp_path: Path, phantom: Path) -> None:
    from cxr_edge.pipeline import Pipeline
    from cxr_edge.types import StudyFailure
    from cxr_edge.writers.json_report import failure_line, line

    with Pipeline.load(threads=1) as pipeline:
        report = pipeline.run(phantom)
    lines = [
        line(report),
        *([failure_line(StudyFailure("in/ct.dcm", "no chest"))] if several else []),
    ]
    path = put(tmp_path / "out.json", "".join(f"{text.rstrip()}\n" for text in lines))
    uid = report.study.study_instance_uid
    whole = " ".join(f"{report.findings} {report.impression}".split())
    assert read_reports(path, "drafts") == {uid: whole}
    assert read_reports(tmp_path, "drafts", "impression") == {uid: report.impression}


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("a.csv", "id,report\na,x\nb,y\na,z\nb,w\n", r"2 ids \(a, b\) more than once"),
        ("a.csv", "name,report\na,x\n", "no column with ids"),
        ("a.csv", "id,report\n,x\n", "line 2: no id"),
        ("a.jsonl", '{"report": "x"}\n', "entry 1: no id"),
        ("a.jsonl", '{"id": "a"\n', "line 1 is no JSON"),
        ("a.json", "[1]", "expected a JSON object"),
        ("a.json", '{"a": {"report": "x"}, "a": {"report": "y"}}', "twice"),
        ("a.json", "{", "no JSON"),
        ("a.docx", "", "expected .csv"),
        ("a.jsonl", "", "holds no report"),
    ],
)
def test_what_is_wrong_is_said_in_one_line(
    name: str, content: str, says: str, tmp_path: Path
) -> None:
    path = put(tmp_path / name, content)
    with pytest.raises(CorpusError, match=says) as caught:
        read_reports(path, "references")
    assert "\n" not in str(caught.value)
    with pytest.raises(CorpusError, match="not there"):
        read_reports(tmp_path / "nothing.csv", "references")


def test_matching_names_what_is_missing() -> None:
    references, drafts = {"a": "x", "b": "y", "c": ""}, {"c": "z", "a": "w", "d": "v"}
    with pytest.raises(CorpusError, match=r"1 id \(b\) without a draft; 1 id \(d\) of drafts"):
        pair(references, drafts)
    pairs = pair(references, drafts, common=True)
    assert (pairs.ids, pairs.references, pairs.drafts) == (("a",), ("x",), ("w",))
    assert (pairs.undrafted, pairs.unknown, pairs.empty) == (("b",), ("d",), ("c",))


def test_many_missing_ids_are_counted_and_the_first_named() -> None:
    references = {f"s{number}": "x" for number in range(50)}
    with pytest.raises(CorpusError, match=r"49 ids \(s1, .*, s20 and 29 more\)"):
        pair(references, {"s0": "x"})


def test_an_empty_draft_is_a_draft() -> None:
    assert pair({"a": "x"}, {"a": ""}).drafts == ("",)


def test_nothing_in_common() -> None:
    with pytest.raises(CorpusError, match="nothing to score"):
        pair({"a": "x"}, {"b": "y"}, common=True)
