"""What is printed: times, quality, ratios, and the paper beside ours."""

from collections.abc import Sequence

from cxr_edge.benchmarks.claims.comparing import COMPARED, STUDIES, Claim, Times, named, seconds
from cxr_edge.benchmarks.claims.result import OURS, STAGES, Row
from cxr_edge.benchmarks.record import summary

SHOWN = ("BLEU-2", "label F1 (rules)", "F1", "s_emb")
"""Metrics of the table; the record has all."""


def report(
    heads: Sequence[str], rows: Sequence[Row], times: Sequence[Times], claims: Sequence[Claim]
) -> str:
    """The whole text.

    Args:
        heads: what was measured, a line each.
        rows: measurements.
        times: ratios.
        claims: the paper's.
    """
    parts = ["\n".join(heads), _speed(rows), _quality(rows), _ratios(times), _paper(claims)]
    notes = [f"{named(row, rows)}: {row.note}" for row in rows if row.note]
    parts.append("\n".join(notes))
    return "\n\n".join(part for part in parts if part)


def _speed(rows: Sequence[Row]) -> str:
    heads = ["system @ level", "sentences", "fewer", "p50", "p95", "p99", f"{STUDIES} in s"]
    heads += ["processor", *STAGES, "first", "peak MB", "same"]
    lines = []
    for row in rows:
        total = summary(row.stages_ms["total"])
        mark = (" synthetic" if row.rows else " made-up weights") if row.synthetic else ""
        lines.append(
            [
                f"{named(row, rows)}{mark}",
                f"{row.rows:,}",
                f"{row.ratio:.1f}x",
                *(_ms(total[name]) for name in ("p50", "p95", "p99")),
                f"{seconds(row):.1f}",
                _ms(summary(row.processor_ms)["p50"]),
                *(_ms(summary(row.stages_ms[stage])["p50"]) for stage in STAGES),
                f"{row.first_report_ms:.0f}",
                f"{row.peak_mb:.0f}",
                "" if row.agreement is None else f"{row.agreement:.3f}",
            ]
        )
    samples = len(rows[0].stages_ms["total"])
    caption = (
        f"Milliseconds a study, p50 of the stages, {samples} samples of each taken in turns; "
        f"{STUDIES} in s: {STUDIES} x the mean total; processor: processor time, which neighbours "
        "on the machine hardly change.\nfirst: from the start of a process to its "
        "first written draft; same: share of cxr-edge's sentences that are drafted too."
    )
    return f"{_aligned(heads, lines)}\n{caption}"


def _quality(rows: Sequence[Row]) -> str:
    scored = [row for row in rows if row.scores]
    if not scored:
        return ""
    names = [score.name for score in scored[0].scores if score.name in SHOWN]
    lines = []
    for row in scored:
        cells = []
        for score in row.scores:
            if score.name not in SHOWN:
                continue
            if score.value is None:
                cells.append(score.note)
            elif score.low is None or score.high is None:
                cells.append(f"{score.value:.3f}")
            else:
                cells.append(f"{score.value:.3f} [{score.low:.3f}, {score.high:.3f}]")
        lines.append([named(row, rows), *cells])
    return _aligned(["quality", *names], lines)


def _ratios(times: Sequence[Times]) -> str:
    """A line for each pair: baselines over ours at every level, then ours over ours."""
    pairs: dict[tuple[str, str], dict[str, str]] = {}
    for one in times:
        shown = f"{one.ratio.value:.2f}x [{one.ratio.low:.2f}, {one.ratio.high:.2f}]"
        pairs.setdefault((one.slower, one.faster), {})[one.stage] = shown
    parts = []
    for title, own in (("baseline / ours", False), ("ours / ours", True)):
        lines = [
            [f"{slower} / {faster}", *(cells.get(stage, "") for stage in COMPARED)]
            for (slower, faster), cells in pairs.items()
            if slower.startswith(OURS) == own
        ]
        if lines:
            parts.append(_aligned([title, *COMPARED], lines))
    if parts:
        parts[-1] += (
            "\nHow many times longer: median of the ratios of neighbouring samples, with its 99 % "
            "interval."
        )
    return "\n\n".join(parts)


def _paper(claims: Sequence[Claim]) -> str:
    lines = [[one.claim, one.paper, one.ours, one.differs] for one in claims]
    return _aligned(["CXR-RePaiR, Endo et al. 2021", "paper", "ours", "what differs"], lines)


def _ms(value: float) -> str:
    return f"{value:.0f}" if value >= 100 else f"{value:.1f}" if value >= 1 else f"{value:.2f}"


def _aligned(heads: Sequence[str], lines: Sequence[Sequence[str]]) -> str:
    """Columns: the first to the left, numbers to the right, words to the left."""
    every = [list(heads), *map(list, lines)]
    widths = [max(len(line[at]) for line in every) for at in range(len(heads))]
    right = [all(line[at][:1] in "0123456789-" for line in every[1:]) for at in range(len(heads))]
    texts = []
    for line in every:
        cells = [
            cell.rjust(width) if to_right else cell.ljust(width)
            for cell, width, to_right in zip(line, widths, right, strict=True)
        ]
        texts.append("  ".join(cells).rstrip())
    texts.insert(1, "-" * max(map(len, texts)))
    return "\n".join(texts)
