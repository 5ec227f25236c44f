"""The documented counts of Open-I against its files."""

import json
import re
from collections import Counter
from pathlib import Path

import pytest

from cxr_edge.indexes.corpora import CorpusOptions, CorpusSentence, open_corpus
from cxr_edge.indexes.corpora.images import image_reports
from cxr_edge.indexes.corpora.survey import survey

PAGE = Path(__file__).resolve().parents[3] / "docs" / "corpus.md"


@pytest.fixture(scope="module")
def studies(shared_data: Path) -> Path:
    return shared_data / "openi" / "studies.jsonl"


@pytest.fixture(scope="module")
def train(studies: Path) -> tuple[list[CorpusSentence], Counter[str]]:
    corpus = open_corpus(studies, CorpusOptions(split="train"))
    return list(corpus), corpus.dropped


def test_documented_counts(studies: Path, train: tuple[list[CorpusSentence], Counter[str]]) -> None:
    page = PAGE.read_text()
    table = page[page.index("## What is left out of Open-I") : page.index("## The grammar corpus")]
    rows = {
        name: int(number.replace(",", ""))
        for name, number in re.findall(r"^\| (\w.*?) \| ([\d,]+) \|$", table, re.MULTILINE)
    }
    sentences, dropped = train
    assert {k: n for k, n in rows.items() if k.startswith("dropped: ")} == {
        f"dropped: {reason}": number for reason, number in dropped.items()
    }
    assert rows["kept: findings"] == sum(s.section == "findings" for s in sentences)
    assert rows["kept: impression"] == sum(s.section == "impression" for s in sentences)
    assert rows["different in lower case"] == len({s.text.lower() for s in sentences})
    stripped = survey(open_corpus(studies, CorpusOptions(split="train", redaction="strip")))
    kept = sum(number for name, number in stripped.items() if name.startswith("kept"))
    assert f"{kept:,} sentences are kept instead of {len(sentences):,}" in table


def test_every_sentence_is_one(train: tuple[list[CorpusSentence], Counter[str]]) -> None:
    for sentence in train[0]:
        assert sentence.text == sentence.text.strip()
        assert sentence.text[-1] in ".?!"
        assert not re.search(r"x{3}|_{2}|\s{2}", sentence.text, re.IGNORECASE), sentence.text
        assert not re.match(r"\d+[.)] ", sentence.text), sentence.text


def test_frontal_images_with_their_reports(studies: Path) -> None:
    projections = {
        image["file"]: image["projection"]
        for line in studies.read_text().splitlines()
        for image in json.loads(line)["images"]
    }
    rows = list(image_reports(studies, CorpusOptions(split="train")))
    assert {projections[row.image_path.name] for row in rows} == {"Frontal"}
    assert all(row.image_path.is_file() and row.report_text for row in rows)
    assert len({row.source for row in rows}) > 1000
