"""The draft as plain text of at most 100 columns, for a terminal or a mail."""

import textwrap
from collections.abc import Iterator, Sequence

from cxr_edge.types import DISCLAIMER, Report
from cxr_edge.writers.evidence import (
    STAGES,
    flat,
    labels_in_words,
    observed,
    origin,
    printable,
    sections,
)

name = "text"
suffix = ".txt"

WIDTH = 100
_BAR = 20
_INDENT = " " * 6


def render(report: Report) -> bytes:
    """The draft first, then what it rests on. UTF-8, lines of at most 100 columns."""
    lines = [
        "=" * WIDTH,
        DISCLAIMER,
        "=" * WIDTH,
        *_identity(report),
        *_section("FINDINGS", [report.findings]),
        *_section("IMPRESSION", [report.impression]),
        *_section("NOTES", report.notes, bullet="- "),
        *_section("WARNINGS", report.warnings, bullet="! "),
        *_evidence(report),
        *_observations(report),
        *_provenance(report),
        "",
        DISCLAIMER,
    ]
    return ("\n".join(lines) + "\n").encode()


def _identity(report: Report) -> Iterator[str]:
    """Identifiers of the study, not of the patient."""
    study = report.study
    view = study.view or "not stated"
    yield f"Study {printable(study.study_instance_uid) or 'without a StudyInstanceUID'}"
    yield f"Image {printable(study.sop_instance_uid) or 'without a SOPInstanceUID'}, view {view}"


def _section(title: str, paragraphs: Sequence[str], bullet: str = "") -> Iterator[str]:
    filled = [printable(paragraph) for paragraph in paragraphs if paragraph.strip()]
    if not filled:
        return
    yield ""
    yield title
    for paragraph in filled:
        yield from wrapped(paragraph, f"  {bullet}", " " * (2 + len(bullet)))


def _evidence(report: Report) -> Iterator[str]:
    if not report.sentences:
        return
    yield ""
    yield "EVIDENCE"
    named = zip(report.sentences, sections(report), strict=True)
    for number, (hit, section) in enumerate(named, start=1):
        yield from wrapped(printable(hit.text), f"{number:4d}  ", _INDENT)
        yield from wrapped(f"{section}; score {hit.score:.4f}; {origin(hit)}", _INDENT, _INDENT)
        yield from wrapped(f"labels: {labels_in_words(hit)}", _INDENT, _INDENT)


def wrapped(text: str, first: str, rest: str) -> list[str]:
    """``text`` in lines of at most ``WIDTH`` columns, broken where ``textwrap.wrap`` breaks it.

    That one looks at every word of a report and so takes most of the time of writing it. Where
    there is no hyphen, at which a word may be broken, and no word too long for a line, it comes to
    cutting at the last blank that fits.

    Args:
        text: without control characters, as ``printable`` leaves it.
        first: what the first line begins with.
        rest: what every other line begins with.
    """
    lines, left, indent = [], text, first
    while len(indent) + len(left) > WIDTH:
        cut = left.rfind(" ", 1, WIDTH - len(indent) + 1)
        if cut < 0 or "-" in text or "  " in text:
            return textwrap.wrap(text, WIDTH, initial_indent=first, subsequent_indent=rest)
        lines.append(indent + left[:cut])
        left, indent = left[cut + 1 :], rest
    last = left.rstrip()
    return [*lines, indent + last] if last else lines


def _observations(report: Report) -> Iterator[str]:
    yield ""
    yield "OBSERVATION PROBABILITIES"
    for item in observed(report):
        bar = "#" * round(item.probability * _BAR)
        mark = "  muted: not reliable" if item.muted else ""
        yield f"  {item.name:<27} {item.probability:6.3f}  |{bar:<{_BAR}}|{mark}"


def _provenance(report: Report) -> Iterator[str]:
    yield from _section("PROVENANCE", [f"{key}: {value}" for key, value in flat(report.provenance)])
    stages = (
        f"{stage} {report.timings_ms[stage]:.1f}" for stage in STAGES if stage in report.timings_ms
    )
    yield from _section("TIMINGS (ms)", [", ".join(stages)])
