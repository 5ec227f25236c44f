"""The report as JSON: keys in ``docs/report.md``, checked by ``docs/report.schema.json``."""

import json
from typing import Any

from cxr_edge.types import DISCLAIMER, Report, StudyFailure
from cxr_edge.writers.evidence import STAGES, observed, sections

name = "json"
suffix = ".json"

SCHEMA = "cxr-edge/report/1"


def render(report: Report) -> bytes:
    """One report, indented, ASCII, ending in a line feed."""
    return (_dump(as_mapping(report), indent=2) + "\n").encode()


def line(report: Report) -> str:
    """One report on one line, for JSON Lines; no line feed at the end."""
    return _dump(as_mapping(report))


def failure_line(failure: StudyFailure) -> str:
    """A study that could not be read, on one line: ``schema``, ``path``, ``error``."""
    return _dump({"schema": SCHEMA, "path": failure.path, "error": failure.error})


def as_mapping(report: Report) -> dict[str, Any]:
    """The report as plain dictionaries, lists, strings and numbers.

    Figures are rounded (scores and probabilities to six decimals, times to the microsecond): what
    lies beyond differs between processors and only makes files differ.
    """
    return {
        "schema": SCHEMA,
        "disclaimer": DISCLAIMER,
        "study_instance_uid": report.study.study_instance_uid,
        "sop_instance_uid": report.study.sop_instance_uid,
        "findings": report.findings,
        "impression": report.impression,
        "sentences": [
            {
                "text": hit.text,
                "score": round(float(hit.score), 6),
                "source": hit.source,
                "labels": hit.named_labels(),
                "cluster_size": hit.cluster_size,
                "section": section,
            }
            for hit, section in zip(report.sentences, sections(report), strict=True)
        ],
        "observations": {item.name: round(item.probability, 6) for item in observed(report)},
        "muted": list(report.muted),
        "notes": list(report.notes),
        "warnings": list(report.warnings),
        "provenance": dict(report.provenance),
        "timings_ms": {stage: round(float(report.timings_ms[stage]), 3) for stage in STAGES},
    }


def _dump(value: dict[str, Any], indent: int | None = None) -> str:
    """Strict ASCII JSON: no NaN, which readers differ on, and no byte that a locale can spoil.

    A path may hold bytes that are no text in any encoding; escaped, even those get through.
    """
    separators = (",", ": ") if indent else (",", ":")
    return json.dumps(value, indent=indent, separators=separators, allow_nan=False)
