"""The grammar as a corpus that an index can be built of."""

from collections import Counter
from collections.abc import Iterator

from cxr_edge.errors import CorpusError
from cxr_edge.indexes.corpora import CorpusSentence
from cxr_edge.indexes.corpora.grammar import sentences


class GrammarCorpus:
    """Every sentence of the grammar, in its fixed order; nothing is left out."""

    def __init__(self, _source: str, *, unit: str = "sentence", split: str | None = None) -> None:
        """Check that sentences are wanted.

        Raises:
            CorpusError: whole reports or a split were asked for; the grammar has neither.
        """
        if unit != "sentence" or split is not None:
            raise CorpusError(
                "the grammar is made of sentences and has no splits; leave out --unit and --split"
            )
        self.dropped: Counter[str] = Counter()

    def __iter__(self) -> Iterator[CorpusSentence]:
        """The sentences."""
        return iter(sentences())
