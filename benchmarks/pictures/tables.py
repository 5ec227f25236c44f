"""The tables of the page: time, stages, quality, ratios, and the paper's claims beside ours."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from cxr_edge.benchmarks.claims.comparing import STUDIES, seconds
from cxr_edge.benchmarks.claims.result import STAGES, Row
from cxr_edge.benchmarks.pictures.rows import CHEXBERT_F1, at, labels, milliseconds, percentile
from cxr_edge.benchmarks.quality.scores import Score
from cxr_edge.benchmarks.record import RecordError

_ALWAYS = (CHEXBERT_F1, "s_emb")
"""Metrics of the paper, which have a column even where nothing could be measured."""


@dataclass(frozen=True)
class Table:
    """A table of text; the first cell of a line names it."""

    title: str
    caption: str
    heads: Sequence[str]
    lines: Sequence[Sequence[str]]
    words: bool = False
    """Cells are words, not numbers."""


def tables(record: Mapping[str, Any], rows: Sequence[Row]) -> list[Table]:
    """All tables of a record; those with nothing in them are not there.

    Raises:
        RecordError: a ratio or a claim is damaged.
    """
    if not rows:
        return []
    try:
        beside = [_claims(record), _times(rows), _stages(rows), _quality(rows), _ratios(record)]
    except (KeyError, TypeError, ValueError) as error:
        raise RecordError(
            f"the ratios or claims of a record are damaged ({type(error).__name__}: {error}); "
            "measure again with cxr-bench --compression ... --json"
        ) from error
    return [table for table in beside if table.lines]


def _names(rows: Sequence[Row]) -> list[str]:
    return [f"{name}, {at(row)}" for name, row in zip(labels(rows), rows, strict=True)]


def _times(rows: Sequence[Row]) -> Table:
    lines = [
        [
            name,
            f"{row.rows:,}" if row.rows else "–",
            f"{row.ratio:.1f}",
            *(milliseconds(percentile(row, q)) for q in (50, 95, 99)),
            milliseconds(float(np.median(row.processor_ms))),
            f"{seconds(row):.1f}",
            milliseconds(row.first_report_ms),
            f"{row.peak_mb:.0f}",
            "–" if row.agreement is None else f"{row.agreement:.3f}",
        ]
        for name, row in zip(_names(rows), rows, strict=True)
    ]
    runs = min(len(row.stages_ms["total"]) for row in rows)
    return Table(
        "Time and memory",
        f"Milliseconds a study, {runs} runs of each system taken in turns. Processor: p50 of the "
        f"time on all processors, without that of the decode worker. {STUDIES} studies: "
        f"{STUDIES} times the mean. First report: from the start of a process. Same sentences: "
        "share of the sentences of cxr-edge that this system drafts too.",
        [
            "system, level",
            "sentences",
            "times fewer",
            "p50 ms",
            "p95 ms",
            "p99 ms",
            "processor ms",
            f"{STUDIES} studies, s",
            "first report, ms",
            "peak MB",
            "same sentences",
        ],
        lines,
    )


def _stages(rows: Sequence[Row]) -> Table:
    lines = [
        [
            name,
            *(
                milliseconds(percentile(row, 50, stage)) if stage in row.stages_ms else "–"
                for stage in (*STAGES, "total")
            ),
        ]
        for name, row in zip(_names(rows), rows, strict=True)
    ]
    caption = "Milliseconds, p50. Medians of stages need not add up to that of the total."
    return Table("Stages", caption, ["system, level", *STAGES, "total"], lines)


def _quality(rows: Sequence[Row]) -> Table:
    scored = [
        (name, row)
        for name, row in zip(_names(rows), rows, strict=True)
        if row.scores and not row.synthetic
    ]
    metrics = list(dict.fromkeys(one.name for _, row in scored for one in row.scores))
    there = {one.name for _, row in scored for one in row.scores if one.value is not None}
    shown = [name for name in metrics if name in there or name in _ALWAYS]
    without = [name for name in metrics if name not in shown]
    lines = []
    for name, row in scored:
        found = {one.name: one for one in row.scores}
        lines.append([name, *(score_cell(found.get(metric)) for metric in shown)])
    caption = (
        "With 95 % bootstrap intervals over studies. A figure of the rule labeler must not be "
        "compared with a paper's F1, which CheXbert's labels give."
    )
    if without:
        caption += f" Not measured either: {', '.join(without)}."
    return Table("Quality of the drafts", caption, ["system, level", *shown], lines)


def score_cell(score: Score | None) -> str:
    """A score with its interval, or why there is none."""
    if score is None:
        return "–"
    if score.value is None:
        return score.note
    if score.low is None or score.high is None:
        return f"{score.value:.3f}"
    return f"{score.value:.3f} ({score.low:.3f}–{score.high:.3f})"


def _ratios(record: Mapping[str, Any]) -> Table:
    lines = []
    for one in record["results"].get("ratios", []):
        ratio = one["ratio"]
        lines.append(
            [
                f"{one['slower']} against {one['faster']}",
                str(one["stage"]),
                f"{ratio['value']:.2f} ({ratio['low']:.2f}–{ratio['high']:.2f})",
                f"{ratio['pairs']}",
            ]
        )
    return Table(
        "Ratios",
        "How many times longer; median over pairs of neighbouring runs, with its 99 % interval.",
        ["systems", "what", "times", "pairs"],
        lines,
    )


def _claims(record: Mapping[str, Any]) -> Table:
    return Table(
        "The paper's claims and what was measured here",
        "CXR-RePaiR (Endo et al., ML4H 2021).",
        ["claim", "paper", "here", "what differs"],
        [
            [str(one[key]) for key in ("claim", "paper", "ours", "differs")]
            for one in record["results"].get("paper", [])
        ],
        words=True,
    )
