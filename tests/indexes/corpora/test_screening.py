"""Sentences that say nothing about the picture, redaction marks, and what is judged first."""

import json
from pathlib import Path

import pytest

from cxr_edge.indexes.corpora import CorpusOptions
from cxr_edge.indexes.corpora.text import screening
from cxr_edge.indexes.corpora.text.judging import (
    EARLIER,
    NOTIFICATION,
    RECOMMENDATION,
    REDACTED,
    SIGNATURE,
    TITLE,
    WORDLESS,
    judge_english,
)
from cxr_edge.indexes.corpora.text.redaction import has_redaction, strip_redaction
from cxr_edge.labelers.sentences import split_sentences


def reason(sentence: str, **options: str) -> str | None:
    return judge_english(sentence, False, CorpusOptions(**options)).reason  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "sentence",
    [
        "Recommend follow-up CT.",
        "Follow up radiographs in 6 weeks are recommended.",
        "Follow-up to resolution is advised.",
        "CT of the chest may be helpful.",
        "A lateral view could be obtained.",
        "Consider CT for further evaluation.",
        "Clinical correlation is suggested.",
        "Correlate clinically.",
        "Please correlate with the history.",
        "Please see the report of the CT.",
        "Nodule, for which CT is suggested.",
        "Dedicated rib views if clinically indicated.",
        "The tube should be withdrawn by 2 cm.",
        "Repeat radiograph after diuresis.",
        "If there is concern for fracture, rib films would help.",
        "Attention on follow-up.",
    ],
)
def test_recommendations(sentence: str) -> None:
    assert reason(sentence, earlier_studies="keep") == RECOMMENDATION


@pytest.mark.parametrize(
    "sentence",
    [
        "Findings were discussed with Dr. ___ at 10:30.",
        "Dr. Smith was paged at 4 p.m.",
        "The result was communicated to the referring physician.",
        "These results were called to the floor.",
        "The team was notified by telephone.",
        "Findings telephoned to Dr. XXXX, who acknowledged receipt.",
        "Critical results were entered into the dashboard.",
        "Reported to the nurse 10 minutes after discovery.",
    ],
)
def test_notifications(sentence: str) -> None:
    assert reason(sentence) == NOTIFICATION


@pytest.mark.parametrize(
    "sentence",
    [
        "I have personally reviewed the images and agree with the report.",
        "Electronically signed by A. Reader.",
        "Dictated by the resident.",
        "I, A. Reader, have reviewed the images.",
        "End of impression.",
    ],
)
def test_signatures(sentence: str) -> None:
    assert reason(sentence) == SIGNATURE


@pytest.mark.parametrize(
    "sentence",
    [
        "Pneumonia is suggested.",
        "Pneumonia should be considered.",
        "Possible pneumonia in the appropriate clinical setting.",
        "The findings may represent atelectasis.",
        "Findings are suggestive of edema.",
        "Clear chest.",
        "The lung bases on these views are clear.",
        "The heart is at the upper limit of normal.",
        "The aorta is calcified.",
        "Callus surrounds the left seventh rib.",
        "No evidence of pneumothorax on this view.",
        "Catheter tip is in the right atrium.",
        "Evaluation of the bases is limited.",
    ],
)
def test_findings_stay(sentence: str) -> None:
    assert reason(sentence) is None


@pytest.mark.parametrize("sentence", ["HEART:", "LINES AND TUBES:", "...", "2."])
def test_nothing_is_said(sentence: str) -> None:
    assert reason(sentence) == WORDLESS


@pytest.mark.parametrize(
    "sentence",
    [
        "Chest.",
        "Left knee.",
        "Two views of the chest.",
        "2 images.",
        "PA and lateral chest films.",
        "2-ABNORMAL, PREVIOUSLY REPORTED",
        "AP upright and lateral views of the chest were provided.",
        "Single portable AP film was submitted for review.",
    ],
)
def test_titles(sentence: str) -> None:
    assert reason(sentence) == TITLE


def test_a_word_that_speaks_for_itself_stays() -> None:
    assert judge_english("Normal", False, CorpusOptions()).text == "Normal."
    assert judge_english("HEART: Normal", False, CorpusOptions()).text == "HEART: Normal."


def test_earlier_studies() -> None:
    sentence = "The effusion has increased since ___."
    assert reason(sentence) == EARLIER
    assert reason(sentence, earlier_studies="keep") == REDACTED
    assert reason(sentence, earlier_studies="keep", redaction="keep") is None


@pytest.mark.parametrize(
    ("text", "stripped"),
    [
        ("Normal chest x-XXXX.", "Normal chest."),
        ("This is a XXXX-year-old male.", "This is a male."),
        ("Line placed on ___ by Dr. ___.", "Line placed."),
        ("Line placed at [**Hospital 3**] is high.", "Line placed at is high."),
        ("Clip (___) in place.", "Clip in place."),
        ("Port of <name>, tip high.", "Port, tip high."),
        ("XXXX", ""),
        ("Right PICC.XXXX low.", "Right PICC. low."),
    ],
)
def test_marks_are_taken_out(text: str, stripped: str) -> None:
    assert has_redaction(text)
    assert strip_redaction(text) == stripped
    assert not has_redaction(stripped)


@pytest.mark.parametrize("text", ["Exxon valve.", "T_1 level.", "Clear [sic].", "< 2 cm"])
def test_what_is_no_mark(text: str) -> None:
    assert not has_redaction(text)
    assert strip_redaction(text) == text


def test_a_mark_that_leaves_too_little_goes_with_its_sentence() -> None:
    judged = judge_english("XXXX opacity.", False, CorpusOptions(redaction="strip"))
    assert judged.reason == REDACTED
    judged = judge_english("XXXX opacity on the left.", False, CorpusOptions(redaction="strip"))
    assert (judged.text, judged.reason) == ("opacity on the left.", None)


def test_wording_follows_the_options() -> None:
    options = CorpusOptions(acronyms=True, lower=True)
    assert judge_english("NO PTX IN THE RIGHT LUNG.", True, options).text == (
        "no pneumothorax in the right lung."
    )


def test_hints_hide_nothing(shared_data: Path) -> None:
    """The quick look for a few words may only pass over what the patterns would pass over too."""
    sentences = {
        sentence
        for line in (shared_data / "openi" / "studies.jsonl").read_text().splitlines()
        for section in ("findings", "impression")
        for sentence in split_sentences(json.loads(line)[section] or "")
    }
    for quick, pattern in (
        (screening.is_recommendation, screening._RECOMMENDATION),
        (screening.is_notification, screening._NOTIFICATION),
        (screening.is_signature, screening._SIGNATURE),
    ):
        assert {s for s in sentences if quick(s)} == {s for s in sentences if pattern.search(s)}


def test_every_word_of_the_patterns_is_hinted() -> None:
    assert screening.is_recommendation("An ultrasound is beneficial.")
    assert screening.is_recommendation("Dedicated views if desired.")
    assert screening.is_recommendation("Withdraw the tube.")
    assert screening.is_notification("The nurse is aware.")
    assert screening.is_notification("Within minutes of the study.")
    assert screening.is_signature("We attest to this.")
    assert screening.is_signature("This exam was generated by software.")
