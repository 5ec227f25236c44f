"""The README's one table of results, written from committed records between two marks."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from cxr_edge.benchmarks.claims.comparing import RECOMMENDED, STUDIES, seconds
from cxr_edge.benchmarks.claims.result import Row
from cxr_edge.benchmarks.pictures import paper
from cxr_edge.benchmarks.pictures.rows import (
    CHEXBERT_F1,
    at,
    labels,
    milliseconds,
    percentile,
    read_rows,
    score,
)
from cxr_edge.benchmarks.pictures.tables import score_cell
from cxr_edge.benchmarks.quality.scores import RULES_F1
from cxr_edge.benchmarks.record import stolen_words
from cxr_edge.errors import OutputError

MARKS = re.compile(
    r"(?P<begin><!-- results(?:: (?P<command>[^\n]*?))? -->\n)(?P<table>.*?)"
    r"(?P<end><!-- end of results -->)",
    re.DOTALL,
)
"""Around the table; the first mark names the command that wrote it."""
COMMAND = "cxr-bench readme"
_HEADS = (
    "",
    "sentences",
    "p50 / p95, ms",
    f"{STUDIES} studies, s",
    RULES_F1,
    "F1 (CheXbert)",
)
_INTRODUCTION = (
    "From the file of a study to the written draft, beside other ways to the same draft and the "
    "paper's figures:"
)
_FOLDED = "What was measured, on which machine, and what differs from the paper"
_WORTH_NAMING = ("onnxruntime", "numpy", "torch", "hnswlib")


def renewed(text: str, records: Sequence[tuple[Path, Mapping[str, Any]]], target: Path) -> str:
    """``text`` with the table between its marks written anew; the same records, the same text.

    Args:
        text: of the README.
        records: each with its path, which the first mark names.
        target: the README, for an error.

    Raises:
        OutputError: the marks are not there, or there twice.
        RecordError: a record is of another command, or damaged.
    """
    found = list(MARKS.finditer(text))
    if len(found) != 1:
        raise OutputError(
            f"{target} has {len(found)} places for results, expected one: a line "
            "<!-- results --> and after it a line <!-- end of results -->"
        )
    [place] = found
    command = " ".join([COMMAND, *(path.as_posix() for path, _ in records)])
    block = f"<!-- results: {command} -->\n\n{table(records)}\n\n"
    return text[: place.start()] + block + text[place.start("end") :]


def recorded(text: str) -> list[Path]:
    """The records that the mark in a README names; empty where there is no mark."""
    found = MARKS.search(text)
    command = (found["command"] or "") if found else ""
    return [Path(name) for name in command.removeprefix(COMMAND).split()]


def table(records: Sequence[tuple[Path, Mapping[str, Any]]]) -> str:
    """The table, what its columns mean, and, folded, what was measured where, as Markdown."""
    lines = [_line(_HEADS), "|---" * len(_HEADS) + "|"]
    for path, record in records:
        studies = record["subject"].get("studies", path.stem)
        lines.append(_line([f"**{studies}**", *[""] * (len(_HEADS) - 1)]))
        rows = read_rows(record, str(path))
        shown = [row for row in rows if row.level in (0.0, RECOMMENDED) or not row.rows]
        for name, row in zip(labels(shown), shown, strict=True):
            lines.append(_line([f"{name}, {at(row)}", *_cells(row)]))
    lines += [_line(cells) for cells in _paper()]
    measured = "\n\n".join(_measured(path, record) for path, record in records)
    folded = f"<details><summary>{_FOLDED}</summary>\n\n{_legend()}\n\n{measured}\n\n</details>"
    return "\n\n".join([_INTRODUCTION, "\n".join(lines), folded])


def _line(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cells) + " |"


def _cells(row: Row) -> list[str]:
    return [
        f"{row.rows:,}" if row.rows else "",
        f"{milliseconds(percentile(row, 50))} / {milliseconds(percentile(row, 95))}",
        f"{seconds(row):.1f}",
        *(
            "" if row.synthetic else score_cell(score(row, name))
            for name in (RULES_F1, CHEXBERT_F1)
        ),
    ]


def _paper() -> list[list[str]]:
    """Rows of the paper: its F1 under CheXbert's name alone."""
    rows = []
    for point in paper.LEVELS:
        size = f"{point.sentences:,}" if point.sentences else ""
        rows.append((f"*paper:* {point.label}", size, point.seconds, point.f1))
    rows += [(f"*paper:* {p.label}", "", p.seconds, p.f1) for p in paper.METHODS[1:3]]
    return [
        [
            name,
            size,
            "",
            "" if time is None else f"{time:.0f}",
            "",
            "" if f1 is None else f"{f1:.3f}",
        ]
        for name, size, time, f1 in rows
    ]


def _measured(path: Path, record: Mapping[str, Any]) -> str:
    machine, subject = record["machine"], record["subject"]
    versions = [f"Python {machine['python']}"]
    versions += [
        f"{name} {machine['packages'][name]}"
        for name in _WORTH_NAMING
        if machine["packages"].get(name)
    ]
    threads = subject.get("threads", machine.get("threads"))
    gpus = ", ".join(str(one["name"]) for one in machine.get("gpus") or []) or "no GPU"
    command = " ".join(["cxr-bench", *map(str, record["arguments"] or [])])
    return (
        f"Measured on {machine['date']} with `{command}` ([record]({path.as_posix()})) on "
        f"{machine['processor']}, {threads} threads, {gpus}, load average {_load(machine)}; "
        f"{', '.join(versions)}. Studies: {subject.get('studies', 'not told')}. "
        f"Sentences: {subject.get('index', 'not told')}."
    )


def _load(machine: Mapping[str, Any]) -> str:
    """What else ran beside the measurement: the load average of one minute, time stolen."""
    load = machine["load_average"]
    if not isinstance(load, Mapping) or not load.get("before") or not load.get("after"):
        return "not told"
    words = f"{load['before'][0]:.1f} before, {load['after'][0]:.1f} after"
    return f"{words}{stolen_words(machine)}"


def _legend() -> str:
    return (
        f"{STUDIES} studies: {STUDIES} times the mean. Systems took turns in one run. "
        f"`{RULES_F1}`: macro over fourteen observations, 95 % interval; it counts the labels of "
        "our rule labeler and must not be compared with F1, which counts CheXbert's. "
        + paper.DIFFERS
        + " Its 42 s are printed there, 120 s and 140 s follow from its percentages; that its "
        "best generative model is M2 Trans is our reading."
    )
