"""How long a study takes, every run of it: one distribution for each system and level."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from cxr_edge.benchmarks.claims.result import Row
from cxr_edge.benchmarks.pictures.canvas import (
    HEADLINE,
    SMALL,
    WIDTH,
    Picture,
    drawing,
    finish,
    headline,
    times_axis,
)
from cxr_edge.benchmarks.pictures.looks import BLACK, WHITE, Look, looks
from cxr_edge.benchmarks.pictures.rows import at, labels, milliseconds, percentile

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_ROW = 0.36
"""Inches of a row."""
_MARKS = ((50, "o"), (95, "^"), (99, "s"))
"""Percentiles and their markers."""


def latency(rows: Sequence[Row], name: str = "latency") -> Picture:
    """The share of runs that took at most so long (empirical distribution), a row for each system.

    The curve of a row climbs from its base line (no run) to its top (all runs), from the fastest
    run to the slowest; p50, p95 and p99 are marked on it.
    """
    names = labels(rows)
    series = looks(names)
    title = "Milliseconds from a study to its written report, every run"
    with drawing(name):
        from matplotlib.figure import Figure

        above, below = HEADLINE + 0.22, 0.5
        height = above + below + _ROW * len(rows)
        figure = Figure(figsize=(WIDTH, height))
        headline(figure, title)
        axes = figure.add_axes((0.285, below / height, 0.49, _ROW * len(rows) / height))
        everything = [value for row in rows for value in row.stages_ms["total"]]
        times_axis(axes, min(everything) / 1.25, max(everything) * 1.25)
        for number, row in enumerate(rows):
            _curve(axes, len(rows) - 1 - number, row, series[names[number]])
        axes.set_ylim(-0.12, len(rows) - 0.02)
        axes.set_yticks(
            [len(rows) - 1 - i + 0.38 for i in range(len(rows))],
            [f"{names[i]}, {at(row)}" for i, row in enumerate(rows)],
        )
        axes.tick_params(axis="y", length=0)
        axes.spines["left"].set_visible(False)
        axes.set_xlabel("milliseconds (logarithmic)")
        axes.text(
            1.03, 1, "p50 / p95 / p99, ms", transform=axes.transAxes, fontsize=SMALL, va="bottom"
        )
        _legend(axes)
        return finish(figure, name, title, _alt(rows, names), _caption(rows))


def _curve(axes: "Axes", base: int, row: Row, look: Look) -> None:
    values = np.sort(row.stages_ms["total"])
    share = np.arange(1, len(values) + 1) / len(values)
    x = np.concatenate([values[:1], values])
    y = base + 0.8 * np.concatenate([[0], share])
    axes.fill_between(
        x, base, y, step="post", facecolor=look.color, hatch=look.hatch, edgecolor=look.ink
    )
    axes.step(x, y, where="post", color=BLACK, linewidth=0.9, zorder=3)
    axes.vlines(values[-1], base, base + 0.8, color=BLACK, linewidth=0.9, zorder=3)
    axes.axhline(base, color="#999999", linewidth=0.4, zorder=1)
    for q, marker in _MARKS:
        axes.plot(
            percentile(row, q),
            base + 0.8 * q / 100,
            marker=marker,
            color=WHITE,
            markeredgecolor=BLACK,
            markersize=6.5 if q == 50 else 5,
            linestyle="none",
            zorder=4,
        )
    axes.text(
        1.03,
        base + 0.38,
        _three(row),
        transform=axes.get_yaxis_transform(),
        fontsize=SMALL,
        va="center",
    )


def _three(row: Row) -> str:
    return " / ".join(milliseconds(percentile(row, q)) for q, _ in _MARKS)


def _legend(axes: "Axes") -> None:
    for q, marker in _MARKS:
        axes.plot(
            [],
            [],
            marker=marker,
            color=WHITE,
            markeredgecolor=BLACK,
            markersize=5,
            linestyle="none",
            label=f"p{q}",
        )
    axes.legend(
        loc="lower left",
        bbox_to_anchor=(-0.02, 0.99),
        borderpad=0,
        ncols=3,
        frameon=False,
        handletextpad=0.1,
    )


def _alt(rows: Sequence[Row], names: list[str]) -> str:
    parts = [f"{names[i]}, {at(row)}: {_three(row)}" for i, row in enumerate(rows)]
    return f"p50 / p95 / p99 in milliseconds. {'; '.join(parts)}."


def _caption(rows: Sequence[Row]) -> str:
    counts = sorted({len(row.stages_ms["total"]) for row in rows})
    runs = f"{counts[0]}" if len(counts) == 1 else f"{counts[0]} to {counts[-1]}"
    text = (
        f"Each curve is the share of the {runs} runs that took at most so long, from the fastest "
        "to the slowest."
    )
    if counts[0] < 100:
        text += " With fewer than 100 runs, p99 is close to the slowest one."
    return text
