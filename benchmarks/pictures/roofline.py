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
from cxr_edge.benchmarks.record import RecordError

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_LEFT, _RIGHT = 0.085, 0.58
_CAPTION = (
    "Lines: rates of copying on the device and of {precision} matrix products, measured there. "
    "Points: of each network and batch the quickest of our engines, p50, in percent of what the "
    "lines allow. Operations and bytes (weights, inputs, outputs once) are counted from the graph."
)
_WORDS = {"fp16": "half-precision", "fp32": "single-precision"}
"""Precisions as the record names them; so end the names of the systems that run the graph whose
work was counted."""


@dataclass(frozen=True)
class Roof:
    """What a machine can do at most, as measured on it."""

    device: str
    bytes_per_second: float
    operations_per_second: float
    precision: str = "fp16"


@dataclass(frozen=True)
class Run:
    """A network at one batch: bytes and operations, counted, and the time, measured."""

    name: str
    system: str
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
    """The rates of a device, and the quickest engine of every network and batch.

    Args:
        record: as ``cxr-bench roofline`` writes it in single precision and ``benchmarks/gpu.sh``
            in half precision, or any other.

    Returns:
        None where bytes, operations or rates are not there.

    Raises:
        RecordError: they are there and damaged.
    """
    results = record["results"]
    try:
        rates = results.get("rates", {})
        if not rates.get("device") or not rates.get("operations"):
            return None
        precision = str(results.get("precision", "fp16"))
        if precision not in _WORDS:
            raise ValueError("an unknown precision")
        limits = float(rates["device"]), float(rates["operations"])
        roof = Roof(str(results["device"]), *limits, precision)
        runs = [
            run
            for name, network in results["networks"].items()
            for batch, work in network["work"].items()
            if (run := _quickest(name, network, batch, work, precision)) is not None
        ]
        figures = [roof.bytes_per_second, roof.operations_per_second]
        figures += [value for run in runs for value in (run.bytes, run.operations, run.ms)]
        if min(figures) <= 0:
            raise ValueError("a figure that is not positive")
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise RecordError(
            f"the rates or the work of a record are damaged ({type(error).__name__}: {error}); "
            "measure again with cxr-bench roofline or benchmarks/gpu.sh"
        ) from error
    return (roof, runs) if runs else None


def _quickest(
    name: str, network: Mapping[str, Any], batch: str, work: Mapping[str, Any], precision: str
) -> Run | None:
    """None where no engine ran the batch in this precision."""
    times = {
        system: float(row["batches"][batch]["p50"])
        for system, row in network["engines"].items()
        if system.endswith(f" {precision}")
        and not system.startswith("torch")
        and batch in row.get("batches", {})
    }
    if not times:
        return None
    system = min(times, key=lambda one: times[one])
    moved, done = float(work["bytes"]), float(work["operations"])
    return Run(name, system.removesuffix(f" {precision}"), int(batch), moved, done, times[system])


def roofline(roof: Roof, runs: Sequence[Run], name: str = "roofline") -> Picture:
    """The roof, and a point for each network and batch with the share of the roof it reaches."""
    series = looks(run.name for run in runs)
    with drawing(name):
        from matplotlib.figure import Figure

        tall = max(2.6, LINE * len(runs) + 0.3)
        height = tall + 0.55 + HEADLINE
        figure = Figure(figsize=(WIDTH, height))
        title = f"Roofline of {roof.device}, {_WORDS[roof.precision].replace('-', ' ')}"
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
        caption = _CAPTION.format(precision=_WORDS[roof.precision])
        alt = "; ".join(_name(run, roof) for run in runs)
        return finish(figure, name, title, f"Share of the roof: {alt}.", caption)


def _unit(roof: Roof) -> tuple[float, str]:
    return (1e12, "T") if roof.operations_per_second >= 1e12 else (1e9, "G")


def _roof(axes: "Axes", roof: Roof, runs: Sequence[Run]) -> None:
    """The two limits, over all intensities that are drawn."""
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

    unit, letter = _unit(roof)
    ridge = roof.operations_per_second / roof.bytes_per_second
    left = min(ridge, *(run.intensity for run in runs)) / 3
    right = max(ridge, *(run.intensity for run in runs)) * 3
    top, slope = roof.operations_per_second / unit, roof.bytes_per_second / unit
    axes.set(xscale="log", yscale="log", xlim=(left, right))
    axes.set_ylim(min(left * slope, *(run.rate / unit / 2 for run in runs)), top * 2.5)
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
        axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        axis.set_minor_formatter(NullFormatter())
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
    return f"{run.name}, batch {run.batch}, {run.system}: {100 * run.share(roof):.0f} %"
