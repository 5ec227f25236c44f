"""What every writer says in the same words: sections, order, labels, provenance."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from cxr_edge.labels import OBSERVATIONS
from cxr_edge.types import Hit, Report

STAGES: tuple[str, ...] = ("read", "preprocess", "encode", "search", "compose", "total")


@dataclass(frozen=True)
class Observed:
    """One observation with the probability the image encoder gives it."""

    name: str
    probability: float
    """0..1."""
    muted: bool
    """True where the bundle does not trust itself; the draft never asserts it."""


def sections(report: Report) -> tuple[str, ...]:
    """``findings`` or ``impression`` for each of ``report.sentences``, in the same order.

    The sentences stand in the order of the draft, findings first, so each is looked for behind the
    one before it; a short sentence is then not found inside a longer one of the other section.
    """
    names: list[str] = []
    position = 0
    for hit in report.sentences:
        found = report.findings.find(hit.text, position)
        if found >= 0:
            position = found + len(hit.text)
            names.append("findings")
        else:
            names.append("impression" if hit.text in report.impression else "findings")
    return tuple(names)


def in_section(report: Report, section: str) -> tuple[Hit, ...]:
    """The sentences of one section, in order."""
    named = zip(report.sentences, sections(report), strict=True)
    return tuple(hit for hit, name in named if name == section)


def observed(report: Report) -> tuple[Observed, ...]:
    """All fourteen observations in ``OBSERVATIONS`` order."""
    return tuple(
        Observed(name, float(probability), name in report.muted)
        for name, probability in zip(OBSERVATIONS, report.probabilities, strict=True)
    )


def flat(values: Mapping[str, object], prefix: str = "") -> Iterator[tuple[str, str]]:
    """Provenance as (dotted key, text) pairs, nested mappings opened."""
    for key, value in values.items():
        name = f"{prefix}{key}"
        if isinstance(value, Mapping):
            yield from flat(value, f"{name}.")
        else:
            yield name, printable(str(value))


def labels_in_words(hit: Hit) -> str:
    """``Cardiomegaly positive, Pneumothorax negative``, or ``none``."""
    named = hit.named_labels()
    return ", ".join(f"{name} {mention}" for name, mention in named.items()) or "none"


def origin(hit: Hit) -> str:
    """Where a sentence comes from, for the reader: a corpus, or whoever wrote it."""
    source = printable(hit.source)
    if hit.row is None:
        return f"written by the software ({source})"
    count = "1 sentence" if hit.cluster_size == 1 else f"{hit.cluster_size} sentences"
    return f"stands for {count} of the corpus; from {source}"


def printable(text: str) -> str:
    """``text`` on one line, without the control characters that terminals and parsers act on."""
    spaced = " ".join(text.split())
    if spaced.isprintable():
        return spaced
    return "".join(character for character in spaced if character.isprintable())
