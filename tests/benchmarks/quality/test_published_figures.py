"""The papers' figures: complete, each with its source, and never beside what cannot be compared."""

import json
from importlib import resources

import pytest

from cxr_edge.benchmarks.quality.published import published
from cxr_edge.benchmarks.quality.scores import CE_NAMES, CHEXBERT_NAMES, RULES_F1, Score
from cxr_edge.benchmarks.quality.table import figures_beside, published_table, score_table

OURS = [Score(name, 0.5, 0.4, 0.6) for name in ("BLEU-2", RULES_F1, *CHEXBERT_NAMES, *CE_NAMES)]


@pytest.mark.parametrize(
    ("data", "system", "metric", "value"),
    [
        ("MIMIC-CXR", "CXR-RePaiR-2", "s_emb", 0.385),
        ("MIMIC-CXR", "R2Gen", "BLEU-2", 0.212),
        ("CheXpert", "CXR-RePaiR-Select", "F1", 0.352),
        ("CheXpert", "CXR-RePaiR-C 15 %", "F1", 0.329),
        ("CheXpert", "CXR-RePaiR-C 15 %", "seconds per 500 studies", 42),
        ("MIMIC-CXR", "DCRRG with CheXpert data", "METEOR", 0.163),
        ("MIMIC-CXR", "balance only", "mean AUROC", 0.75),
        ("CheXpert 5x200", "DCCLIP", "P@10", 0.51),
        ("Open-I", "MAIRA-2", "GREEN", 0.607),
        ("Open-I", "LLM2CLIP4CXR, 1.6 M studies", "R@10", 0.155),
    ],
)
def test_figures_of_the_papers(data: str, system: str, metric: str, value: float) -> None:
    found = published(data=data, system=system, metric=metric)
    assert [figure.value for figure in found] == [value]


def test_every_figure_says_where_it_is_from() -> None:
    figures = published()
    assert all(f.paper and f.table and f.data and f.system and f.metric for f in figures)
    keys = [(f.paper, f.table, f.data, f.split, f.system, f.metric) for f in figures]
    assert len(set(keys)) == len(keys)


def test_the_file_is_one_that_comes_with_the_package() -> None:
    text = (resources.files("cxr_edge.benchmarks.quality") / "published.json").read_text()
    blocks = json.loads(text)["blocks"]
    assert sum(v is not None for b in blocks for row in b["rows"].values() for v in row) == len(
        published()
    )


def test_a_rules_figure_is_never_beside_a_papers() -> None:
    assert not [f for f in published() if "rules" in f.metric]
    assert all("rules" not in figure.metric for figure, _ in figures_beside(OURS, "CheXpert", ""))


def test_what_differs_is_said() -> None:
    rows = figures_beside(OURS, "CheXpert", "test")
    assert {why for figure, why in rows if figure.data == "CheXpert"} == {""}
    assert {why for figure, why in rows if figure.data != "CheXpert"} == {"other data"}
    assert {why for _, why in figures_beside(OURS, "", "")} == {"data not named"}
    valid = figures_beside(OURS, "CheXpert", "valid")
    assert {why for figure, why in valid if figure.data == "CheXpert"} == {"other split"}


def test_the_tables() -> None:
    scores = [Score("F1", None, None, None, "needs CheXbert"), Score("BLEU-2", 0.1234, 0.1, 0.2)]
    lines = score_table(scores).splitlines()
    assert lines[1].split() == ["F1", "-", "needs", "CheXbert"]
    assert lines[2].split() == ["BLEU-2", "0.123", "0.100", "..", "0.200"]
    shown = published_table(scores, figures_beside(scores, "MIMIC-CXR", "test"))
    head, ours = shown.splitlines()[:2]
    assert head.split() == ["published", "F1", "BLEU-2"]
    assert ours.split() == ["this", "run", "-", "0.123"]
    assert any(line.split() == ["R2Gen", "0.148", "0.212"] for line in shown.splitlines())
    assert published_table(scores, []) == ""
