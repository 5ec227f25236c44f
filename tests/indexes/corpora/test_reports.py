"""From reports to sentences: units, counts, order, fingerprints, and that nothing gets lost."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cxr_edge.errors import CorpusError
from cxr_edge.indexes.corpora import CorpusOptions, open_corpus
from cxr_edge.indexes.corpora.images import image_reports
from cxr_edge.indexes.corpora.survey import survey
from cxr_edge.indexes.corpora.text.judging import judge_english
from cxr_edge.labelers.sentences import split_sentences

STUDIES = [
    {"uid": "1", "findings": "Clear lungs. Heart is normal.", "impression": "Normal.",
     "split": "train", "images": [{"file": "1a.png", "projection": "Frontal"},
                                  {"file": "1b.png", "projection": "Lateral"}]},
    {"uid": "2", "findings": "The effusion is unchanged.", "impression": "Recommend CT.",
     "split": "train", "images": [{"file": "2.png"}]},
    {"uid": "3", "findings": "", "impression": "No mass. Small new effusion.", "split": "train",
     "images": [{"file": "3.png"}]},
    {"uid": "4", "findings": "INDICATION: cough", "impression": None, "split": "valid"},
]  # fmt: skip


@pytest.mark.parametrize("filling", [" ", "\t", "\u00a0", "\n", "1. "])
def test_a_report_that_is_nearly_all_filling_is_read(tmp_path: Path, filling: str) -> None:
    """A pattern that tries every beginning of a gap with every end would not come to its end."""
    path = tmp_path / "a.jsonl"
    path.write_text(json.dumps({"report": f"Clear lungs.{filling * 50_000}\nNo mass."}) + "\n")
    texts = [sentence.text for sentence in open_corpus(path)]
    assert (texts[0], texts[-1]) == ("Clear lungs.", "No mass.")


def test_a_file_that_was_read_as_one_report_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text(json.dumps({"uid": "x", "findings": "Clear lungs. " * 50_000}) + "\n")
    with pytest.raises(CorpusError, match=r"the report 'x' has 650,000 characters") as caught:
        list(open_corpus(path))
    assert "\n" not in str(caught.value)


@pytest.fixture
def studies(tmp_path: Path) -> Path:
    path = tmp_path / "studies.jsonl"
    path.write_text("".join(json.dumps(study) + "\n" for study in STUDIES))
    return path


def test_what_was_left_out_is_counted_by_reason(studies: Path) -> None:
    corpus = open_corpus(studies)
    counts = survey(corpus)
    assert counts == {
        "kept: findings": 2,
        "kept: impression": 2,
        "dropped: sentence that speaks of an earlier study": 2,
        "dropped: sentence that recommends something": 1,
        "dropped: section left out: indication": 1,
        "dropped: report without the sections wanted": 1,
    }
    assert survey(corpus) == counts, "the second reading counts anew"


def test_whole_reports(studies: Path) -> None:
    corpus = open_corpus(studies, CorpusOptions(unit="report", split="train"))
    assert [(s.source, s.section, s.text) for s in corpus] == [
        ("1", "", "Clear lungs. Heart is normal. Normal."),
        ("3", "impression", "No mass."),
    ]
    assert corpus.dropped["report of which nothing is left"] == 1
    impressions = CorpusOptions(unit="report", sections=("impression",))
    corpus = open_corpus(studies, impressions)
    assert [s.text for s in corpus] == ["Normal.", "No mass."]
    assert corpus.dropped["section left out: findings"] == 3


def test_a_split_that_is_not_there(studies: Path) -> None:
    with pytest.raises(
        CorpusError, match="no report is of the split 'dev'; there are: train, vali"
    ):
        list(open_corpus(studies, CorpusOptions(split="dev")))


@pytest.mark.parametrize(
    "options",
    [
        {"unit": "word"},
        {"sections": ()},
        {"sections": ("history",)},
        {"redaction": "maybe"},
        {"earlier_studies": "strip"},
        {"columns": (("colour", "x"),)},
    ],
)
def test_options_that_are_none(options: dict[str, object]) -> None:
    with pytest.raises(CorpusError, match="expected one"):
        CorpusOptions(**options)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "options",
    [{"unit": "report"}, {"split": "train"}, {"sections": ("findings",)}, {"lower": True}],
)
def test_the_grammar_is_taken_as_it_is(options: dict[str, object]) -> None:
    with pytest.raises(CorpusError, match="grammar"):
        open_corpus("grammar", CorpusOptions(**options))  # type: ignore[arg-type]


def test_fingerprints(studies: Path) -> None:
    def digest(options: CorpusOptions | None = None) -> str:
        return open_corpus(studies, options).fingerprint()

    first = digest()
    assert digest(CorpusOptions(acronyms=True)) != first
    assert digest(CorpusOptions(split="train")) != first
    studies.touch()
    assert digest() == first, "of a small file the content counts"
    studies.write_text(studies.read_text().replace("mass", "Mass"))
    assert digest() != first
    assert open_corpus("grammar").fingerprint() == open_corpus("grammar").fingerprint()


def test_fingerprint_of_a_folder(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / f"{name}.txt").write_text("Clear lungs.")
    first = open_corpus(tmp_path).fingerprint()
    assert open_corpus(tmp_path).fingerprint() == first
    (tmp_path / "b.txt").write_text("Clear lungs!!")
    second = open_corpus(tmp_path).fingerprint()
    (tmp_path / "c.txt").write_text("")
    assert len({first, second, open_corpus(tmp_path).fingerprint()}) == 3


def test_reports_by_image(studies: Path) -> None:
    (studies.parent / "images").mkdir()
    for name in ("1a.png", "1b.png", "3.png"):
        (studies.parent / "images" / name).touch()
    corpus = image_reports(studies)
    rows = [(row.image_path.name, row.source, row.view, row.report_text) for row in corpus]
    assert rows == [("1a.png", "1", "frontal", "Clear lungs. Heart is normal. Normal.")]
    assert corpus.dropped["image of another view"] == 1
    # Report 3 lost a sentence that its image still shows.
    shortened = "report shortened, so that it says less than its image shows"
    assert corpus.dropped[shortened] == 1
    options = CorpusOptions(earlier_studies="keep")
    rows = [(r.image_path.name, r.view) for r in image_reports(studies, options, view=None)]
    assert rows == [("1a.png", "frontal"), ("1b.png", "lateral"), ("3.png", "")]
    assert corpus.fingerprint() != image_reports(studies, options).fingerprint()


def test_images_that_are_not_there(studies: Path, tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match="none of 2 images is there; looked in: "):
        list(image_reports(studies))
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "1a.png").touch()
    corpus = image_reports(studies, images=elsewhere)
    assert [row.image_path for row in corpus] == [elsewhere / "1a.png"]
    assert corpus.dropped["image that is not there"] == 1
    with pytest.raises(CorpusError, match="no images"):
        image_reports("grammar")


WORDS = st.sampled_from(
    ["lungs", "clear", "PICC", "No", "edema", "2.5", "cm", "heart.", "normal.", "T11.", "Dr.", "a",
     "p.m.", "left,", "mass.No", "vs.", "...", "\n", "\n\n", "mild", "___.", "R.", "Is", "it?"]
)  # fmt: skip


@given(st.lists(WORDS, max_size=60).map(" ".join))
def test_no_word_is_lost_between_report_and_sentences(text: str) -> None:
    """Nothing here is a list number or a heading, so every letter comes out again, in order."""
    options = CorpusOptions(earlier_studies="keep", redaction="keep")
    judged = [judge_english(sentence, False, options).text for sentence in split_sentences(text)]
    assert [c for c in "".join(judged) if c.isalpha()] == [c for c in text if c.isalpha()]


@given(text=st.lists(WORDS, max_size=60).map(" ".join))
def test_every_sentence_is_kept_or_counted(
    text: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.mktemp("corpus") / "a.jsonl"
    path.write_text(json.dumps({"findings": text}))
    counts = survey(open_corpus(path))
    assert counts.total() - counts["dropped: report without the sections wanted"] == len(
        split_sentences(text)
    )
