"""A grammar of radiology sentences, written by us: the corpus of the embedded default.

Every sentence is made from its meaning (observations and what is said of them, severity, side,
place, companion), so its labels and attributes are known by construction. No sentence speaks of an
earlier study, gives a measurement or carries a redaction mark. See ``docs/corpus.md``.
"""

from collections import Counter
from functools import cache

from cxr_edge.indexes.corpora import CorpusSentence
from cxr_edge.indexes.corpora.grammar import (
    combined,
    devices,
    heart,
    lungs,
    normals,
    others,
    pleura,
    skeleton,
)
from cxr_edge.indexes.corpora.grammar.meaning import Entry, Meaning
from cxr_edge.labelers.attributes import attributes
from cxr_edge.types import Attribute

__all__ = ["Entry", "Meaning", "canonical", "entries", "sentences"]

_CHARACTER = Attribute.CHARACTER
_MODULES = (normals, heart, pleura, lungs, combined, skeleton, devices, others)


@cache
def entries() -> tuple[Entry, ...]:
    """Every sentence with its meaning, in a fixed order; no text twice, whatever its case."""
    kept: dict[str, Entry] = {}
    for module in _MODULES:
        for entry in module.entries():
            kept.setdefault(entry.text.casefold(), entry)
    return tuple(kept.values())


def sentences() -> list[CorpusSentence]:
    """The corpus: every sentence of the grammar, labelled, in a fixed order."""
    numbers: Counter[str] = Counter()
    corpus: list[CorpusSentence] = []
    for entry in entries():
        numbers[entry.rule] += 1
        corpus.append(
            CorpusSentence(
                text=entry.text,
                source=f"grammar/{entry.rule}/{numbers[entry.rule]}",
                labels=entry.meaning.labels(),
                attributes=entry.meaning.attributes() | (attributes(entry.text) & _CHARACTER),
                section=entry.section,
            )
        )
    return corpus


def canonical(text: str) -> Meaning:
    """The meaning of a sentence of the grammar; synonyms and fillers share one.

    Raises:
        KeyError: The grammar has no such sentence.
    """
    return _meanings()[text.casefold()]


@cache
def _meanings() -> dict[str, Meaning]:
    return {entry.text.casefold(): entry.meaning for entry in entries()}
