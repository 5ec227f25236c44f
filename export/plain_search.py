"""Beam search in its plainest form: what the runtime's search is compared with.

Hypotheses are tuples of tokens, nothing is cached or reordered here, and whoever says what comes
next is given whole sequences.
"""

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

Tokens = tuple[int, ...]
Next = Callable[[Sequence[Tokens]], NDArray[np.float32]]
"""Sequences of one length, the start included -> logits (n, V) of what follows each."""


def plain_search(following: Next, *, start: int, end: int, beams: int, limit: int) -> Tokens:
    """The best sequence by the rules of ``beam_search``, without its start and end."""
    alive: list[tuple[Tokens, float]] = [((start,), 0.0)]
    done: list[tuple[Tokens, float]] = []
    for _ in range(limit):
        logits = following([tokens for tokens, _ in alive]).astype(np.float64)
        logs = logits - np.logaddexp.reduce(logits, axis=1, keepdims=True)
        totals = np.array([total for _, total in alive])[:, None] + logs
        ranked = np.argsort(-totals, axis=None, kind="stable")[: 2 * beams]
        grown = [
            ((*alive[row][0], int(token)), float(totals[row, token]))
            for row, token in zip(*np.unravel_index(ranked, totals.shape), strict=True)
        ]
        done += [(tokens, total) for tokens, total in grown[:beams] if tokens[-1] == end]
        alive = [(tokens, total) for tokens, total in grown if tokens[-1] != end][:beams]
        if not alive or (done and max(total for _, total in done) >= alive[0][1]):
            break
    else:
        done += alive
    best, _ = max(done, key=lambda entry: entry[1])
    return best[1:-1] if best[-1] == end else best[1:]
