"""Instruction and text against transformers' tokenizer and LLM2Vec's separator, on real reports."""

import builtins
import json

import numpy as np
import pytest

from cxr_edge.errors import BundleError
from cxr_edge.export.models.llm2vec4cxr_text import INSTRUCTION, SECTIONS
from cxr_edge.tokenizers import get_tokenizer

tokenizers = pytest.importorskip("tokenizers", reason="the optional dependency under test")

SEPARATOR = "!@#$%^&*()"
SPEC = {"kind": "llm2vec", "file": "tokenizer.json", "instruction": INSTRUCTION}
TEXTS = [
    "Heart size normal and lungs are clear. No edema or pneumonia. No effusion",
    "x",
    " leading blank, 12345 mm\nand a new line\u2026 \u00e9 \u5fc3 \U0001fac1",
    "[FINDINGS] {The lungs are clear.} [IMPRESSION] {No acute disease.}",
    "[IMPRESSION] {No acute disease.}",
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A byte-level BPE as Llama 3's, trained here, that puts a start before every text."""
    trained = tokenizers.Tokenizer(tokenizers.models.BPE())
    trained.pre_tokenizer = tokenizers.pre_tokenizers.ByteLevel(add_prefix_space=False)
    trained.decoder = tokenizers.decoders.ByteLevel()
    special = ["<|begin_of_text|>", "<|eot_id|>"]
    trainer = tokenizers.trainers.BpeTrainer(
        vocab_size=500,
        special_tokens=special,
        initial_alphabet=tokenizers.pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    trained.train_from_iterator([*TEXTS, INSTRUCTION] * 3, trainer)
    trained.post_processor = tokenizers.processors.TemplateProcessing(
        single="<|begin_of_text|> $A", special_tokens=[("<|begin_of_text|>", 0)]
    )
    path = tmp_path_factory.mktemp("tokenizer")
    trained.save(str(path / "tokenizer.json"))
    return path


@pytest.fixture(scope="module")
def tokenizer(folder):
    return get_tokenizer(SPEC | {"sections": SECTIONS}, folder)


@pytest.fixture(scope="module")
def reference(folder):
    """Rows of LLM2Vec: ids, mask and pooled places of ``instruction SEPARATOR text``."""
    transformers = pytest.importorskip("transformers", reason="the reference tokenizer")
    fast = transformers.PreTrainedTokenizerFast(
        tokenizer_file=str(folder / "tokenizer.json"),
        bos_token="<|begin_of_text|>",
        eos_token="<|eot_id|>",
        pad_token="<|eot_id|>",
        padding_side="left",
    )

    def encode(written, length=512):
        parts = [text.split(SEPARATOR) for text in written]
        settings = {"truncation": True, "max_length": length}
        both = fast(["".join(p) for p in parts], padding=True, return_tensors="np", **settings)
        pool = np.zeros_like(both["attention_mask"])
        for row, (_, text) in zip(pool, parts, strict=True):
            count = len(fast([text], add_special_tokens=False, **settings)["input_ids"][0])
            row[len(row) - count :] = 1
        return both["input_ids"], both["attention_mask"], pool

    return encode


def agree(got, wanted):
    ids, mask, pool = wanted
    np.testing.assert_array_equal(got["mask"], mask)
    np.testing.assert_array_equal(got["ids"], ids * mask)
    np.testing.assert_array_equal(got["pool"], pool)
    assert {array.dtype for array in got.values()} == {np.dtype(np.int64)}


def test_rows_are_those_of_the_reference(tokenizer, reference):
    findings, impression = SECTIONS["[FINDINGS]"], SECTIONS["[IMPRESSION]"]
    instructions = [INSTRUCTION] * 3 + [findings, impression]
    written = [i + SEPARATOR + t for i, t in zip(instructions, TEXTS, strict=True)]
    got = tokenizer.encode(TEXTS)
    agree(got, reference(written))
    # Texts of several lengths, each behind an instruction: padding and pooling were both compared.
    assert len(set(got["mask"].sum(axis=1).tolist())) == len(TEXTS)
    assert ((got["pool"].sum(axis=1) > 0) & (got["pool"] <= got["mask"]).all(axis=1)).all()
    assert (got["pool"].sum(axis=1) < got["mask"].sum(axis=1)).all()


def test_rows_of_real_reports(tokenizer, reference, shared_data):
    lines = (shared_data / "openi" / "studies.jsonl").read_text().splitlines()[:150]
    texts = [text for line in lines if (text := json.loads(line).get("impression"))]
    assert len(texts) > 100
    agree(tokenizer.encode(texts), reference([INSTRUCTION + SEPARATOR + t for t in texts]))


def test_a_text_that_is_too_long_keeps_the_first_ids(folder, reference):
    short = get_tokenizer(SPEC | {"length": 40}, folder)
    texts = [TEXTS[0] * 5, "x"]
    got = short.encode(texts)
    assert got["ids"].shape == (2, 40)
    agree(got, reference([INSTRUCTION + SEPARATOR + t for t in texts], length=40))


def test_an_empty_text_pools_its_instruction(tokenizer):
    got = tokenizer.encode(["", "heart"])
    np.testing.assert_array_equal(got["pool"][0], got["mask"][0])
    assert got["pool"][1].sum() < got["mask"][1].sum()
    assert tokenizer.encode([])["ids"].shape[0] == 0


def test_a_missing_package_is_named_with_its_extra(folder, monkeypatch):
    real = builtins.__import__

    def without(name, *rest):
        if name == "tokenizers":
            raise ImportError(name)
        return real(name, *rest)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(BundleError, match=r"pip install 'cxr-edge\[llm\]'"):
        get_tokenizer(SPEC, folder)


@pytest.mark.parametrize("content", [b"{}", b"\xff\xfe", b"not json", None])
def test_a_file_that_is_something_else_is_one_line(tmp_path, content):
    if content is not None:
        (tmp_path / "tokenizer.json").write_bytes(content)
    with pytest.raises(BundleError, match="export the bundle again") as refused:
        get_tokenizer(SPEC, tmp_path)
    assert "\n" not in str(refused.value)
