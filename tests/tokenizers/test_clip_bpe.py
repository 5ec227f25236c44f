"""CLIP's tokenizer against the one of the ``open_clip_torch`` wheel, ids and all."""

import gzip
import importlib.util
import json
from importlib.metadata import PackageNotFoundError, files
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cxr_edge.errors import BundleError
from cxr_edge.tokenizers import get_tokenizer
from cxr_edge.tokenizers.clip_bpe import MERGES, ClipBpeTokenizer, parse_merges

START, END = 49406, 49407

TEXTS = [
    "",
    "   \n\t ",
    "No acute cardiopulmonary process.",
    "HEART SIZE IS NORMAL; lungs are clear (no effusion/pneumothorax).",
    "It's the patient's ETT, they've moved it; I'll re-check, don't they'd",
    "1.5 x 2.25 cm nodule, T10-T12 ... 50%??? 12/31/2019 _____ a_b __",
    "a \u201ccurly\u201d quote, the patient\u2019s \u2018left\u2019 side \u2014 en\u2013dash",
    "\ufb01brosis, e\ufb00usion, \uff28\uff25\uff21\uff32\uff34\u3000\uff11\uff12, \u0149a \u0132",
    "na\u00efve cafe\u0301 \u00d1 \u0130stanbul \u1e9e \u00b2\u00bd \u2163 \u0664",
    "&lt;b&gt; &amp;amp; fish &amp; chips",
    "\u5fc3\u81d3 \U0001fac1\U0001f642 \u0627\u0644\u0642\u0644\u0628 \u0939\u0943\u0926\u092f",
    "x" * 400,
    "effusion " * 200,
]


@pytest.fixture(scope="session")
def wheel() -> Path:
    """The folder of the wheel's package, which is not imported: that would need torchvision."""
    try:
        found = next(f for f in files("open_clip_torch") or () if f.name == "tokenizer.py")
    except PackageNotFoundError:
        pytest.skip("pip install --no-deps open_clip_torch ftfy regex: CLIP's merges are in it")
    return Path(str(found.locate())).parent


@pytest.fixture(scope="session")
def merges(wheel) -> Path:
    return wheel / "bpe_simple_vocab_16e6.txt.gz"


@pytest.fixture(scope="session")
def reference(wheel):
    pytest.importorskip("ftfy", reason="the reference tokenizer cleans its texts with ftfy")
    spec = importlib.util.spec_from_file_location("open_clip_tokenizer", wheel / "tokenizer.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.SimpleTokenizer()


@pytest.fixture(scope="session")
def tokenizer(merges):
    return get_tokenizer({"kind": "clip-bpe", "file": merges.name}, merges.parent)


@pytest.mark.parametrize("text", TEXTS)
def test_ids_are_those_of_the_reference(text, tokenizer, reference):
    got = tokenizer.encode([text])["ids"]
    assert got.dtype == np.int64
    np.testing.assert_array_equal(got, reference([text]).numpy())


def test_ids_of_real_reports(shared_data, tokenizer, reference):
    lines = (shared_data / "openi" / "studies.jsonl").read_text().splitlines()[:600]
    studies = [json.loads(line) for line in lines]
    texts = [s[part] for s in studies for part in ("findings", "impression") if s.get(part)]
    assert len(texts) > 500
    got = tokenizer.encode(texts)["ids"]
    np.testing.assert_array_equal(got, reference(texts).numpy())


ALPHABET = st.characters(codec="latin-1", exclude_characters="<|>&\\", exclude_categories=["Cc"])


@settings(max_examples=200, deadline=None, derandomize=True)
@given(st.text(st.one_of(st.sampled_from("abc 's'll.,-/0123456789"), ALPHABET), max_size=40))
def test_ids_of_any_western_text(tokenizer, reference, text):
    import ftfy

    # ftfy also guesses at wrongly decoded text, which is left alone here.
    undecoded = ftfy.TextFixerConfig(fix_encoding=False)
    if ftfy.fix_text(text) == ftfy.fix_text(text, undecoded):
        np.testing.assert_array_equal(
            tokenizer.encode([text])["ids"], reference([text]).numpy(), err_msg=repr(text)
        )


def test_transformers_agrees(merges, tokenizer, tmp_path):
    transformers = pytest.importorskip("transformers", reason="a second reference")
    lines = gzip.decompress(merges.read_bytes()).decode().split("\n")
    pairs = [tuple(line.split()) for line in lines[1 : MERGES + 1]]
    # The order of single bytes is that of the reference's own table.
    from transformers.models.clip.tokenization_clip import CLIPTokenizer

    table = [chr(b) for b in (*range(33, 127), *range(161, 173), *range(174, 256))]
    table += [chr(256 + k) for k in range(68)]
    symbols = [*table, *(s + "</w>" for s in table), *(a + b for a, b in pairs)]
    symbols += ["<|startoftext|>", "<|endoftext|>"]
    vocabulary = {symbol: number for number, symbol in enumerate(symbols)}
    assert transformers.__version__
    other = CLIPTokenizer(vocab=vocabulary, merges=pairs)
    texts = [text for text in TEXTS if text.isascii() and "&" not in text]
    answer = other(texts, padding="max_length", truncation=True, max_length=77)
    for ours, row, mask in zip(
        tokenizer.encode(texts)["ids"], answer["input_ids"], answer["attention_mask"], strict=True
    ):
        length = sum(mask)
        assert ours[:length].tolist() == row[:length]


def test_start_end_and_zeros(tokenizer):
    (row,) = tokenizer.encode(["No effusion."])["ids"]
    end = int(row.argmax())
    assert (len(row), row[0], row[end]) == (77, START, END)
    assert not row[end + 1 :].any()


def test_a_text_that_is_too_long_ends_in_the_end(tokenizer):
    (row,) = tokenizer.encode(["effusion " * 100])["ids"]
    (short,) = tokenizer.encode(["effusion " * 75])["ids"]
    assert row[-1] == END
    assert row.tolist() == short.tolist()


def test_named_special_tokens_are_plain_text(tokenizer):
    (row,) = tokenizer.encode(["clear <|endoftext|> effusion"])["ids"]
    assert (row == END).sum() == 1
    assert row.argmax() > 4


def test_plain_merges_are_the_same(merges, tokenizer, tmp_path):
    (tmp_path / "merges.txt").write_bytes(gzip.decompress(merges.read_bytes()))
    plain = ClipBpeTokenizer.open({"file": "merges.txt"}, tmp_path)
    text = ["Small left apical pneumothorax."]
    assert plain.vocabulary == tokenizer.vocabulary == 49408
    np.testing.assert_array_equal(plain.encode(text)["ids"], tokenizer.encode(text)["ids"])


def test_a_short_context(merges):
    spec = {"file": merges.name, "context": 8}
    (row,) = ClipBpeTokenizer.open(spec, merges.parent).encode(["heart " * 20])["ids"]
    assert (len(row), row[0], row[-1]) == (8, START, END)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"#version: 0.2\ni n\nt h\n", "2 merges, expected 48894"),
        (b"\x1f\x8b\x08\x00broken", "compression is damaged"),
        (b"\xff\xfe\x00", "decode"),
        (b"", "0 merges"),
    ],
)
def test_something_else_is_refused_in_one_line(content, said, tmp_path):
    (tmp_path / "merges.txt").write_bytes(content)
    with pytest.raises(BundleError, match=said) as refusal:
        ClipBpeTokenizer.open({"file": "merges.txt"}, tmp_path)
    assert "\n" not in str(refusal.value)


def test_a_cut_archive_is_refused(merges):
    with pytest.raises(ValueError, match="damaged"):
        parse_merges(merges.read_bytes()[:50_000])


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(BundleError, match=r"none\.txt: No such file"):
        ClipBpeTokenizer.open({"file": "none.txt"}, tmp_path)
