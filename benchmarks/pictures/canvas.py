"""How a picture is drawn and written: sizes, text, files that are the same for the same figures."""

import io
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from xml.sax.saxutils import escape

from cxr_edge.errors import CxrEdgeError

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.transforms import Transform

WIDTH = 7.0
"""Inches of every picture: a page of A4 or letter less its margins, so that print is at 100 %."""
SMALL, NORMAL = 8, 9
"""Points of the smallest and of the usual text."""
PNG_DPI = 200
HEADLINE = 0.34
LINE = 0.165
"""Inches of a title and of a line of small text."""


def require_matplotlib() -> None:
    """Say in one line what is missing.

    Raises:
        CxrEdgeError: matplotlib is not installed.
    """
    try:
        import matplotlib  # noqa: F401
    except ImportError as error:
        raise CxrEdgeError(
            "pictures need matplotlib, which is not installed; pip install 'cxr-edge[bench]'"
        ) from error


@contextmanager
def drawing(name: str) -> Iterator[None]:
    """The settings under which a picture is drawn and written; ``name`` seeds its identifiers."""
    import matplotlib

    settings = {
        "font.family": "DejaVu Sans",  # the one font every matplotlib brings
        "font.size": NORMAL,
        "axes.titlesize": NORMAL,
        "axes.labelsize": NORMAL,
        "xtick.labelsize": SMALL,
        "ytick.labelsize": SMALL,
        "legend.fontsize": SMALL,
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.axisbelow": True,
        "hatch.linewidth": 0.6,
        "svg.fonttype": "none",  # text stays text: it can be searched, read aloud and copied
        "svg.hashsalt": name,
        "path.simplify": False,
    }
    with matplotlib.rc_context(settings):  # type: ignore[arg-type]
        yield


@dataclass(frozen=True)
class Picture:
    """A finished picture.

    Attributes:
        name: of its files, without a suffix.
        title: one line.
        alt: what it shows, in words, for a reader who cannot see it.
        caption: what a reader must know: data, count, what differs from the paper.
        svg: a document whose text is text; the same figures give the same bytes.
        png: the same at 200 dots an inch.
    """

    name: str
    title: str
    alt: str
    caption: str
    svg: bytes
    png: bytes


def finish(figure: "Figure", name: str, title: str, alt: str, caption: str) -> Picture:
    """Write a figure in both formats, without the hour and the version of the library."""
    svg, png = io.BytesIO(), io.BytesIO()
    figure.savefig(svg, format="svg", metadata={"Date": None, "Creator": None})
    figure.savefig(png, format="png", dpi=PNG_DPI, metadata={"Software": None})
    described = _describe(svg.getvalue().decode(), name, title, alt)
    return Picture(name, title, alt, caption, described.encode(), png.getvalue())


def _describe(svg: str, name: str, title: str, alt: str) -> str:
    """Name and describe the drawing, and make its identifiers and its style its own.

    Several drawings stand in one page, where identifiers must differ and a style sheet that is
    written for one drawing would hold for everything.
    """
    svg = re.sub(r'\bid="', f'id="{name}-', svg)
    svg = re.sub(r'(xlink:href="|href="|url\()#', rf"\g<1>#{name}-", svg)
    svg = re.sub(r"<style[^>]*>\*\{", f'<style type="text/css">#{name} *{{', svg)
    words = f'<title id="{name}-title">{escape(title)}</title>'
    words += f'<desc id="{name}-desc">{escape(alt)}</desc>'
    opening = f'<svg id="{name}" role="img" aria-labelledby="{name}-title {name}-desc" '
    svg = svg.replace("<svg ", opening, 1)
    end = svg.index(">", svg.index("<svg ")) + 1
    lines = (svg[:end] + "\n" + words + svg[end:]).splitlines()
    return "\n".join(line.rstrip() for line in lines) + "\n"


def headline(figure: "Figure", title: str) -> None:
    """The title, at the top left; it takes ``HEADLINE`` inches."""
    height = figure.get_size_inches()[1]
    figure.text(0.012, 1 - 0.09 / height, title, fontsize=NORMAL, fontweight="bold", va="top")


def times_axis(axes: "Axes", low: float, high: float) -> None:
    """A logarithmic axis of times from ``low`` to ``high`` with plain numbers on it."""
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

    axes.set_xscale("log")
    axes.set_xlim(low, high)
    steps = (1.0, 2.0, 5.0) if high / low < 2e3 else (1.0,)
    axes.xaxis.set_major_locator(LogLocator(subs=steps))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.grid(axis="x", color="#cccccc", linewidth=0.5)


BESIDE: Mapping[str, Any] = {"fontsize": SMALL, "va": "center", "clip_on": False}
"""Of text that stands beside a panel."""


def point_to(
    axes: "Axes", at: tuple[float, float], place: float, within: "Transform | None" = None
) -> None:
    """A thin line from a point to the place of its name on the right of the panel.

    Args:
        axes: the panel.
        at: the point, in the coordinates of ``within`` (the data's by default).
        place: height of the name, 0 to 1 of the panel.
        within: another transformation of ``at``.
    """
    axes.annotate(
        "",
        xy=at,
        xycoords=within or axes.transData,
        xytext=(1.045, place),
        textcoords="axes fraction",
        arrowprops={
            "arrowstyle": "-",
            "linewidth": 0.4,
            "color": "#555555",
            "shrinkA": 0,
            "shrinkB": 4,
        },
        annotation_clip=False,
    )


def spread(places: list[float], gap: float) -> list[float]:
    """Move numbers apart until neighbours are ``gap`` from each other, each as little as it can.

    Args:
        places: where labels would like to be.
        gap: height of a label in the same unit.

    Returns:
        Places in the order given; their mean stays where it was within every group that touched.
    """
    order = sorted(range(len(places)), key=lambda i: (places[i], -i))
    groups: list[list[float]] = []  # [sum of wishes less their steps, count]
    for i in order:
        groups.append([places[i], 1])
        while len(groups) > 1 and _end(groups[-2], gap) > _start(groups[-1], gap) - gap:
            total, count = groups.pop()
            before = groups[-1]
            before[0] += total - count * before[1] * gap
            before[1] += count
    moved = [0.0] * len(places)
    ranks = iter(order)
    for group in groups:
        for step in range(int(group[1])):
            moved[next(ranks)] = _start(group, gap) + step * gap
    return moved


def _start(group: list[float], gap: float) -> float:
    return group[0] / group[1]


def _end(group: list[float], gap: float) -> float:
    return group[0] / group[1] + (group[1] - 1) * gap
