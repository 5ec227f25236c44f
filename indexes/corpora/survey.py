"""Counts what a corpus gives and what is left out of it."""

from collections import Counter

from cxr_edge.indexes.corpora import Corpus


def survey(corpus: Corpus) -> Counter[str]:
    """Read a corpus to its end and count.

    Returns:
        ``kept: findings``, ``kept: impression``, ``kept: either section`` and, under
        ``dropped: REASON``, what was left out. De-duplication is not the corpus's business and is
        not counted here.

    Raises:
        CorpusError: it cannot be read.
    """
    counts = Counter(f"kept: {sentence.section or 'either section'}" for sentence in corpus)
    counts.update({f"dropped: {reason}": number for reason, number in corpus.dropped.items()})
    return counts
