"""Sentences of PadChest: Spanish in small letters, each word cut to its stem.

No labeler here reads them. Their labels stay blank, and they are taken to commit themselves to
everything a sentence can commit itself to, so that a method that asks for little says none of them.
"""

import re

from cxr_edge.indexes.corpora import CorpusOptions
from cxr_edge.indexes.corpora.text.judging import EARLIER, WORDLESS, Judged, Language
from cxr_edge.indexes.corpora.text.normalise import normalise_sentence
from cxr_edge.labels import OBSERVATIONS, Mention
from cxr_edge.types import Attribute

_COMPARISON = re.compile(
    r"\b(?:sin cambi\w*|cambi\w* (?:signific\w*|evolut\w*)|previ\w*|compar\w*|evoluc\w*|"
    r"evolut\w*|estabil\w*|estabilid\w*|persist\w*|mejor\w*|empeor\w*|resol\w*|resuelt\w*|"
    r"desaparec\w*|respect\w* (?:a |al |de )?(?:rx|estudi\w*|control\w*|radiograf\w*|anterior\w*)|"
    r"(?:rx|estudi\w*|control\w*|radiograf\w*) anterior\w*|nuev\w* aparicion)\b"
)
_EVERYTHING = Attribute.SIDE | Attribute.SEVERITY | Attribute.LOCATION | Attribute.CHARACTER


def judge_stemmed_spanish(sentence: str, capitals: bool, options: CorpusOptions) -> Judged:
    """Judge a sentence of PadChest; see ``judge_english``. Acronyms are not written out."""
    text = normalise_sentence(sentence, capitals=capitals)
    if not any(map(str.isalpha, text)):
        return Judged(text, WORDLESS)
    compares = _COMPARISON.search(text.lower()) is not None
    if compares and options.earlier_studies == "drop":
        return Judged(text, EARLIER)
    attributes = _EVERYTHING | (Attribute.COMPARISON if compares else Attribute.NONE)
    return Judged(text.lower() if options.lower else text, None, attributes)


STEMMED_SPANISH = Language(judge_stemmed_spanish, labels=(int(Mention.BLANK),) * len(OBSERVATIONS))
