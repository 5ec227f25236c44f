"""The texts both steps read: reports, their sentences, and the sentences of our own grammar."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cxr_edge.indexes.corpora.grammar import sentences as grammar_sentences
from cxr_edge.labelers.sentences import split_sentences
from cxr_edge.labels import Mention
from cxr_edge.tokenizers.ngrams import NgramTokenizer, ngrams_of
from cxr_edge.training.studies import PairedStudy
from cxr_edge.training.targets import label_reports
from cxr_edge.types import Attribute

LONGEST = 2
"""Words in the longest n-gram: enough for "no effusion" and "left base"."""
SEEN_TWICE = 2


@dataclass(frozen=True)
class Texts:
    """All texts of a run in one list: reports in study order, then sentences, then the grammar.

    Attributes:
        text: N strings.
        mentions: int8 (N, 14).
        study: int64 (N,), the study a text comes from; -1 for the grammar.
        whole: bool (N,), True for a report, False for a sentence.
        plain: bool (N,), True for a grammar sentence that commits itself to no side, severity or
            place, so it is true of every picture with its observation.
    """

    text: tuple[str, ...]
    mentions: NDArray[np.int8]
    study: NDArray[np.int64]
    whole: NDArray[np.bool_]
    plain: NDArray[np.bool_]


def gather_texts(studies: Sequence[PairedStudy]) -> Texts:
    """Reports, their sentences of two words or more, and the grammar."""
    text = [study.report for study in studies]
    origin = list(range(len(studies)))
    for row, study in enumerate(studies):
        parts = [part for part in split_sentences(study.report) if len(part.split()) > 1]
        text += parts
        origin += [row] * len(parts)
    real = len(text)
    written = grammar_sentences()
    text += [sentence.text for sentence in written]
    origin += [-1] * len(written)
    plain = np.zeros(len(text), bool)
    plain[real:] = [sentence.attributes == Attribute.NONE for sentence in written]
    whole = np.zeros(len(text), bool)
    whole[: len(studies)] = True
    return Texts(tuple(text), label_reports(text), np.array(origin), whole, plain)


def learn_vocabulary(texts: Texts, train: NDArray[np.bool_], most: int) -> NgramTokenizer:
    """The n-grams that occur in most training texts, and their inverse document frequencies.

    Reports count by their sentences, so a word is not counted twice; texts of ``valid`` are never
    read here.

    Args:
        texts: all texts.
        train: bool (N,), which may be learnt from.
        most: size of the vocabulary, at most.
    """
    counts: Counter[str] = Counter()
    used = np.flatnonzero(train & ~texts.whole)
    for row in used:
        counts.update(ngrams_of(texts.text[row], LONGEST))
    common = [item for item in counts.items() if item[1] >= SEEN_TWICE]
    common.sort(key=lambda item: (-item[1], item[0]))
    chosen = sorted(ngram for ngram, _ in common[:most])
    weights = [np.log((1 + len(used)) / (1 + counts[ngram])) + 1 for ngram in chosen]
    return NgramTokenizer.of(chosen, weights)


def partners(texts: Texts, studies: int) -> list[NDArray[np.int64]]:
    """For each study, the rows of its sentences (which may be none)."""
    rows = np.flatnonzero((texts.study >= 0) & ~texts.whole)
    order = np.argsort(texts.study[rows], kind="stable")
    bounds = np.searchsorted(texts.study[rows][order], np.arange(studies + 1))
    return [rows[order[bounds[k] : bounds[k + 1]]] for k in range(studies)]


def plain_by_observation(texts: Texts) -> list[NDArray[np.int64]]:
    """For each observation, the plain grammar sentences that assert it and nothing else."""
    single = texts.plain & ((texts.mentions == Mention.POSITIVE).sum(1) == 1)
    return [
        np.flatnonzero(single & (texts.mentions[:, column] == Mention.POSITIVE))
        for column in range(texts.mentions.shape[1])
    ]
