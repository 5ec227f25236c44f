"""What is made of measurements: agreement, ratios, the paper's claims beside ours."""

from dataclasses import replace

import pytest

from cxr_edge.benchmarks.claims.comparing import all_times, claims, seconds
from cxr_edge.benchmarks.claims.measuring import agreement
from cxr_edge.benchmarks.claims.result import STAGES, Row
from cxr_edge.benchmarks.claims.table import report
from cxr_edge.benchmarks.quality.scores import Score


def row(
    system: str, level: float, ms: float, *, search: float = 1.0, method: str = "select"
) -> Row:
    stages = {stage: [search] * 30 for stage in STAGES} | {"total": [ms] * 30}
    size = {0.0: 4400, 0.15: 100}[level]
    return Row(
        system,
        level,
        size,
        4400 / size,
        method,
        stages,
        [ms / 2] * 30,
        500.0,
        90.0,
        (),
        False,
        None,
        "",
    )


ROWS = [
    row("cxr-edge", 0.0, 40.0),
    row("cxr-edge", 0.15, 20.0),
    row("released-code", 0.0, 200.0, search=64.0),
    row("generative", 0.0, 80.0, search=0.0),
]


def test_agreement_is_the_share_of_our_sentences() -> None:
    ours = {0: ("a", "b", "c"), 1: ("d",)}
    assert agreement(ours, ours) == 1.0
    assert agreement(ours, {0: ("c", "x", "a"), 1: ("y",)}) == 2 / 4


def test_ratios_are_of_neighbours_at_the_same_level() -> None:
    found = {(one.slower, one.faster, one.stage): one.ratio.value for one in all_times(ROWS)}
    assert found == {
        ("cxr-edge @ 0", "cxr-edge @ 0.15", "total"): pytest.approx(2),
        ("cxr-edge @ 0", "cxr-edge @ 0.15", "processor"): pytest.approx(2),
        ("released-code @ 0", "cxr-edge @ 0", "processor"): pytest.approx(5),
        ("generative @ 0", "cxr-edge @ 0", "processor"): pytest.approx(2),
        ("cxr-edge @ 0", "cxr-edge @ 0.15", "search"): pytest.approx(1),
        ("released-code @ 0", "cxr-edge @ 0", "total"): pytest.approx(5),
        ("released-code @ 0", "cxr-edge @ 0", "search"): pytest.approx(64),
        ("generative @ 0", "cxr-edge @ 0", "total"): pytest.approx(2),
        ("generative @ 0", "cxr-edge @ 0.15", "processor"): pytest.approx(4),
        ("generative @ 0", "cxr-edge @ 0.15", "total"): pytest.approx(4),
    }
    assert seconds(ROWS[1]) == pytest.approx(10)


def test_a_baseline_stands_against_ours_at_every_level() -> None:
    rows = [*ROWS, row("released-code", 0.15, 90.0)]
    found = {(t.slower, t.faster): t.ratio.value for t in all_times(rows) if t.stage == "total"}
    assert found["released-code @ 0", "cxr-edge @ 0"] == pytest.approx(5)
    assert found["released-code @ 0.15", "cxr-edge @ 0.15"] == pytest.approx(4.5)
    lines = report(["head"], rows, all_times(rows), []).splitlines()
    (at_level,) = [line for line in lines if line.startswith("released-code @ 0.15 / cxr-edge")]
    # total, processor, search
    assert at_level.split()[7::3] == ["4.50x", "4.50x", "1.00x"]


def test_every_method_stands_against_the_first_and_against_itself_without_compression() -> None:
    rows = [
        row("cxr-edge", 0.0, 40.0),
        row("cxr-edge", 0.15, 20.0),
        row("cxr-edge", 0.0, 60.0, method="guided"),
        row("cxr-edge", 0.15, 15.0, method="guided"),
        row("torch", 0.15, 80.0),
    ]
    found = {(t.slower, t.faster): t.ratio.value for t in all_times(rows) if t.stage == "total"}
    assert found == {
        ("torch @ 0.15", "cxr-edge, select @ 0.15"): pytest.approx(4),
        ("cxr-edge, select @ 0", "cxr-edge, select @ 0.15"): pytest.approx(2),
        ("cxr-edge, guided @ 0", "cxr-edge, guided @ 0.15"): pytest.approx(4),
        ("cxr-edge, guided @ 0", "cxr-edge, select @ 0"): pytest.approx(1.5),
        ("cxr-edge, guided @ 0.15", "cxr-edge, select @ 0.15"): pytest.approx(0.75),
    }
    assert ours(list(reversed(rows)))[1] == "10.0 s", "the paper's seconds are of Select"
    assert ours(rows[2:])[1] == "7.5 s", "of another method where Select was not measured"


def ours(rows: list[Row]) -> list[str]:
    return [one.ours for one in claims(rows, "the sentences")]


def test_the_papers_claims() -> None:
    assert ours(ROWS) == [
        "44.0 times fewer",
        "10.0 s",
        "-50 % [-50, -50]",
        "-75 % [-75, -75]",
        "no reports to compare with",
    ]
    assert ours(ROWS[:1]) == ["not measured"] * 5


def test_a_figure_of_the_rules_is_never_set_against_the_papers_f1() -> None:
    rules = Score("label F1 (rules)", 0.4, 0.3, 0.5)
    without = (rules, Score("F1", None, None, None, "needs CheXbert"))
    scored = [replace(one, scores=without) for one in ROWS]
    assert ours(scored)[-1] == "needs CheXbert"
    text = report(["head"], scored, all_times(scored), claims(scored, "the sentences"))
    beside = next(line for line in text.splitlines() if line.startswith("F1 at 15 %"))
    assert ".329, .352" in beside
    assert "0.400" not in beside
    assert "0.400 [0.300, 0.500]" in text
    with_weights = (rules, Score("F1", 0.25, 0.2, 0.3))
    assert ours([replace(one, scores=with_weights) for one in ROWS])[-1] == "0.250"


def test_synthetic_rows_are_marked_and_have_no_quality() -> None:
    made_up = [replace(one, synthetic=True) for one in ROWS]
    assert ours(made_up)[-1] == "synthetic"
    text = report(["head"], made_up, [], claims(made_up, "the sentences"))
    assert "cxr-edge @ 0.15 synthetic" in text
    assert "not a measurement" in text
    assert "BLEU-2" not in text
