"""Panels of time against F1, the name and the figures of each point in a table beside them."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import sqrt
from typing import TYPE_CHECKING

from cxr_edge.benchmarks.claims.comparing import STUDIES
from cxr_edge.benchmarks.pictures.canvas import (
    BESIDE,
    HEADLINE,
    LINE,
    WIDTH,
    headline,
    point_to,
    spread,
    times_axis,
)
from cxr_edge.benchmarks.pictures.looks import BLACK, PAPER, Look

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

TIME = f"seconds for {STUDIES} studies (logarithmic)"
SMALLEST = 5.0
"""Diameter in points below which no bubble is drawn."""
_LARGEST = 26.0
_LEFT, _GAP = 0.68, 0.19
"""Inches from the edge to a panel, and from there to what stands beside it."""
_HEADS = {
    True: ("level", "F1 (95 % interval)", "seconds", "sentences"),
    False: ("method", "F1 (95 % interval)", "seconds"),
}
"""What stands beside a panel of bubbles, and of points."""
_LETTER, _WIDTHS = 0.064, (1.3, 0.55, 0.62)
"""Inches a letter of the first column takes on average, and of the other columns."""


@dataclass(frozen=True)
class Spot:
    """A point of a panel: ``seconds`` or ``f1`` is None where it is not known."""

    label: str
    seconds: float | None
    f1: float | None
    look: Look
    low: float | None = None
    high: float | None = None
    sentences: int | None = None


@dataclass(frozen=True)
class Panel:
    """Points over common axes; ``metric`` is what their F1 is."""

    title: str
    metric: str
    spots: Sequence[Spot]


def panels_figure(title: str, panels: Sequence[Panel], bubbles: bool) -> "Figure":
    """Panels above each other with one scale of time.

    Args:
        title: of the figure.
        panels: from the top.
        bubbles: points have the size of their corpus, and it stands beside them.
    """
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
            axes.set_xlabel(TIME)
        top -= tall + between
    return figure


def _columns(panels: Sequence[Panel], bubbles: bool) -> list[float]:
    """Where the columns beside the panels begin, in inches from the panels, and where they end."""
    longest = max(len(spot.label) for panel in panels for spot in panel.spots)
    places = [_GAP, _GAP + max(longest * _LETTER + 0.1, 0.5)]
    for width in _WIDTHS[: len(_HEADS[bubbles]) - 1]:
        places.append(places[-1] + width)
    return places


def _panel(axes: "Axes", panel: Panel, bubbles: bool, tall: float) -> None:
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


def _placed(axes: "Axes", panel: Panel, tall: float) -> list[tuple[Spot, float]]:
    """The points, each with the height of its name as a part of the panel's."""
    low, high = axes.get_ylim()
    # Of points of the same height the one on the left has the upper name: fewer lines cross.
    spots = sorted(panel.spots, key=lambda spot: spot.seconds or float("inf"))
    wishes = [0.12 if spot.f1 is None else (spot.f1 - low) / (high - low) for spot in spots]
    places = spread(wishes, LINE / tall)
    over = max(0.0, max(places) - 0.97)
    return [(spot, place - over) for spot, place in zip(spots, places, strict=True)]


def _write_beside(
    axes: "Axes", panel: Panel, bubbles: bool, tall: float, columns: Sequence[float]
) -> None:
    """The figures of a panel as a table on its right, each row at the height of its point."""
    rows = [(_HEADS[bubbles], 1 + 0.11 / tall)]
    rows += [(_cells(spot, bubbles), place) for spot, place in _placed(axes, panel, tall)]
    for cells, place in rows:
        for column, cell in zip(columns, cells, strict=True):
            axes.text(column, place, cell, **BESIDE, transform=axes.transAxes)


def _diameter(spot: Spot, largest: int) -> float:
    if not spot.sentences:
        return 0.0
    return max(_LARGEST * sqrt(spot.sentences / largest), SMALLEST)


def _spot(axes: "Axes", spot: Spot, diameter: float, place: float) -> None:
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


def in_words(panel: Panel, bubbles: bool) -> str:
    """All that a panel shows, for a reader who cannot see it."""
    points = [
        ", ".join([spot.label, *(f"{word} {cell}" for word, cell in _told(spot, bubbles))])
        for spot in panel.spots
    ]
    return f"{panel.title}, {panel.metric} and {TIME}: {'; '.join(points)}."


def _told(spot: Spot, bubbles: bool) -> list[tuple[str, str]]:
    return list(zip(_HEADS[bubbles], _cells(spot, bubbles), strict=True))[1:]


def _cells(spot: Spot, bubbles: bool) -> tuple[str, ...]:
    """The row of a point beside its panel; a dash for what is not known."""
    f1 = "–" if spot.f1 is None else f"{spot.f1:.3f}"
    if spot.low is not None and spot.high is not None:
        f1 += f" ({spot.low:.3f}–{spot.high:.3f})"
    time = "–" if spot.seconds is None else _seconds(spot.seconds)
    size = (f"{spot.sentences:,}" if spot.sentences else "–",) if bubbles else ()
    return (spot.label, f1, time, *size)


def _seconds(value: float) -> str:
    return f"{value:.0f}" if value >= 20 else f"{value:.1f}"
