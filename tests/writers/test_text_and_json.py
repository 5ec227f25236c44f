"""The readable draft and the JSON, against the published schema."""

import dataclasses
import json
import math
import textwrap
from pathlib import Path

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator, ValidationError

from cxr_edge.labels import OBSERVATIONS
from cxr_edge.types import DISCLAIMER, Report, StudyFailure
from cxr_edge.writers import WRITERS, get_writer
from cxr_edge.writers.evidence import printable
from cxr_edge.writers.json_report import failure_line, line
from cxr_edge.writers.text import wrapped

SCHEMA = Path(__file__).resolve().parents[2] / "docs" / "report.schema.json"


@pytest.fixture(scope="module")
def validator() -> Draft202012Validator:
    schema = json.loads(SCHEMA.read_text())
    Draft202012Validator.check_schema(schema)
    return Draft202012Validator(schema)


@pytest.mark.parametrize("name", WRITERS)
def test_every_format_says_that_it_is_a_draft(name, report):
    writer = get_writer(name)
    assert writer.name == name
    assert writer.suffix.startswith(".")
    assert DISCLAIMER.encode() in writer.render(report)


def test_text_leads_with_the_disclaimer_and_fits_100_columns(report):
    hit = dataclasses.replace(report.sentences[0], text="word " * 60 + "end.", source="x" * 300)
    long = dataclasses.replace(report, sentences=(hit,), findings=hit.text, notes=("n " * 200,))
    for each in (report, long):
        text = get_writer("text").render(each).decode()
        assert max(map(len, text.splitlines())) <= 100
        assert text.splitlines()[1] == DISCLAIMER


def test_text_holds_the_draft_its_evidence_and_all_observations(report):
    text = get_writer("text").render(report).decode()
    order = [text.index(word) for word in ("FINDINGS", "IMPRESSION", "NOTES", "EVIDENCE")]
    assert order == sorted(order)
    for hit in report.sentences:
        assert f"score {hit.score:.4f}" in text
        assert hit.source in text
    for name, value in zip(OBSERVATIONS, report.probabilities, strict=True):
        (row,) = (row for row in text.splitlines() if row.startswith(f"  {name:<27} "))
        assert float(row.split("|")[0].split()[-1]) == pytest.approx(float(value), abs=5e-4)
        assert ("muted" in row) == (name in report.muted)


def test_text_and_html_show_no_patient_attribute(report):
    shown = ("PatientName", "PatientID", "PatientBirthDate", "AccessionNumber", "StudyDescription")
    for name in ("text", "html"):
        page = get_writer(name).render(report).decode()
        assert not [key for key in shown if report.study.header[key] in page]


def test_terminal_control_characters_do_not_get_through(report):
    hostile = dataclasses.replace(report, findings="\x1b[2Jcleared\x07", warnings=("a\nb\x9b1m",))
    for name in ("text", "html"):
        page = get_writer(name).render(hostile).decode()
        assert not [c for c in page if not c.isprintable() and c != "\n"]


def test_json_obeys_the_schema(validator, report, png_report):
    for each in (report, png_report):
        assert validator.is_valid(json.loads(get_writer("json").render(each)))


def test_line_is_the_same_report_on_one_ascii_line(report):
    compact = line(report)
    assert compact.isascii()
    assert "\n" not in compact
    assert json.loads(compact) == json.loads(get_writer("json").render(report))


def test_json_carries_what_the_report_says(report):
    got = json.loads(line(report))
    assert got["findings"] == report.findings
    assert got["impression"] == report.impression
    assert tuple(got["observations"]) == OBSERVATIONS
    values = np.array(list(got["observations"].values()))
    np.testing.assert_allclose(values, report.probabilities, atol=1e-6)
    assert [s["section"] for s in got["sentences"]] == ["findings", "findings", "impression"]
    assert got["sentences"][1]["labels"] == {
        "Pleural Effusion": "negative",
        "Pneumothorax": "negative",
    }
    assert got["provenance"] == report.provenance


def test_schema_refuses_a_missing_observation_and_an_unknown_key(validator, report):
    for change in ({"patient": "x"}, {"observations": {"Edema": 0.5}}, {"muted": ["Hernia"]}):
        with pytest.raises(ValidationError):
            validator.validate({**json.loads(line(report)), **change})


def test_nan_is_never_written(report):
    broken = dataclasses.replace(report, probabilities=np.full(14, math.nan, np.float32))
    with pytest.raises(ValueError, match="JSON compliant"):
        line(broken)


def test_failure_is_one_valid_line_whatever_the_path(validator):
    path = b"in/\xff\xfe study\n.dcm".decode("utf-8", "surrogateescape")
    text = failure_line(StudyFailure(path, "truncated; send it again"))
    assert text.isascii()
    assert "\n" not in text
    got = json.loads(text)
    validator.validate(got)
    assert got["path"] == path


def test_section_of_a_short_sentence_that_a_long_one_contains(report: Report):
    first = dataclasses.replace(report.sentences[0], text="No effusion is seen today.")
    second = dataclasses.replace(report.sentences[1], text="No effusion")
    both = dataclasses.replace(
        report, sentences=(first, second), findings=first.text, impression=second.text
    )
    sections = [sentence["section"] for sentence in json.loads(line(both))["sentences"]]
    assert sections == ["findings", "impression"]


WORDS = st.text("abc -.\x00\u00a0", max_size=400)


@given(st.text() | WORDS, st.sampled_from(["  ", "  - ", "   1  ", " " * 6]))
@example("word " * 30, "  ")
@example("x" * 98, "  ")
@example("x" * 99, "  ")
@example("x" * 98 + " y", "  ")
@example("x" * 97 + " y", "  ")
@example(" " + "x" * 98, "  ")
@example("y " + "x" * 120, "  ")
@example("y" * 60 + " left-sided " + "z" * 40, "  ")
@example("\x00 leads and trails \x00", "  ")
def test_lines_break_where_textwrap_breaks_them(text, first):
    clean = printable(text)
    rest = " " * len(first)
    assert wrapped(clean, first, rest) == textwrap.wrap(
        clean, 100, initial_indent=first, subsequent_indent=rest
    )


@given(st.text())
def test_printable_text_holds_no_control_character(text):
    kept = "".join(character for character in " ".join(text.split()) if character.isprintable())
    assert printable(text) == kept
    assert kept.isprintable()
