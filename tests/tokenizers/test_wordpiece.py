"""WordPiece against the BERT tokenizer of ``transformers``, over a vocabulary trained here."""

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cxr_edge.errors import BundleError
from cxr_edge.tokenizers import get_tokenizer
from cxr_edge.tokenizers.wordpiece import WordPieceTokenizer, parse_vocabulary, words

SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]

TEXTS = [
    "",
    " \t\r\n ",
    "Heart size normal and lungs are clear. No edema or pneumonia. No effusion",
    "Minimal patchy airspace disease within the lingula, may reflect atelectasis.",
    "1.5x2.25cm nodule; T10-T12 ... 50%??? $5^2=25 `a` ~b~ _c_ |d| <e>",
    "na\u00efve CAF\u00c9 cafe\u0301 \u00d1and\u00fa \u0130 \u00df \u1e9e \u00c5ngstr\u00f6m",
    "\u201ccurly\u201d \u2018quotes\u2019 \u2014 dash\u2013dash \u00b7 \u2022 bullet \u00a7 \u00b0",
    "zero\u200bwidth soft\u00adhyphen null\x00byte bell\x07 bad\ufffdone bom\ufeff",
    "nbsp\u00a0wide\u3000thin\u2009line\u2028paragraph\u2029x",
    "\u5fc3\u81d3 normal\u5fc3size \uac00\ub098 \u304b\u304c \U0001fac1 \U0002a6d0",
    "supercalifragilistic" * 6,
    "y" * 100,
    "effusion " * 700,
]


def reports(shared_data, count=500):
    lines = (shared_data / "openi" / "studies.jsonl").read_text().splitlines()[:count]
    studies = [json.loads(line) for line in lines]
    return [s[part] for s in studies for part in ("findings", "impression") if s.get(part)]


@pytest.fixture(scope="session")
def vocabulary(tmp_path_factory):
    """A vocabulary that the reference's own trainer makes of the texts of this file."""
    tokenizers = pytest.importorskip("tokenizers", reason="trains the vocabulary of this test")
    trained = tokenizers.BertWordPieceTokenizer(lowercase=True)
    trained.train_from_iterator(
        [*TEXTS, *"abcdefghijklmnopqrstuvwxyz0123456789"] * 2,
        vocab_size=400,
        min_frequency=1,
        show_progress=False,
        special_tokens=SPECIAL,
    )
    ids = trained.get_vocab()
    path = tmp_path_factory.mktemp("vocabulary") / "vocab.txt"
    path.write_text("".join(f"{piece}\n" for piece in sorted(ids, key=ids.get)), encoding="utf-8")
    return path


@pytest.fixture(scope="session")
def reference(vocabulary):
    transformers = pytest.importorskip("transformers", reason="the reference tokenizer")
    pieces = parse_vocabulary(vocabulary.read_bytes())
    ids = {piece: number for number, piece in enumerate(pieces)}
    return transformers.BertTokenizer(vocab=ids, do_lower_case=True)


@pytest.fixture(scope="session")
def tokenizer(vocabulary):
    return get_tokenizer({"kind": "wordpiece", "file": "vocab.txt"}, vocabulary.parent)


def by_reference(reference, text):
    return reference(text, truncation=True, max_length=512)["input_ids"]


@pytest.mark.parametrize("text", TEXTS)
def test_ids_are_those_of_the_reference(text, tokenizer, reference):
    assert tokenizer.encode([text])["ids"][0].tolist() == by_reference(reference, text)


def test_ids_of_real_reports(shared_data, tokenizer, reference):
    texts = reports(shared_data)
    assert len(texts) > 500
    for text in texts:
        assert tokenizer.encode([text])["ids"][0].tolist() == by_reference(reference, text)


# Latin, Greek and Cyrillic: of newer scripts the two sides may know different editions of Unicode.
WESTERN = st.characters(
    max_codepoint=0x052F, exclude_categories=["Cn", "Co", "Cs"], exclude_characters="["
)
MARKS = st.sampled_from([chr(code) for code in (*range(0x2000, 0x2060), 0x3000, 0xFEFF, 0xFFFD)])
USUAL = st.sampled_from("abeffusion .,-'()0123456789")


@pytest.mark.parametrize("text", [*TEXTS, "Heart and Lungs: NORMAL. caf\u00e9 CAF\u00c9"])
def test_ids_of_a_cased_model(text, vocabulary, tmp_path):
    """The same vocabulary with capitals of its own, as ClinicalBERT's has them."""
    transformers = pytest.importorskip("transformers", reason="the reference tokenizer")
    pieces = [*parse_vocabulary(vocabulary.read_bytes()), "Heart", "N", "##O", "\u00c9", "CAF"]
    (tmp_path / "vocab.txt").write_text("".join(f"{piece}\n" for piece in pieces))
    spec = {"kind": "wordpiece", "file": "vocab.txt", "lower": False}
    reference = transformers.BertTokenizer(
        vocab={piece: number for number, piece in enumerate(pieces)}, do_lower_case=False
    )
    got = get_tokenizer(spec, tmp_path).encode([text])["ids"][0].tolist()
    assert got == by_reference(reference, text)


@settings(max_examples=300, deadline=None, derandomize=True)
@given(st.text(USUAL | WESTERN | MARKS, max_size=40))
def test_ids_of_any_text(tokenizer, reference, text):
    assert tokenizer.encode([text])["ids"][0].tolist() == by_reference(reference, text)


def test_a_batch_is_padded_and_masked(tokenizer, reference):
    got = tokenizer.encode(["No effusion.", "", "Heart size normal and lungs are clear."])
    want = [
        by_reference(reference, t)
        for t in ("No effusion.", "", "Heart size normal and lungs are clear.")
    ]
    assert got["ids"].dtype == got["mask"].dtype == np.int64
    assert got["ids"].shape == got["mask"].shape == (3, max(map(len, want)))
    for ids, mask, row in zip(got["ids"], got["mask"], want, strict=True):
        assert ids[mask == 1].tolist() == row
        assert mask.tolist() == [1] * len(row) + [0] * (len(mask) - len(row))
        assert not ids[mask == 0].any()


def test_a_text_that_is_too_long_keeps_511_ids_and_the_separator(tokenizer):
    (long,) = tokenizer.encode(["a " * 600])["ids"]
    (fits,) = tokenizer.encode(["a " * 510])["ids"]
    assert len(long) == 512
    assert long.tolist() == fits.tolist()
    assert long[-1] == tokenizer.last != long[-2]


def test_named_special_tokens_are_plain_text(tokenizer):
    (row,) = tokenizer.encode(["a [SEP] b"])["ids"]
    assert (row == tokenizer.last).sum() == 1
    assert words("a [SEP] b") == ["a", "[", "sep", "]", "b"]


def test_no_text_at_all(tokenizer):
    assert tokenizer.encode([])["ids"].shape[0] == 0


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"a\nb\n", r"lacks \[PAD\], \[UNK\], \[CLS\], \[SEP\]"),
        ("\n".join([*SPECIAL, "a", "a"]).encode(), "names a piece twice"),
        (b"\xff\xfe\n", "decode"),
        (b"", "lacks"),
    ],
)
def test_something_else_is_refused_in_one_line(content, said, tmp_path):
    (tmp_path / "vocab.txt").write_bytes(content)
    with pytest.raises(BundleError, match=said) as refusal:
        WordPieceTokenizer.open({"file": "vocab.txt"}, tmp_path)
    assert "\n" not in str(refusal.value)


def test_line_ends_of_windows(vocabulary, tmp_path, tokenizer):
    (tmp_path / "vocab.txt").write_bytes(vocabulary.read_bytes().replace(b"\n", b"\r\n"))
    other = WordPieceTokenizer.open({"file": "vocab.txt"}, tmp_path)
    assert other.encode(TEXTS[2:4])["ids"].tolist() == tokenizer.encode(TEXTS[2:4])["ids"].tolist()


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(BundleError, match=r"none\.txt: No such file"):
        WordPieceTokenizer.open({"file": "none.txt"}, tmp_path)
