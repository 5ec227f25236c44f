"""What the papers print, from one data file with the source of each figure."""

import json
from dataclasses import dataclass
from pathlib import Path

_FILE = Path(__file__).with_name("published.json")


@dataclass(frozen=True)
class Published:
    """One figure of a paper."""

    paper: str
    table: str
    """Table, figure or section; empty where our notes do not say."""
    data: str
    """Data set: ``MIMIC-CXR``, ``CheXpert``, ``CheXpert 5x200``, ``Open-I``."""
    split: str
    """``test``, or empty where the paper was not that exact."""
    system: str
    metric: str
    """As ``Score.name`` has it where it is one of ours; a figure of time or size otherwise."""
    value: float


def published(
    *,
    metric: str | None = None,
    data: str | None = None,
    system: str | None = None,
    paper: str | None = None,
) -> list[Published]:
    """The papers' figures in the order of the file; each argument keeps those that equal it."""
    wanted = {"metric": metric, "data": data, "system": system, "paper": paper}
    return [
        figure
        for figure in _all()
        if all(value is None or getattr(figure, key) == value for key, value in wanted.items())
    ]


def _all() -> list[Published]:
    """One block a table: what is common to its rows, the metrics, and a row a system."""
    figures = []
    for block in json.loads(_FILE.read_text(encoding="utf-8"))["blocks"]:
        for system, values in block["rows"].items():
            for metric, value in zip(block["metrics"], values, strict=True):
                if value is not None:
                    place = (block["paper"], block["table"], block["data"], block["split"])
                    figures.append(Published(*place, system, metric, value))
    return figures
