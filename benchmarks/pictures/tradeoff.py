"""Figures 3 and 4 of CXR-RePaiR from our measurements, the paper's points beside them.

Both set the runtime of 500 studies against F1; in figure 3 a bubble is a level of compression and
its area the size of the corpus, in figure 4 a point is a method. Where our F1 is ``label F1
(rules)`` it has a panel of its own: a rule labeler and CheXbert count different things, so that the
heights of the two panels must not be compared, and only the time axis is common.
"""

from collections.abc import Sequence
from textwrap import shorten

from cxr_edge.benchmarks.claims.comparing import RECOMMENDED, STUDIES, seconds
from cxr_edge.benchmarks.claims.result import OURS, Row
from cxr_edge.benchmarks.pictures import paper
from cxr_edge.benchmarks.pictures.canvas import Picture, drawing, finish
from cxr_edge.benchmarks.pictures.looks import PAPER, looks
from cxr_edge.benchmarks.pictures.points import SMALLEST, Panel, Spot, in_words, panels_figure
from cxr_edge.benchmarks.pictures.rows import CHEXBERT_F1, labels, percent
from cxr_edge.benchmarks.quality.scores import RULES_F1, Score

_LONGEST = 60
"""Letters of the studies' description that a panel has room for."""


def levels(rows: Sequence[Row], data: str, name: str = "figure-3") -> Picture | None:
    """Figure 3: runtime against F1, one bubble for each level of our system.

    Args:
        rows: of a record.
        data: what the studies are, in words.
        name: of the picture.

    Returns:
        None where no level has a quality to show.
    """
    ours = [row for row in rows if row.system == OURS]
    several = len({row.method for row in ours}) > 1
    spots = _spots(
        [
            (f"{row.method}, {percent(row.level)}" if several else percent(row.level), row)
            for row in sorted(ours, key=lambda row: (row.method, row.level))
        ],
        {row.method: f"{OURS}, {row.method}" if several else OURS for row in ours},
        rows,
    )
    return _draw(name, "Runtime against F1 at every level of compression", spots, data, True)


def methods(rows: Sequence[Row], data: str, name: str = "figure-4") -> Picture | None:
    """Figure 4: runtime against F1, one point for each system and method at one level.

    The level is the paper's 15 %, or the one nearest to it that was measured; systems that write
    their own sentences have none.
    """
    indexed = [row.level for row in rows if row.rows]
    level = min(indexed, key=lambda one: abs(one - RECOMMENDED), default=0.0)
    chosen = [row for row in rows if row.level == level or not row.rows]
    named = list(zip(labels(chosen), chosen, strict=True))
    spots = _spots(named, {}, rows)
    title = f"Runtime against F1 of every method at {percent(level)} compression"
    return _draw(name, title, spots, data, False)


def _spots(
    named: Sequence[tuple[str, Row]],
    kinds: dict[str, str],
    rows: Sequence[Row],
) -> tuple[str, list[Spot]]:
    """The metric that all rows have, CheXbert's before the rules', and the points under it."""
    known = {id(row): _known(row, rows) for _, row in named if not row.synthetic}
    metric = CHEXBERT_F1
    if not any(metric in scores for scores in known.values()):
        metric = RULES_F1
    shown = [(label, row) for label, row in named if metric in known.get(id(row), {})]
    series = looks(kinds.get(row.method, label) for label, row in shown)
    spots = []
    for label, row in shown:
        score = known[id(row)][metric]
        spots.append(
            Spot(
                label,
                seconds(row),
                score.value,
                series[kinds.get(row.method, label)],
                score.low,
                score.high,
                row.rows,
            )
        )
    return metric, spots


def _known(row: Row, rows: Sequence[Row]) -> dict[str, Score]:
    """Scores with a value; a baseline that drafts our very sentences has the scores of ours."""
    found = {one.name: one for one in row.scores if one.value is not None}
    if not found and row.agreement == 1:
        for other in rows:
            if (other.system, other.method, other.level) == (OURS, row.method, row.level):
                return {one.name: one for one in other.scores if one.value is not None}
    return found


def _draw(
    name: str, title: str, measured: tuple[str, list[Spot]], data: str, bubbles: bool
) -> Picture | None:
    metric, ours = measured
    if not ours:
        return None
    data = shorten(data, _LONGEST, placeholder=" …")
    points = paper.LEVELS if bubbles else paper.METHODS
    theirs = [Spot(p.label, p.seconds, p.f1, PAPER, None, None, p.sentences) for p in points]
    if metric == CHEXBERT_F1:
        together = f"measured here ({data}) and the paper's (stars)"
        panels = [Panel(together, "F1 (CheXbert)", [*theirs, *ours])]
    else:
        panels = [
            Panel(f"{paper.NAME}: CheXpert test, one Titan X", "F1 (CheXbert)", theirs),
            Panel(f"measured here: {data}", RULES_F1, ours),
        ]
    alt = " ".join(in_words(panel, bubbles) for panel in panels)
    with drawing(name):
        figure = panels_figure(title, panels, bubbles)
        return finish(figure, name, title, alt, _caption(metric, bubbles))


def _caption(metric: str, bubbles: bool) -> str:
    parts = []
    if metric == RULES_F1:
        parts.append(
            "Two panels because the two F1 are not the same quantity: the paper's counts "
            "CheXbert's labels, ours those of our rule labeler, on other studies; compare "
            "positions along the common time axis only."
        )
    if bubbles:
        parts.append(
            "The area of a bubble is in proportion to the number of sentences, within one panel; "
            f"none is drawn smaller than {SMALLEST:g} points across. The paper gives no F1 for "
            "the corpus that is not compressed, hence the broken line."
        )
    else:
        parts.append(
            "Points on the right edge have an F1 in the paper and no time; that its best "
            "generative model is M2 Trans, the one with the best F1, is our reading."
        )
    parts.append(
        f"Our seconds are {STUDIES} times the mean of all runs, from the path of a study to the "
        "written report. The paper's 42 s are printed there, 120 s and 140 s computed from its "
        "percentages."
    )
    return " ".join(parts)
