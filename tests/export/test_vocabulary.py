"""A decoder's words from every file they come in."""

import json
from pathlib import Path

import pytest

from cxr_edge.errors import CheckpointError
from cxr_edge.export.vocabulary import read_vocabulary
from cxr_edge.tokenizers import get_detokenizer

LIU = {"start": 1, "unknown": 2, "end": 3}
SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]"]


def words_of(path: Path, size: int, special: dict[str, int] | None = None) -> tuple[object, ...]:
    """Start, end, and every id as the bundle will say it."""
    found = read_vocabulary("some-decoder", path, size, special)
    folder = path.parent / "bundle"
    folder.mkdir()
    for name, content in found.files.items():
        (folder / name).write_bytes(content)
    reader = get_detokenizer(found.tokenizer, folder)
    said = ["".join(w.text for w in reader.words([number])) for number in range(size)]
    return found.start, found.end, said


def test_a_bert_vocabulary(tmp_path: Path) -> None:
    (tmp_path / "vocab.txt").write_text("\n".join([*SPECIAL, "heart", "##s", "."]) + "\n")
    said = ["", "[unknown]", "", "", "heart", "s", "."]
    assert words_of(tmp_path / "vocab.txt", 7) == (2, 3, said)


def test_words_from_one_on_as_r2gen_counts(tmp_path: Path) -> None:
    (tmp_path / "t.json").write_text(json.dumps({"<unk>": 3, "heart": 1, "clear": 2}))
    assert words_of(tmp_path / "t.json", 4) == (0, 0, ["", "heart", "clear", "[unknown]"])


def test_ids_to_words_the_other_way_round(tmp_path: Path) -> None:
    (tmp_path / "t.json").write_text(json.dumps({"1": "heart", "2": "clear"}))
    assert words_of(tmp_path / "t.json", 3) == (0, 0, ["", "heart", "clear"])


def test_a_list_and_a_text_that_name_their_ends(tmp_path: Path) -> None:
    words = ["<pad>", "<s>", "</s>", "<unk>", "heart"]
    said = ["", "", "", "[unknown]", "heart"]
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "t.json").write_text(json.dumps(words))
    (tmp_path / "t.txt").write_text("\n".join(words))
    assert words_of(tmp_path / "a" / "t.json", 5) == (1, 2, said)
    assert words_of(tmp_path / "t.txt", 5) == (1, 2, said)


def test_embeddings_whose_unknown_word_has_its_place_already(tmp_path: Path) -> None:
    """As ysmiura/ifcc reads them: <unk> is id 2 and takes no row of its own."""
    lines = ["3 2", "<unk> 0 0", "heart 0.5 1", "clear 1 -2e-3"]
    (tmp_path / "e.txt").write_text("\n".join(lines) + "\n")
    said = ["", "", "[unknown]", "", "heart", "clear", "[unknown]"]
    assert words_of(tmp_path / "e.txt", 7) == (1, 3, said)


def test_ids_that_the_architecture_fixes(tmp_path: Path) -> None:
    (tmp_path / "t.json").write_text(json.dumps({"heart": 4, "clear": 5}))
    said = ["", "", "[unknown]", "", "heart", "clear"]
    assert words_of(tmp_path / "t.json", 6, LIU) == (1, 3, said)


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ('{"heart": 0, "clear": 1, "edema": 2}', "which id is the start"),
        ('["<s>", "heart", "clear"]', "which id is the end"),
        ('{"heart": 1}', "has 2 ids and the checkpoint of some-decoder 30"),
        ('{"heart": 1, "clear": 1}', "different numbers"),
        ('{"heart": -1}', "different numbers"),
        ('{"heart": 99999999999}', "different numbers"),
        ('{"1": 2.5}', "not every entry"),
        ('{"heart": "1"}', "invalid literal"),
        ("[1, 2]", "not every entry"),
        ("[" * 100_000, "no vocabulary"),
        ("two words\n", "more than one word"),
        ("heart\nheart\n", "twice"),
        ("2 2\nheart 1\n", "the first line says 2"),
        ("", "has 0 ids"),
    ],
)
def test_what_is_no_vocabulary_of_the_decoder(tmp_path: Path, content: str, told: str) -> None:
    (tmp_path / "file").write_text(content)
    size = 30 if "checkpoint" in told or "has 0" in told else 3
    with pytest.raises(CheckpointError, match=told) as refusal:
        read_vocabulary("some-decoder", tmp_path / "file", size)
    assert "\n" not in str(refusal.value)
    assert "expected" in str(refusal.value) or "give that id" in str(refusal.value)


def test_missing_and_binary_files(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="No such file"):
        read_vocabulary("some-decoder", tmp_path / "none", 3)
    (tmp_path / "b").write_bytes(b"\x80\x02}q\x00.")
    with pytest.raises(CheckpointError, match="no vocabulary"):
        read_vocabulary("some-decoder", tmp_path / "b", 3)
