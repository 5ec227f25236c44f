"""How text is brought into one form."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cxr_edge.indexes.corpora.text.normalise import (
    in_capitals,
    normalise_report,
    normalise_sentence,
    sentence_case,
)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2 − 3 cm — wide", "2 - 3 cm - wide"),
        ("non‑calcified", "non-calcified"),
        ("“clear” and ‘dry’", "\"clear\" and 'dry'"),
        ("the patient’s", "the patient's"),
        ("clear\u00a0lungs", "clear lungs"),
        ("e\ufb00usion", "effusion"),
        ("soft\u00adware", "software"),
        ("\ufeffClear", "Clear"),
        ("one\r\ntwo\rthree\u2028four", "one\ntwo\nthree\nfour"),
        ("one\\nTwo", "one\nTwo"),
        ("clear…", "clear..."),
        ("Ｃlear", "Clear"),
        ("2 &lt; 3 &amp; 4", "2 < 3 & 4"),
        ("[<Clear lungs.>] Normal", " Clear lungs.  Normal"),
        ("ends  \nhere", "ends\nhere"),
        ("a\t\twide         gap", "a  wide  gap"),
    ],
)
def test_report(text: str, expected: str) -> None:
    assert normalise_report(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("No  effusion", "No effusion."),
        ("No effusion .", "No effusion."),
        ("No effusion..", "No effusion."),
        ("No effusion,", "No effusion."),
        ("Is there edema?", "Is there edema?"),
        ("1. No effusion.", "No effusion."),
        ("1.) No effusion.", "No effusion."),
        ("(2) No effusion.", "No effusion."),
        ("3 - No effusion.", "No effusion."),
        ("a) No effusion.", "No effusion."),
        ("b. No effusion.", "No effusion."),
        ("- No effusion.", "No effusion."),
        ("• No effusion.", "No effusion."),
        ("2.5 cm nodule.", "2.5 cm nodule."),
        ("13 - 14 mm nodule.", "13 - 14 mm nodule."),
        ("7 mm nodule.", "7 mm nodule."),
        ("10:30 film.", "10:30 film."),
        ("> 50% of the volume.", "> 50% of the volume."),
        ("C. difficile colitis.", "C. difficile colitis."),
        ("heart , lungs normal", "heart, lungs normal."),
        ("Clear (see above)", "Clear (see above)."),
        ("[Clear lungs.", "Clear lungs."),
        ("Clear [sic] lungs.", "Clear [sic] lungs."),
        ("...", ""),
        ("", ""),
    ],
)
def test_sentence(text: str, expected: str) -> None:
    assert normalise_sentence(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("NO EFFUSION.", "No effusion."),
        ("RIGHT PICC IN THE SVC.", "Right PICC in the SVC."),
        ("FRACTURE OF T11.", "Fracture of T11."),
        ("THE PATIENT'S LEFT LUNG.", "The patient's left lung."),
        ("OR IS IT NORMAL?", "Or is it normal?"),
        ("PTX, RLL PNA.", "PTX, RLL PNA."),
    ],
)
def test_sentence_case(text: str, expected: str) -> None:
    assert sentence_case(text) == expected


def test_capitals_are_judged_on_the_whole_text() -> None:
    assert in_capitals("NO FOCAL CONSOLIDATION. HEART NORMAL, 2 cm LESS.")
    assert not in_capitals("PICC in the SVC, ETT above.")
    assert not in_capitals("PICC")
    assert not in_capitals("")


@given(st.text(max_size=200))
def test_a_report_is_normalised_once(text: str) -> None:
    once = normalise_report(text)
    assert normalise_report(once) == once


@given(st.text(max_size=200), st.booleans())
def test_a_sentence_is_normalised_once(text: str, capitals: bool) -> None:
    once = normalise_sentence(normalise_report(text), capitals=capitals)
    assert normalise_sentence(once, capitals=capitals) == once
    assert normalise_sentence(once) == once


@given(st.text(alphabet="abcXYZ 12.,-", max_size=120))
def test_no_word_is_lost(text: str) -> None:
    """Only a list number at the start goes."""
    words = "".join(c for c in text if c.isalpha())
    kept = "".join(c for c in normalise_sentence(text) if c.isalpha())
    assert words.endswith(kept)
    assert len(words) - len(kept) <= 1
