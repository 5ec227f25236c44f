"""Figures 3 and 4 of CXR-RePaiR from our measurements, the paper's points beside them.

Both set the runtime of 500 studies against F1; in figure 3 a bubble is a level of compression and
its area the size of the corpus, in figure 4 a point is a method. Where our F1 is ``label F1
(rules)`` it has a panel of its own: a rule labeler and CheXbert count different things, so that the
heights of the two panels must not be compared, and only the time axis is common.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import sqrt
from typing import TYPE_CHECKING

from cxr_edge.benchmarks.claims.comparing import RECOMMENDED, STUDIES, seconds
from cxr_edge.benchmarks.claims.result import OURS, Row
from cxr_edge.benchmarks.pictures import paper
from cxr_edge.benchmarks.pictures.canvas import (
    BESIDE,
    HEADLINE,
    LINE,
    WIDTH,
    Picture,
    drawing,
    finish,
    headline,
    point_to,
    spread,
    times_axis,
)
from cxr_edge.benchmarks.pictures.looks import BLACK, PAPER, Look, looks
from cxr_edge.benchmarks.pictures.rows import CHEXBERT_F1, labels, percent
from cxr_edge.benchmarks.quality.scores import RULES_F1, Score

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_LEFT, _GAP = 0.68, 0.19
"""Inches from the edge to a panel, and from there to what stands beside it."""
_HEADS = {
    True: ("level", "F1 (95 % interval)", "seconds", "sentences"),
    False: ("method", "F1 (95 % interval)", "seconds"),
}
_LETTER, _WIDTHS = 0.064, (1.3, 0.55, 0.62)
"""Inches a letter of the first column takes on average, and of the other columns."""
_LARGEST, _SMALLEST = 26.0, 5.0
"""Diameters of bubbles in points."""
_HEADS = {
    True: ("level", "F1 (95 % interval)", "seconds", "sentences"),
    False: ("method", "F1 (95 % interval)", "seconds"),
}
_COLUMNS = {True: (1.06, 1.38, 1.79, 1.98), False: (1.06, 1.6, 2.01)}
"""What stands beside a panel, in widths of it: of bubbles, and of points."""
_TIME = f"seconds for {STUDIES} studies (logarithmic)"


@dataclass(frozen=True)
class _Spot:
    """A point of a panel: ``seconds`` or ``f1`` is None where it is not known."""

    label: str
    seconds: float | None
    f1: float | None
    look: Look
    low: float | None = None
    high: float | None = None
    sentences: int | None = None


@dataclass(frozen=True)
class _Panel:
    title: str
    metric: str
    spots: Sequence[_Spot]


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
) -> tuple[str, list[_Spot]]:
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
            _Spot(
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
    name: str, title: str, measured: tuple[str, list[_Spot]], data: str, bubbles: bool
) -> Picture | None:
    metric, ours = measured
    if not ours:
        return None
    points = paper.LEVELS if bubbles else paper.METHODS
    theirs = [_Spot(p.label, p.seconds, p.f1, PAPER, None, None, p.sentences) for p in points]
    if metric == CHEXBERT_F1:
        together = f"measured here ({data}) and the paper's (stars)"
        panels = [_Panel(together, "F1 (CheXbert)", [*theirs, *ours])]
    else:
        panels = [
            _Panel(f"{paper.NAME}: CheXpert test, one Titan X", "F1 (CheXbert)", theirs),
            _Panel(f"measured here: {data}", RULES_F1, ours),
        ]
    with drawing(name):
        svg = _figure(
            name, title, panels, bubbles, _alt(panels, bubbles), _caption(metric, bubbles)
        )
    return svg


def _figure(
    name: str, title: str, panels: Sequence[_Panel], bubbles: bool, alt: str, caption: str
) -> Picture:
    from matplotlib.figure import Figure

    heights = [max(1.5, LINE * (len(panel.spots) + 1)) for panel in panels]
    above, below, between = HEADLINE + 0.42, 0.5, 0.75
    columns = _columns(panels, bubbles)
    wide = WIDTH - _LEFT - columns[-1]
    height = above + below + sum(heights) + between * (len(panels) - 1)
    figure = Figure(figsize=(WIDTH, height))
    headline(figure, title)
    times = [s.seconds for panel in panels for s in panel.spots if s.seconds is not None]
    low, high = min(times) / 1.6, max(times) * 1.6
    top = height - above
    for number, (panel, tall) in enumerate(zip(panels, heights, strict=True)):
        place = (_LEFT / WIDTH, (top - tall) / height, wide / WIDTH, tall / height)
        axes = figure.add_axes(place)
        times_axis(axes, low, high)
        _panel(axes, panel, bubbles, tall)
        _write_beside(axes, panel, bubbles, tall, [1 + column / wide for column in columns[:-1]])
        if number == len(panels) - 1:
            axes.set_xlabel(_TIME)
        top -= tall + between
    return finish(figure, name, title, alt, caption)


def _columns(panels: Sequence[_Panel], bubbles: bool) -> list[float]:
    """Where the columns beside the panels begin, in inches from the panels, and where they end."""
    longest = max(len(spot.label) for panel in panels for spot in panel.spots)
    places = [_GAP, _GAP + max(longest * _LETTER + 0.1, 0.5)]
    for width in _WIDTHS[: len(_HEADS[bubbles]) - 1]:
        places.append(places[-1] + width)
    return places


def _panel(axes: "Axes", panel: _Panel, bubbles: bool, tall: float) -> None:
    """The axes of a panel and its points, with a line from each to its name."""
    from matplotlib.ticker import MaxNLocator
    from matplotlib.transforms import blended_transform_factory

    axes.set_title(panel.title, loc="left", pad=17)
    axes.set_ylabel(panel.metric)
    within = blended_transform_factory(axes.figure.transFigure, axes.transAxes)
    axes.yaxis.set_label_coords(0.19 / WIDTH, 0.5, within)
    axes.yaxis.set_major_locator(MaxNLocator(nbins=5))
    ends = [
        value
        for spot in panel.spots
        for value in ((spot.f1,) if bubbles else (spot.f1, spot.low, spot.high))
        if value is not None
    ]
    pad = 0.22 * (max(ends) - min(ends)) or 0.05
    axes.set_ylim(min(ends) - pad, max(ends) + pad)
    axes.grid(axis="y", color="#e4e4e4", linewidth=0.5)
    largest = max(spot.sentences or 0 for spot in panel.spots if spot.f1 is not None)
    for spot, place in _placed(axes, panel, tall):
        _spot(axes, spot, _diameter(spot, largest) if bubbles else 0.0, place)


def _placed(axes: "Axes", panel: _Panel, tall: float) -> list[tuple[_Spot, float]]:
    """The points, each with the height of its name as a part of the panel's."""
    low, high = axes.get_ylim()
    # Of points of the same height the one on the left has the upper name: fewer lines cross.
    spots = sorted(panel.spots, key=lambda spot: spot.seconds or float("inf"))
    wishes = [0.12 if spot.f1 is None else (spot.f1 - low) / (high - low) for spot in spots]
    places = spread(wishes, LINE / tall)
    over = max(0.0, max(places) - 0.97)
    return [(spot, place - over) for spot, place in zip(spots, places, strict=True)]


def _write_beside(
    axes: "Axes", panel: _Panel, bubbles: bool, tall: float, columns: Sequence[float]
) -> None:
    """The figures of a panel as a table on its right, each row at the height of its point."""
    rows = [(_HEADS[bubbles], 1 + 0.11 / tall)]
    rows += [(_cells(spot, bubbles), place) for spot, place in _placed(axes, panel, tall)]
    for cells, place in rows:
        for column, cell in zip(columns, cells, strict=True):
            axes.text(column, place, cell, **BESIDE, transform=axes.transAxes)


def _diameter(spot: _Spot, largest: int) -> float:
    if not spot.sentences:
        return 0.0
    return max(_LARGEST * sqrt(spot.sentences / largest), _SMALLEST)


def _spot(axes: "Axes", spot: _Spot, diameter: float, place: float) -> None:
    """Draw one point, and a line to the ``place`` of its name."""
    if spot.f1 is None:
        assert spot.seconds is not None
        axes.axvline(spot.seconds, color=BLACK, linewidth=0.9, linestyle=(0, (5, 3)))
        point_to(axes, (spot.seconds, place), place, axes.get_xaxis_transform())
        return
    at = (1.0, spot.f1) if spot.seconds is None else (spot.seconds, spot.f1)
    within = axes.get_yaxis_transform() if spot.seconds is None else axes.transData
    if diameter:
        axes.scatter(
            *at, s=diameter**2, facecolor=f"{spot.look.color}40", edgecolor=BLACK, zorder=3
        )
    elif spot.low is not None and spot.high is not None:
        axes.plot([at[0]] * 2, [spot.low, spot.high], color=BLACK, linewidth=0.8, zorder=2)
    axes.plot(
        *at,
        marker=spot.look.marker,
        color=spot.look.color,
        markeredgecolor=BLACK,
        markersize=10 if spot.look is PAPER else (4 if diameter else 7),
        markeredgewidth=0.8,
        linestyle="none",
        transform=within,
        clip_on=False,
        zorder=4,
    )
    point_to(axes, at, place, within)


def _cells(spot: _Spot, bubbles: bool) -> tuple[str, ...]:
    """The row of a point beside its panel; a dash for what is not known."""
    f1 = "–" if spot.f1 is None else f"{spot.f1:.3f}"
    if spot.low is not None and spot.high is not None:
        f1 += f" ({spot.low:.3f}–{spot.high:.3f})"
    time = "–" if spot.seconds is None else _seconds(spot.seconds)
    size = (f"{spot.sentences:,}" if spot.sentences else "–",) if bubbles else ()
    return (spot.label, f1, time, *size)


def _seconds(value: float) -> str:
    return f"{value:.0f}" if value >= 20 else f"{value:.1f}"


def _alt(panels: Sequence[_Panel], bubbles: bool) -> str:
    sentences = []
    for panel in panels:
        points = "; ".join(
            ", ".join(
                f"{word} {cell}" if number else cell
                for number, (word, cell) in enumerate(
                    zip(_HEADS[bubbles], _cells(spot, bubbles), strict=True)
                )
            )
            for spot in panel.spots
        )
        sentences.append(f"{panel.title}, {panel.metric} and {_TIME}: {points}.")
    return " ".join(sentences)


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
            f"none is drawn smaller than {_SMALLEST:g} points across. The paper gives no F1 for "
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
