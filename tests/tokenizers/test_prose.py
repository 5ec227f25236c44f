"""Words back to sentences: against real reports cut up, and against transformers' own joining."""

import json
import re
from pathlib import Path

import pytest

from cxr_edge.errors import BundleError
from cxr_edge.tokenizers import get_detokenizer, get_tokenizer
from cxr_edge.tokenizers.prose import UNKNOWN, Spoken, sentences
from cxr_edge.tokenizers.wordpiece import WordPieceTokenizer
from cxr_edge.tokenizers.words import WordList


def spoken(text: str) -> list[Spoken]:
    return [Spoken(word, n, n + 1) for n, word in enumerate(text.split())]


@pytest.mark.parametrize(
    ("cut", "spelled"),
    [
        ("the heart is normal . no effusion .", ["The heart is normal.", "No effusion."]),
        ("a 2 . 5 cm nodule .", ["A 2.5 cm nodule."]),
        ("seen at 10 : 30 today .", ["Seen at 10:30 today."]),
        ("normal chest x - ray .", ["Normal chest x-ray."]),
        ("and / or edema , mild .", ["And/or edema, mild."]),
        ("( unchanged ) heart .", ["(unchanged) heart."]),
        ("the patient ' s left lung", ["The patient's left lung"]),
        ("d / w dr . smith today . done .", ["D/w dr. smith today.", "Done."]),
        ("1 . no effusion . 2 . clear .", ["1. no effusion.", "2. clear."]),
        ("at t12 . no effusion", ["At t12.", "No effusion"]),
        ("effusion ?", ["Effusion?"]),
        ("clear. no edema.", ["Clear.", "No edema."]),
        ("- clear -", ["- clear -"]),
        ("no effusion . . clear .", ["No effusion.", "Clear."]),
        ("", []),
        (". -", []),
    ],
)
def test_spaces_points_and_capitals(cut: str, spelled: list[str]) -> None:
    assert [sentence.text for sentence in sentences(spoken(cut))] == spelled


def test_sentences_know_their_tokens() -> None:
    found = sentences(spoken("clear . no edema ."))
    assert [(s.first, s.last) for s in found] == [(0, 2), (2, 5)]


def test_real_reports_come_back(shared_data: Path) -> None:
    """Findings of Open-I cut into words and marks read as before, but for their capitals."""
    right = total = 0
    for line in (shared_data / "openi" / "studies.jsonl").read_text().splitlines():
        text = " ".join(json.loads(line)["findings"].split()).replace("..", ".")
        if not text or "XXXX" in text:
            continue
        words = re.findall(r"[a-z0-9]+|[^\sa-z0-9]", text.lower())
        again = " ".join(s.text for s in sentences([Spoken(w, 0, 0) for w in words]))
        right += again.lower() == text.lower()
        total += 1
    assert total > 1000
    assert right / total > 0.98


@pytest.fixture(scope="module")
def vocabulary() -> list[str]:
    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "[unused1]"]
    return [
        *special,
        "the",
        "heart",
        "cardio",
        "##megal",
        "##y",
        "is",
        ".",
        "no",
        "edema",
        "x",
        "-",
    ]


def test_pieces_join_as_transformers_joins_them(vocabulary: list[str], tmp_path: Path) -> None:
    transformers = pytest.importorskip("transformers", reason="the reference is not installed")
    (tmp_path / "vocab.txt").write_text("\n".join(vocabulary) + "\n")
    reference = transformers.BertTokenizer(str(tmp_path / "vocab.txt"))
    ours = WordPieceTokenizer(vocabulary)
    for ids in ([6, 8, 9, 10, 11, 13, 14], [8, 9, 10, 8, 9], [15, 8, 10, 6]):
        tokens = reference.convert_ids_to_tokens(ids)
        joined = " ".join(word.text for word in ours.words(ids))
        assert joined == reference.convert_tokens_to_string(tokens)


def test_special_pieces_are_left_out_and_the_unknown_one_is_marked(vocabulary: list[str]) -> None:
    ours = WordPieceTokenizer(vocabulary)
    found = ours.words([2, 7, 0, 5, 1, 9, 99, 3])
    assert [word.text for word in found] == ["heart", UNKNOWN + "megal", UNKNOWN]
    assert [(word.first, word.last) for word in found] == [(1, 2), (4, 6), (6, 7)]


def test_what_was_encoded_is_read_back(vocabulary: list[str]) -> None:
    ours = WordPieceTokenizer(vocabulary)
    (row,) = ours.encode(["The heart is no cardiomegaly. No x-edema."])["ids"]
    read = sentences(ours.words(row.tolist()))
    assert [s.text for s in read] == ["The heart is no cardiomegaly.", "No x-edema."]


def test_a_list_of_words() -> None:
    words = WordList(["", "", "any", "heart", "clear"], unknown=2)
    found = words.words([1, 3, 2, 4, 0, -1, 77])
    assert [word.text for word in found] == ["heart", UNKNOWN, "clear", UNKNOWN, UNKNOWN]
    assert [word.first for word in found] == [1, 2, 3, 5, 6]


@pytest.mark.parametrize("content", [b"{}", b"[1]", b"\xff", b"[" * 100_000])
def test_a_damaged_list_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "words.json").write_bytes(content)
    with pytest.raises(BundleError, match="not a JSON list of words"):
        get_detokenizer({"kind": "words", "file": "words.json"}, tmp_path)


def test_each_kind_goes_its_own_way(tmp_path: Path) -> None:
    with pytest.raises(BundleError, match="not one of a text network"):
        get_tokenizer({"kind": "words", "file": "words.json"}, tmp_path)
    with pytest.raises(BundleError, match="not one of a decoder"):
        get_detokenizer({"kind": "ngrams", "file": "ngrams.json"}, tmp_path)
    with pytest.raises(BundleError, match="unknown: expected one of"):
        get_detokenizer({"kind": "runes"}, tmp_path)
    with pytest.raises(BundleError, match="No such file"):
        get_detokenizer({"kind": "words", "file": "words.json"}, tmp_path)
