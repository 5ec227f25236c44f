"""The roofline of a machine (Williams, Waterman, Patterson 2009) and our networks under it.

Operations a second over operations a byte: a network cannot be above the slanted line, which is
the measured rate of copying, nor above the level one, the measured rate of matrix products.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import log
from typing import TYPE_CHECKING, Any

from cxr_edge.benchmarks.pictures.canvas import (
    BESIDE,
    HEADLINE,
    LINE,
    SMALL,
    WIDTH,
    Picture,
    drawing,
    finish,
    headline,
    point_to,
    spread,
)
from cxr_edge.benchmarks.pictures.looks import BLACK, Look, looks
from cxr_edge.errors import CxrEdgeError

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_LEFT, _RIGHT = 0.085, 0.6


@dataclass(frozen=True)
class Roof:
    """What a machine can do at most, as measured on it."""

    device: str
    precision: str
    bytes_per_second: float
    operations_per_second: float


@dataclass(frozen=True)
class Run:
    """A network at one batch: bytes and operations, counted, and the time, measured."""

    name: str
    batch: int
    bytes: float
    operations: float
    ms: float

    @property
    def intensity(self) -> float:
        """Operations a byte."""
        return self.operations / self.bytes

    @property
    def rate(self) -> float:
        """Operations a second."""
        return self.operations / self.ms * 1e3

    def share(self, roof: Roof) -> float:
        """Part of what the roof allows at this intensity, 0 to 1."""
        return self.rate / min(roof.operations_per_second, self.intensity * roof.bytes_per_second)


def read_roofline(record: Mapping[str, Any]) -> tuple[Roof, list[Run]] | None:
    """The ``roofline`` of a record's results; None where bytes, operations or rates are not there.

    Raises:
        CxrEdgeError: it is there and damaged.
    """
    results = record.get("results")
    found = results.get("roofline") if isinstance(results, Mapping) else None
    if not found:
        return None
    try:
        roof = Roof(
            str(found["device"]),
            str(found["precision"]),
            float(found["bytes_per_second"]),
            float(found["operations_per_second"]),
        )
        runs = [
            Run(
                str(one["name"]),
                int(one["batch"]),
                float(one["bytes"]),
                float(one["operations"]),
                float(one["ms"]),
            )
            for one in found["points"]
        ]
    except (KeyError, TypeError, ValueError) as error:
        raise CxrEdgeError(
            f"the roofline of a record is damaged ({type(error).__name__}: {error}); "
            "measure again with benchmarks/gpu.sh"
        ) from error
    figures = [roof.bytes_per_second, roof.operations_per_second]
    figures += [value for run in runs for value in (run.bytes, run.operations, run.ms)]
    if min(figures) <= 0:
        raise CxrEdgeError(
            "the roofline of a record holds a figure that is not positive; "
            "measure again with benchmarks/gpu.sh"
        )
    return (roof, runs) if runs else None


def roofline(roof: Roof, runs: Sequence[Run], name: str = "roofline") -> Picture:
    """The roof, and a point for each network and batch with the share of the roof it reaches."""
    series = looks(run.name for run in runs)
    with drawing(name):
        from matplotlib.figure import Figure

        tall = max(2.6, LINE * len(runs) + 0.3)
        height = tall + 0.55 + HEADLINE
        figure = Figure(figsize=(WIDTH, height))
        title = f"Roofline of {roof.device}, {roof.precision}"
        headline(figure, title)
        axes = figure.add_axes((_LEFT, 0.5 / height, _RIGHT - _LEFT, tall / height))
        unit, letter = _unit(roof)
        _roof(axes, roof, runs)
        axes.set_xlabel("operations a byte (logarithmic)")
        axes.set_ylabel(f"{letter}op/s (logarithmic)")
        low, high = axes.get_ylim()
        wishes = [log(run.rate / unit / low) / log(high / low) for run in runs]
        for run, place in zip(runs, spread(wishes, LINE / tall), strict=True):
            _point(axes, series[run.name], run.intensity, run.rate / unit)
            point_to(axes, (run.intensity, run.rate / unit), place)
            axes.text(1.05, place, _name(run, roof), **BESIDE, transform=axes.transAxes)
        alt = "; ".join(_name(run, roof) for run in runs)
        return finish(figure, name, title, f"Share of the roof: {alt}.", _caption(roof))


def _unit(roof: Roof) -> tuple[float, str]:
    return (1e12, "T") if roof.operations_per_second >= 1e12 else (1e9, "G")


def _roof(axes: "Axes", roof: Roof, runs: Sequence[Run]) -> None:
    """The two limits, over all intensities that are drawn."""
    from matplotlib.ticker import FuncFormatter

    unit, letter = _unit(roof)
    ridge = roof.operations_per_second / roof.bytes_per_second
    left = min(ridge, *(run.intensity for run in runs)) / 3
    right = max(ridge, *(run.intensity for run in runs)) * 3
    top, slope = roof.operations_per_second / unit, roof.bytes_per_second / unit
    axes.set(xscale="log", yscale="log", xlim=(left, right))
    axes.set_ylim(min(left * slope, *(run.rate / unit / 2 for run in runs)), top * 2.5)
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.plot([left, ridge, right], [left * slope, top, top], color=BLACK, linewidth=1.4)
    axes.text(ridge, top * 1.15, f"{top:,.3g} {letter}op/s", fontsize=SMALL)
    middle = left**0.75 * ridge**0.25
    copying = f"  {roof.bytes_per_second / 1e9:,.0f} GB/s"
    axes.text(middle, middle * slope, copying, fontsize=SMALL, va="top")
    axes.grid(color="#dddddd", linewidth=0.5)


def _point(axes: "Axes", look: Look, intensity: float, rate: float) -> None:
    axes.plot(
        intensity,
        rate,
        marker=look.marker,
        color=look.color,
        markeredgecolor=BLACK,
        markersize=7,
        linestyle="none",
        zorder=4,
    )


def _name(run: Run, roof: Roof) -> str:
    return f"{run.name}, batch {run.batch}: {100 * run.share(roof):.0f} % of the roof"


def _caption(roof: Roof) -> str:
    return (
        f"Lines: rates of copying and of {roof.precision} matrix products measured on this device. "
        "Points: operations and bytes are counted from the network, the time is measured."
    )
