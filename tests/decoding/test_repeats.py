"""Sentences said twice are said once."""

from cxr_edge.decoding import without_repeats


def test_first_wording_is_kept():
    said = ["No effusion.", "Heart  normal.", "no  Effusion", "heart normal .", "No edema."]
    assert without_repeats(said) == ["No effusion.", "Heart  normal.", "No edema."]


def test_empty_sentences_are_left_out():
    assert without_repeats(["", " . ", "Clear."]) == ["Clear."]


def test_different_sentences_stay():
    said = ["small effusion", "small effusions", "no effusion"]
    assert without_repeats(said) == said


def test_the_sentence_may_be_a_part_of_something():
    said = [("No effusion.", 1), ("no effusion", 2), ("Clear.", 3)]
    assert without_repeats(said, lambda pair: pair[0]) == [said[0], said[2]]
