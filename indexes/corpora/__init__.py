"""Corpora: where the sentences of an index come from.

A reader turns one source into ``CorpusSentence`` rows. The registry holds import paths as strings,
so that listing the names loads nothing.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import import_module
from typing import Protocol, cast

from cxr_edge.types import Attribute

CORPORA: dict[str, str] = {
    "grammar": "cxr_edge.indexes.corpora.grammar.corpus:GrammarCorpus",
    "jsonl": "cxr_edge.indexes.corpora.jsonl:JsonlCorpus",
}
"""Name of each corpus format and where its reader is, as ``module:class``."""


@dataclass(frozen=True)
class CorpusSentence:
    """One sentence of a corpus, before it is embedded."""

    text: str
    source: str
    """Id of the report, or of the grammar rule, it comes from."""
    labels: tuple[int, ...] | None
    """Fourteen values of ``Mention`` in ``OBSERVATIONS`` order; None: labelled at build time."""
    attributes: Attribute | None
    """None: read from the text at build time."""
    section: str = ""
    """``findings``, ``impression``, or empty where it fits either."""


class Corpus(Protocol):
    """What a reader provides: sentences in corpus order, and a count of what it left out."""

    dropped: Counter[str]
    """Texts left out so far, by reason."""

    def __iter__(self) -> Iterator[CorpusSentence]:
        """Read the corpus.

        Raises:
            CorpusError: It cannot be read.
        """
        ...


def open_corpus(source: str, *, unit: str = "sentence", split: str | None = None) -> Corpus:
    """Choose the reader of a corpus: ``grammar`` is our own, anything else is a JSON Lines file.

    Args:
        source: ``grammar`` or a path.
        unit: ``sentence`` or ``report``.
        split: Take only the reports of this split.

    Raises:
        CorpusError: The file is not there, or the grammar was asked for reports or a split.
    """
    form = "grammar" if source == "grammar" else "jsonl"
    module, _, name = CORPORA[form].partition(":")
    reader = getattr(import_module(module), name)
    return cast(Corpus, reader(source, unit=unit, split=split))
