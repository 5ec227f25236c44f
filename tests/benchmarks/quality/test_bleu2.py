"""BLEU-2 by hand, and against NLTK on made-up and on real reports."""

import json
import math
import random
from itertools import pairwise
from pathlib import Path

import pytest
from nltk.translate.bleu_score import SmoothingFunction, sentence_bleu

from cxr_edge.benchmarks.quality.bleu import bleu2, tokens


def of_nltk(reference: str, draft: str) -> float:
    return sentence_bleu(
        [tokens(reference)],
        tokens(draft),
        weights=(0.5, 0.5),
        smoothing_function=SmoothingFunction().method1,
    )


def test_tokens() -> None:
    assert tokens("No Effusion.  Tip 2.5 cm\n above.") == [
        "no", "effusion", ".", "tip", "2", ".5", "cm", "above", ".",
    ]  # fmt: skip
    assert tokens(" \n") == []


@pytest.mark.parametrize(
    ("reference", "draft", "expected"),
    [
        ("the lungs are clear .", "The lungs are clear.", 1.0),
        # 3 of 4 words; "the lungs", "lungs are" of 3 pairs; as long as the reference
        ("the lungs are clear", "the lungs are dark", math.sqrt(3 / 4 * 2 / 3)),
        # shorter by two: 1 - 4/2; both words and their pair are right
        ("the lungs are clear", "the lungs", math.exp(-1)),
        # longer: no penalty; 2 of 4 words, 1 of 3 pairs
        ("no effusion", "no effusion is seen", math.sqrt(2 / 4 * 1 / 3)),
        # a word counts as often as the reference has it: 1 of 3, and no pair: 0.1 of 2
        ("no effusion", "no no no", math.sqrt(1 / 3 * 0.1 / 2)),
        # one word has no pair at all: 0.1 of 1
        ("no effusion", "no", math.exp(1 - 2) * math.sqrt(0.1)),
        ("no effusion", "clear lungs", 0.0),
        ("no effusion", "", 0.0),
        ("", "no effusion", 0.0),
    ],
)
def test_by_hand(reference: str, draft: str, expected: float) -> None:
    assert bleu2(reference, draft) == pytest.approx(expected, abs=1e-12)


def test_made_up_reports_against_nltk() -> None:
    words = ["no", "effusion", ".", "the", "heart", "is", "Normal", "2.5"]
    source = random.Random(3)
    for _ in range(300):
        one, other = (" ".join(source.choices(words, k=source.randint(1, 14))) for _ in range(2))
        assert bleu2(one, other) == pytest.approx(of_nltk(one, other), abs=1e-12), (one, other)


def test_real_reports_against_nltk(shared_data: Path) -> None:
    lines = (shared_data / "openi" / "studies.jsonl").read_text(encoding="utf-8").splitlines()
    texts = [study["findings"] for study in map(json.loads, lines[:300]) if study["findings"]]
    assert len(texts) > 200
    for reference, draft in pairwise(texts):
        assert bleu2(reference, draft) == pytest.approx(of_nltk(reference, draft), abs=1e-12)
