"""BLEU-2 of single reports, as CXR-RePaiR's authors count it.

Lower case, full stops split off, tokens apart by blanks, weights one half each, one reference. A
report without a common bigram counts a tenth of one (Chen and Cherry 2014, method 1), as in the
authors' metric code; ``docs/quality.md`` says what that changes.
"""

import math
from collections import Counter
from collections.abc import Hashable, Iterable, Sequence
from itertools import pairwise

_FLOOR = 0.1
"""Stands for no common bigram. A draft without a common word is 0 whatever its bigrams."""


def tokens(text: str) -> list[str]:
    """Lower case, a blank before each full stop, cut at white space."""
    return text.lower().replace(".", " .").split()


def bleu2(reference: str, draft: str) -> float:
    """BLEU-2 of one draft: 0..1; 0 where either text is empty."""
    wanted, said = tokens(reference), tokens(draft)
    if not wanted or not said:
        return 0.0
    words = _common(wanted, said)
    if not words:
        return 0.0
    pairs = _common(_bigrams(wanted), _bigrams(said))
    precision = words / len(said) * (pairs or _FLOOR) / max(1, len(said) - 1)
    short = min(0.0, 1.0 - len(wanted) / len(said))
    return math.exp(short) * math.sqrt(precision)


def _bigrams(words: Sequence[str]) -> list[tuple[str, str]]:
    return list(pairwise(words))


def _common(wanted: Iterable[Hashable], said: Iterable[Hashable]) -> int:
    """How many are in both, each at most as often as in the reference."""
    return (Counter(wanted) & Counter(said)).total()
