"""The grammar as a corpus that an index can be built of."""

import hashlib
from collections import Counter
from collections.abc import Iterator

from cxr_edge.errors import CorpusError
from cxr_edge.indexes.corpora import CorpusOptions, CorpusSentence
from cxr_edge.indexes.corpora.grammar import sentences


class GrammarCorpus:
    """Every sentence of the grammar, in its fixed order; nothing is left out."""

    def __init__(self) -> None:
        self.dropped: Counter[str] = Counter()
        self.notes: list[str] = []

    def __iter__(self) -> Iterator[CorpusSentence]:
        """The sentences."""
        return iter(sentences())

    def fingerprint(self) -> str:
        """See ``Corpus``: the digest of what every sentence is."""
        return hashlib.sha256("\n".join(map(repr, sentences())).encode()).hexdigest()


def open_grammar(options: CorpusOptions) -> GrammarCorpus:
    """Open the grammar; see ``open_corpus``.

    Raises:
        CorpusError: whole reports, a split, a section or another wording was asked for; the grammar
            has none of them.
    """
    plain = CorpusOptions(earlier_studies=options.earlier_studies, redaction=options.redaction)
    if options != plain:
        raise CorpusError(
            "the grammar is made of sentences that are taken as they are; leave out --unit, "
            "--split, --sections, --column, acronyms and lower case"
        )
    return GrammarCorpus()
