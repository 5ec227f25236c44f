"""The sentence splitter on the traps of dictated reports."""

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


@given(st.text(max_size=400))
def test_nothing_is_invented(text: str) -> None:
    pieces = split_sentences(text)
    flat = " ".join(text.split())
    position = 0
    for piece in pieces:
        assert any(character.isalpha() for character in piece)
        position = flat.index(piece, position) + len(piece)
