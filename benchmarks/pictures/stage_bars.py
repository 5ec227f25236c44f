"""Where the time of a study goes: stacked bars of the stages, for each system and level."""

from collections.abc import Sequence
from itertools import pairwise
from math import ceil
from typing import TYPE_CHECKING

from cxr_edge.benchmarks.claims.result import Row
from cxr_edge.benchmarks.pictures.canvas import (
    HEADLINE,
    SMALL,
    WIDTH,
    Picture,
    drawing,
    finish,
    headline,
)
from cxr_edge.benchmarks.pictures.looks import NOT_SPLIT, STAGE_LOOKS, Look
from cxr_edge.benchmarks.pictures.rows import at, labels, mean, milliseconds

if TYPE_CHECKING:
    from matplotlib.artist import Artist
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_ROW = 0.3
_ZOOM = 6.0
"""From this ratio of the longest to the shortest bar on, a second panel shows the short ones."""
_REST = "the rest"
_UNSPLIT = 0.02
"""Share of a total below which what its stages leave over is the clock's, and not drawn."""


def stage_bars(rows: Sequence[Row], name: str = "stages") -> Picture:
    """Mean milliseconds of every stage. Lengths add up, so the axis is linear.

    Where bars differ too much for one scale, a second panel shows the beginning of all of them.
    """
    names = labels(rows)
    title = "Milliseconds of every stage of a study"
    totals = [mean(row) for row in rows]
    ends = [max(totals) * 1.02]
    if max(totals) > _ZOOM * min(totals):
        ends.append(_second(totals))
    with drawing(name):
        from matplotlib.figure import Figure

        above, below = HEADLINE + 0.55, 0.5
        height = above + below + _ROW * len(rows)
        figure = Figure(figsize=(WIDTH, height))
        headline(figure, title)
        left, right, gap = 0.285, 0.9, 0.11
        wide = (right - left - gap * (len(ends) - 1)) / len(ends)
        for number, end in enumerate(ends):
            place = (left + number * (wide + gap), below / height, wide, _ROW * len(rows) / height)
            axes = figure.add_axes(place)
            _bars(axes, rows, end)
            axes.set_title("whole" if number == 0 else f"the first {end:.0f} ms", loc="left")
            if len(ends) == 1:
                axes.set_title("")
            axes.set_xlabel("milliseconds, mean")
            axes.set_yticks(
                [len(rows) - 1 - i for i in range(len(rows))],
                [f"{names[i]}, {at(row)}" for i, row in enumerate(rows)]
                if number == 0
                else [""] * len(rows),
            )
            axes.tick_params(axis="y", length=0)
        _legend(figure, height, rows)
        return finish(figure, name, title, _alt(rows, names), _caption(len(ends) > 1))


def _second(totals: Sequence[float]) -> float:
    """Where the second panel ends: past the bar before the widest gap, as a ratio, between two."""
    ordered = sorted(totals)
    gaps = [longer / shorter for shorter, longer in pairwise(ordered)]
    return float(ceil(ordered[gaps.index(max(gaps))] * 1.1))


def _parts(row: Row) -> list[tuple[str, Look, float]]:
    """Stages with their mean ms, and what the total has beyond them."""
    parts = [
        (stage, look, mean(row, stage))
        for stage, look in STAGE_LOOKS.items()
        if stage in row.stages_ms
    ]
    rest = mean(row) - sum(value for *_, value in parts)
    if rest > _UNSPLIT * mean(row):
        parts.append((_REST, NOT_SPLIT, rest))
    return parts


def _bars(axes: "Axes", rows: Sequence[Row], end: float) -> None:
    axes.set_xlim(0, end)
    axes.set_ylim(-0.6, len(rows) - 0.4)
    axes.grid(axis="x", color="#cccccc", linewidth=0.5)
    for number, row in enumerate(rows):
        place, begin = len(rows) - 1 - number, 0.0
        for _, look, value in _parts(row):
            axes.barh(
                place,
                value,
                left=begin,
                height=0.66,
                color=look.color,
                hatch=look.hatch,
                edgecolor=look.ink,
                linewidth=0.6,
            )
            begin += value
        # Outlines of dark parts are white, to part them; the bar as a whole has a black one.
        axes.barh(place, begin, height=0.66, fill=False, edgecolor="#000000", linewidth=0.6)
        over = begin > end
        axes.text(
            1.01 if over else begin / end + 0.01,
            place,
            f"{milliseconds(begin)}{' →' if over else ''}",
            transform=axes.get_yaxis_transform(),
            va="center",
            fontsize=SMALL,
        )


def _legend(figure: "Figure", height: float, rows: Sequence[Row]) -> None:
    from matplotlib.patches import Patch

    used = {name: look for row in rows for name, look, _ in _parts(row)}
    order = [name for name in (*STAGE_LOOKS, _REST) if name in used]
    patches: list[Artist] = []
    for name in order:
        look = used[name]
        patch = Patch(facecolor=look.color, hatch=look.hatch, edgecolor=look.ink, label=name)
        patches.append(patch)
    figure.legend(
        handles=patches,
        loc="upper left",
        bbox_to_anchor=(0.0, 1 - 0.27 / height),
        ncols=len(patches),
        frameon=False,
        columnspacing=1.4,
        handlelength=2.4,
        handleheight=1.1,
    )


def _alt(rows: Sequence[Row], names: list[str]) -> str:
    bars = []
    for number, row in enumerate(rows):
        parts = ", ".join(f"{name} {milliseconds(value)}" for name, _, value in _parts(row))
        bars.append(f"{names[number]}, {at(row)}: {parts}, total {milliseconds(mean(row))}")
    return f"Mean milliseconds. {'; '.join(bars)}."


def _caption(zoomed: bool) -> str:
    text = (
        "Means, because they add up; medians are in the table. read: the file, decoded; "
        "preprocess: to the encoder's input; write: the draft, to a file; the rest: what a system "
        "does between them or does not tell apart."
    )
    if zoomed:
        text += " The second panel shows the beginning of the same bars; an arrow: it goes on."
    return text
