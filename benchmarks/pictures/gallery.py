"""Which pictures a record gives, and why others are left out."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from cxr_edge.benchmarks.claims.result import Row
from cxr_edge.benchmarks.pictures.canvas import Picture, require_matplotlib
from cxr_edge.benchmarks.pictures.latency import latency
from cxr_edge.benchmarks.pictures.roofline import read_roofline, roofline
from cxr_edge.benchmarks.pictures.rows import read_rows
from cxr_edge.benchmarks.pictures.stage_bars import stage_bars
from cxr_edge.benchmarks.pictures.tradeoff import levels, methods
from cxr_edge.errors import CxrEdgeError

_NO_QUALITY = (
    "Figures 3 and 4, runtime against F1, are left out: this record holds no F1, because its "
    "studies have no reports or its vectors are synthetic."
)
_NO_ROOFLINE = (
    "A roofline is left out: this record counts no bytes and operations of a network and no rates "
    "of the machine. cxr-bench roofline measures them, and benchmarks/gpu.sh on a GPU."
)


@dataclass(frozen=True)
class Gallery:
    """The pictures of a record, its rows, and a sentence for each kind of picture left out."""

    rows: Sequence[Row]
    pictures: Sequence[Picture]
    left_out: Sequence[str]


def slug(name: str) -> str:
    """``name`` as a part of file names and of identifiers in a page."""
    plain = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")
    return plain if plain[:1].isalpha() else f"record-{plain}"


def draw(record: Mapping[str, Any], name: str) -> Gallery:
    """Draw all that a record holds.

    Args:
        record: of ``cxr-bench --compression``, or of ``benchmarks/gpu.sh``.
        name: begins the names of the pictures.

    Raises:
        CxrEdgeError: the record holds nothing to draw, or is damaged.
    """
    roof = read_roofline(record)
    rows = [] if roof and "rows" not in record["results"] else read_rows(record, name)
    try:
        require_matplotlib()
    except CxrEdgeError as missing:
        return Gallery(rows, [], [f"Pictures are left out: {missing}."])
    prefix = slug(name)
    pictures: list[Picture] = []
    left_out: list[str] = []
    if rows:
        data = str(record["subject"].get("studies", "studies"))
        tradeoffs = [
            levels(rows, data, f"{prefix}-figure-3"),
            methods(rows, data, f"{prefix}-figure-4"),
        ]
        found = [picture for picture in tradeoffs if picture]
        pictures += [
            *found,
            latency(rows, f"{prefix}-latency"),
            stage_bars(rows, f"{prefix}-stages"),
        ]
        if not found:
            left_out.append(_NO_QUALITY)
    if roof:
        pictures.append(roofline(*roof, f"{prefix}-roofline"))
    else:
        left_out.append(_NO_ROOFLINE)
    return Gallery(rows, pictures, left_out)
