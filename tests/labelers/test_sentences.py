"""The sentence splitter on the traps of dictated reports."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cxr_edge.labelers.sentences import split_sentences


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", []),
        ("1.", []),
        ("No effusion", ["No effusion"]),
        ("No effusion. Heart normal.", ["No effusion.", "Heart normal."]),
        ("1. Clear lungs. 2. No effusion.", ["Clear lungs.", "No effusion."]),
        ("1) Clear lungs.\n2) No effusion.", ["Clear lungs.", "No effusion."]),
        ("1.Clear lungs.2.No effusion.", ["Clear lungs.", "No effusion."]),
        ("- Clear lungs\n- No effusion", ["Clear lungs", "No effusion"]),
        ("A 2.5 cm nodule. No mass.", ["A 2.5 cm nodule.", "No mass."]),
        ("Seen by Dr. Smith at 5 p.m. today.", ["Seen by Dr. Smith at 5 p.m. today."]),
        ("Clear lungs.No effusion.", ["Clear lungs.", "No effusion."]),
        ("FINDINGS: Clear lungs.\n\nIMPRESSION: Normal.", ["Clear lungs.", "Normal."]),
        ("HEART: Normal.", ["HEART: Normal."]),
        ("The lungs\nare clear.", ["The lungs are clear."]),
        ("no effusion. heart normal.", ["no effusion.", "heart normal."]),
        ("Effusion? No.", ["Effusion?", "No."]),
        ("Clear lungs.. Normal heart.", ["Clear lungs..", "Normal heart."]),
        ("Fracture of rib 7. No effusion.", ["Fracture of rib 7.", "No effusion."]),
    ],
)
def test_split(text: str, expected: list[str]) -> None:
    assert split_sentences(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        # List numbers and bullets.
        ("1.) Clear lungs. 2.) No effusion.", ["Clear lungs.", "No effusion."]),
        ("(1) Clear lungs. (2) No effusion.", ["Clear lungs.", "No effusion."]),
        ("1 - Clear lungs", ["Clear lungs"]),
        ("a) Clear lungs\nb) No effusion", ["Clear lungs", "No effusion"]),
        ("a. Clear lungs.\nb. No effusion.", ["Clear lungs.", "No effusion."]),
        ("• Clear lungs\n• No effusion", ["Clear lungs", "No effusion"]),
        ("1.TUBE HIGH.  PICC LOW.\n\n2.NO MASS.", ["TUBE HIGH.", "PICC LOW.", "NO MASS."]),
        ("1. Cardiomegaly 2. No mass.", ["Cardiomegaly", "No mass."]),
        ("Chest 1. No mass. 2. No edema.", ["Chest", "No mass.", "No edema."]),
        ("Fracture of rib 1. No mass. 2 views.", ["Fracture of rib 1.", "No mass.", "2 views."]),
        ("13 - 14 mm nodule.", ["13 - 14 mm nodule."]),
        # Abbreviations.
        ("Edema vs. pneumonia.", ["Edema vs. pneumonia."]),
        ("Approx. 3 cm, e.g. a nodule.", ["Approx. 3 cm, e.g. a nodule."]),
        ("Bilat. effusions.", ["Bilat. effusions."]),
        ("A.P. view. Clear lungs.", ["A.P. view.", "Clear lungs."]),
        ("Rib No. 5 is broken.", ["Rib No. 5 is broken."]),
        ("Is there edema? No. Normal.", ["Is there edema?", "No.", "Normal."]),
        ("St. Jude valve.", ["St. Jude valve."]),
        ("Seen by J. Smith. Normal.", ["Seen by J. Smith.", "Normal."]),
        ("Hepatitis C. No mass.", ["Hepatitis C.", "No mass."]),
        ("Edema s/p surgery. Normal.", ["Edema s/p surgery.", "Normal."]),
        # Times, measurements, vertebrae.
        ("Film of 10.30 a.m. The heart is normal.", ["Film of 10.30 a.m.", "The heart is normal."]),
        ("FILM OF 5 P.M. TODAY.", ["FILM OF 5 P.M. TODAY."]),
        ("At 10:30. Normal.", ["At 10:30.", "Normal."]),
        ("A 1.2 x 3.4 cm mass. Normal.", ["A 1.2 x 3.4 cm mass.", "Normal."]),
        ("Fracture of T11. Normal.", ["Fracture of T11.", "Normal."]),
        ("Fracture of rib 7.No effusion.", ["Fracture of rib 7.", "No effusion."]),
        # Redaction marks and pauses.
        ("Compared with ___. No effusion.", ["Compared with ___.", "No effusion."]),
        ("Seen by Dr. ___. Normal.", ["Seen by Dr. ___.", "Normal."]),
        ("Compared with XXXX. Normal.", ["Compared with XXXX.", "Normal."]),
        ("Haze ... likely edema.", ["Haze ... likely edema."]),
        ("Haze... Normal heart.", ["Haze...", "Normal heart."]),
        # Lines: wrapped, or a list without marks.
        ("Small effusion seen on the\nAP view.", ["Small effusion seen on the AP view."]),
        ("Clear lungs\nNormal heart\nNo effusion", ["Clear lungs", "Normal heart", "No effusion"]),
        ("LUNGS:\nClear.\nHEART:\nNormal.", ["LUNGS: Clear.", "HEART: Normal."]),
        # No capitals, all capitals.
        ("clear lungs . no effusion .", ["clear lungs .", "no effusion ."]),
        ("CLEAR LUNGS. NO EFFUSION.", ["CLEAR LUNGS.", "NO EFFUSION."]),
    ],
)  # fmt: skip
def test_split_of_reports_as_they_come(text: str, expected: list[str]) -> None:
    assert split_sentences(text) == expected


@given(st.text(max_size=400))
def test_nothing_is_invented(text: str) -> None:
    pieces = split_sentences(text)
    flat = " ".join(text.split())
    position = 0
    for piece in pieces:
        assert any(character.isalpha() for character in piece)
        position = flat.index(piece, position) + len(piece)


@given(st.text(alphabet="abdrmpT15. \n?:_", max_size=200))
def test_only_list_numbers_and_headings_are_lost(text: str) -> None:
    """The alphabet spells no heading; an enumerator takes one letter at most."""
    lost = "".join(re.findall("[A-Za-z]+", text))
    for piece in split_sentences(text):
        for letter in re.findall("[A-Za-z]", piece):
            lost = lost.replace(letter, "", 1)
    starts = re.findall(r"(?:^|[\n.?:_\s])\s*[a-h]\.", text)
    assert len(lost) <= len(starts)
