"""The grammar: what it says is what the labeler reads, and it reads as written by a person."""

import re
from collections import Counter

import pytest

from cxr_edge.indexes.corpora.grammar import canonical, entries, sentences
from cxr_edge.indexes.corpora.text.redaction import has_redaction
from cxr_edge.labelers import get_labeler
from cxr_edge.labelers.attributes import attributes, severity_of, side_of
from cxr_edge.labels import NO_FINDING, OBSERVATIONS, Mention
from cxr_edge.types import Attribute

CORPUS = sentences()


def test_labels_are_what_the_labeler_reads() -> None:
    label = get_labeler("rules").label
    wrong = [s.text for s in CORPUS if tuple(map(int, label(s.text))) != s.labels]
    assert wrong == []


def test_attributes_are_what_the_reader_finds() -> None:
    wrong = [s.text for s in CORPUS if attributes(s.text) != s.attributes]
    assert wrong == []


def test_side_and_severity_are_those_of_the_meaning() -> None:
    for entry in entries():
        assert side_of(entry.text) == entry.meaning.side, entry.text
        assert severity_of(entry.text) == entry.meaning.severity, entry.text


def test_nothing_is_compared_measured_or_redacted() -> None:
    for item in CORPUS:
        assert item.attributes is not None
        assert Attribute.COMPARISON not in item.attributes, item.text
        assert not has_redaction(item.text)
        assert not re.search(r"\d", item.text), item.text


def test_size() -> None:
    meanings = {entry.meaning for entry in entries()}
    assert len(meanings) >= 3000
    assert 5000 <= len(CORPUS) <= 9000


def test_texts_and_sources_are_unique() -> None:
    assert max(Counter(s.text.casefold() for s in CORPUS).values()) == 1
    assert max(Counter(s.source for s in CORPUS).values()) == 1
    assert all(s.source.startswith("grammar/") for s in CORPUS)


def test_order_is_fixed() -> None:
    entries.cache_clear()
    assert [s.text for s in sentences()] == [s.text for s in CORPUS]


def test_canonical_ignores_wording_and_keeps_meaning() -> None:
    assert canonical("Heart size is normal.") == canonical("The heart is normal in size.")
    assert canonical("No pleural effusion.") == canonical("There is no pleural effusion.")
    assert canonical("No pleural effusion.") != canonical("No pneumothorax.")
    assert canonical("A pleural effusion is suspected.") != canonical("Pleural effusion.")
    with pytest.raises(KeyError):
        canonical("The moon is made of cheese.")


@pytest.mark.parametrize("name", [name for name in OBSERVATIONS if name != "No Finding"])
@pytest.mark.parametrize("value", [Mention.POSITIVE, Mention.UNCERTAIN, Mention.NEGATIVE])
def test_every_observation_has_plain_wordings(name: str, value: Mention) -> None:
    column = OBSERVATIONS.index(name)
    alone = [
        s.text
        for s in CORPUS
        if s.attributes == Attribute.NONE
        and s.labels is not None
        and s.labels[column] == value
        and sum(v != Mention.BLANK for i, v in enumerate(s.labels) if i != NO_FINDING) == 1
    ]
    assert len(alone) >= 3, alone


@pytest.mark.parametrize(
    "text",
    [
        "There is a pleural effusion.",
        "A pleural effusion is suspected.",
        "No pleural effusion.",
        "The lungs are clear.",
        "Heart size is normal.",
        "No acute cardiopulmonary abnormality.",
        "No pleural effusion or pneumothorax.",
    ],
)
def test_wordings_that_drafts_fall_back_to(text: str) -> None:
    assert canonical(text).attributes() == Attribute.NONE


def test_written_form() -> None:
    for item in CORPUS:
        text = item.text
        assert text[0].isupper(), text
        assert re.fullmatch(r"[A-Za-z][A-Za-z ,-]*[a-zA-Z]\.", text), text
        assert "  " not in text, text
        assert " ," not in text, text
        assert not re.search(r"\b(\w+) \1\b", text), text


def test_articles_and_verbs_agree() -> None:
    for item in CORPUS:
        text = item.text
        assert not re.search(r"\b[Aa] [aeiou]", text), text
        for word in re.findall(r"\b[Aa]n (\w+)", text):
            assert word[0].lower() in "aeiou", text
        assert not re.search(
            r"\bThere (?:is|may be) (?:an? )?\w*(?:opacities|effusions)\b", text
        ), text
        assert not re.search(
            r"\b(?:effusions|opacities|fractures|nodules|wires|leads) is\b", text
        ), text
        assert not re.search(r"\b(?:effusion|opacity|fracture|nodule|pneumothorax) are\b", text), (
            text
        )
        assert not re.search(r"\bAn? (?:[a-z-]+ )*(?:opacities|effusions|fractures)\b", text), text


def test_sides_make_sense() -> None:
    for item in CORPUS:
        assert not re.search(r"(?:left|right|bilateral|bibasilar) cardiomegaly", item.text.lower())
        assert "left middle lobe" not in item.text.lower()
        assert "right lingula" not in item.text.lower()
