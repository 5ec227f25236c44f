"""The n-gram tokenizer against scikit-learn's TfidfVectorizer, and against damaged files."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.feature_extraction.text import TfidfVectorizer

from cxr_edge.errors import BundleError
from cxr_edge.tokenizers import get_tokenizer
from cxr_edge.tokenizers.ngrams import NgramTokenizer, words_of

TEXTS = [
    "No pleural effusion.",
    "Small left pleural effusion with left basilar atelectasis.",
    "The heart is enlarged; there is a small left pleural effusion.",
    "",
    "Rotated film",
]


def test_bags_are_those_of_scikit_learn() -> None:
    reference = TfidfVectorizer(binary=True, ngram_range=(1, 2), token_pattern=r"[a-z0-9]+")
    want = reference.fit_transform(TEXTS).toarray()
    tokenizer = NgramTokenizer.of(list(reference.get_feature_names_out()), reference.idf_)
    got = tokenizer.encode(TEXTS)["bag"]
    assert got.dtype == np.float32
    np.testing.assert_allclose(got, want, atol=1e-6)


def test_redaction_and_hyphens() -> None:
    assert words_of("XXXX-year-old, left-sided XXXX 2nd rib") == [
        "year", "old", "left", "sided", "2nd", "rib",
    ]  # fmt: skip


def test_survives_the_trip_through_a_bundle(tmp_path: Path) -> None:
    tokenizer = NgramTokenizer.of(["effusion", "no", "no effusion"], [1.25, 2.0, 3.123456])
    (tmp_path / "words.json").write_bytes(tokenizer.to_bytes())
    opened = get_tokenizer({"kind": "ngrams", "file": "words.json"}, tmp_path)
    text = ["No effusion", "effusion"]
    np.testing.assert_array_equal(opened.encode(text)["bag"], tokenizer.encode(text)["bag"])


@pytest.mark.parametrize(
    ("spec", "content", "message"),
    [
        ({"kind": "runes", "file": "w"}, b"{}", "'runes' is unknown"),
        ({"kind": "ngrams", "file": "missing"}, b"{}", "No such file"),
        ({"kind": "ngrams", "file": "w"}, b"not json", "not an n-gram vocabulary"),
        ({"kind": "ngrams", "file": "w"}, b'{"ngrams": ["a"]}', "not an n-gram vocabulary"),
        ({"kind": "ngrams", "file": "w"}, b'{"ngrams": ["a"], "weights": [1, 2]}', "as many"),
        ({"kind": "ngrams", "file": "w"}, b'{"ngrams": [], "weights": []}', "at least one"),
    ],
)
def test_a_damaged_vocabulary_is_one_line(
    tmp_path: Path, spec: dict[str, str], content: bytes, message: str
) -> None:
    (tmp_path / "w").write_bytes(content)
    with pytest.raises(BundleError, match=message) as caught:
        get_tokenizer(spec, tmp_path)
    assert "\n" not in str(caught.value)


@given(st.lists(st.text(max_size=60), min_size=1, max_size=4))
def test_any_text_gives_unit_rows_or_zero_rows(texts: list[str]) -> None:
    tokenizer = NgramTokenizer.of(["a", "no", "no a", "0"], [1.0, 2.0, 3.0, 1.5])
    lengths = np.linalg.norm(tokenizer.encode(texts)["bag"], axis=1)
    assert np.all(np.isclose(lengths, 1.0, atol=1e-6) | (lengths == 0.0))
