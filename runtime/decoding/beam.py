"""Beam search over any step function; one beam is greedy search."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

State = Mapping[str, NDArray[Any]]


@dataclass(frozen=True)
class Step:
    """What a network says after one token, a row for each hypothesis."""

    logits: NDArray[np.float32]
    """float32 (R, V)."""
    state: State
    """Arrays (R, ...) that the next step needs; rows are reordered with the beams."""
    notes: NDArray[np.float32] | None = None
    """float32 (R, ...) kept with the token this step leads to, such as an attention map."""


Advance = Callable[[NDArray[np.int64], State, NDArray[np.int64], int], Step]
"""Tokens int64 (R,), state, sequence of each row int64 (R,), their position -> the next step."""


@dataclass(frozen=True)
class Decoded:
    """The best sequence found."""

    tokens: tuple[int, ...]
    """Without the start and the end."""
    score: float
    """Sum of the log-probabilities, the end's included where there is one."""
    ended: bool
    """False where the limit cut it off."""
    sums: tuple[float, ...] = ()
    """``score`` as it stood after each token."""
    notes: tuple[NDArray[np.float32], ...] = ()
    """One a token, where the step function gives any."""


@dataclass(frozen=True)
class _Open:
    """A hypothesis that may go on."""

    row: int
    """Of the step whose logits continue it."""
    decoded: Decoded


def beam_search(
    first: Step, advance: Advance, *, beams: int, end: int, limit: int
) -> list[Decoded]:
    """Search each of N sequences; those that are done cost no further steps.

    Each step ranks all continuations of a sequence's hypotheses by the sum of log-probabilities,
    without a length penalty, equal ones in the order of hypothesis and token. Of the first
    ``beams``, those that end are set aside; the first ``beams`` that do not end go on. A sequence
    is done when its best ended hypothesis is at least as good as its best open one (sums only
    fall), or when its open ones have ``limit`` tokens: then the best of all is taken.

    Args:
        first: after the start token, N rows.
        advance: gives the next step; its rows are in the order of the tokens it gets.
        beams: hypotheses kept for each sequence, at least 1.
        end: token that ends a sequence.
        limit: most tokens of a sequence, the end not counted; at least 1.

    Returns:
        N results in the order of the rows of ``first``.
    """
    count, vocabulary = first.logits.shape
    live = {k: [_Open(k, Decoded((), 0.0, False))] for k in range(count)}
    ended: dict[int, list[Decoded]] = {k: [] for k in range(count)}
    results: dict[int, Decoded] = {}
    step = first
    for position in range(1, limit + 1):
        logs = _log_softmax(step.logits)
        going: dict[int, list[_Open]] = {}
        for sequence, parents in live.items():
            sums = np.array([parent.decoded.score for parent in parents])
            totals = (sums[:, None] + logs[[parent.row for parent in parents]]).ravel()
            children: list[_Open] = []
            for rank, place in enumerate(_best(totals, 2 * beams)):
                parent, token = parents[place // vocabulary], int(place % vocabulary)
                score = float(totals[place])
                if token != end and len(children) < beams:
                    children.append(_Open(parent.row, _longer(parent, token, score, step)))
                elif token == end and rank < beams:
                    ended[sequence].append(replace(parent.decoded, score=score, ended=True))
            best = max(ended[sequence], key=lambda d: d.score, default=None)
            if position == limit:
                cut = [child.decoded for child in children]
                results[sequence] = max([*ended[sequence], *cut], key=lambda d: d.score)
            elif best is not None and (not children or best.score >= children[0].decoded.score):
                results[sequence] = best
            else:
                going[sequence] = children
        if not going:
            break
        order = [(sequence, child) for sequence, group in going.items() for child in group]
        rows = np.array([child.row for _, child in order])
        live = {sequence: [] for sequence in going}
        for row, (sequence, child) in enumerate(order):
            live[sequence].append(_Open(row, child.decoded))
        step = advance(
            np.array([child.decoded.tokens[-1] for _, child in order], np.int64),
            {name: array[rows] for name, array in step.state.items()},
            np.array([sequence for sequence, _ in order], np.int64),
            position,
        )
    return [results[sequence] for sequence in range(count)]


def _longer(parent: _Open, token: int, score: float, step: Step) -> Decoded:
    notes = parent.decoded.notes
    if step.notes is not None:
        notes = (*notes, step.notes[parent.row])
    before = parent.decoded
    return Decoded((*before.tokens, token), score, False, (*before.sums, score), notes)


def _log_softmax(logits: NDArray[np.float32]) -> NDArray[np.float64]:
    """float32 (R, V) -> float64 (R, V), so that long sums keep their order."""
    shifted = logits.astype(np.float64) - logits.max(axis=1, keepdims=True)
    return np.asarray(shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True)))


def _best(totals: NDArray[np.float64], count: int) -> NDArray[np.intp]:
    """Places of the largest values, best first, equal ones in their order."""
    if count >= len(totals):
        return np.argsort(-totals, kind="stable")
    least = np.partition(totals, len(totals) - count)[len(totals) - count]
    places = np.flatnonzero(totals >= least)
    return places[np.argsort(-totals[places], kind="stable")][:count]
