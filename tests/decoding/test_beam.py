"""Beam search against exhaustive search and against plain greedy search."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cxr_edge.decoding import beam_search
from cxr_edge.decoding.beam import Step

END = 0


class Chain:
    """A random language: the next token depends on the last two and on which sequence it is."""

    def __init__(self, seed: int, vocabulary: int, sequences: int = 1) -> None:
        shape = (sequences, vocabulary, vocabulary, vocabulary)
        self.logits = np.random.default_rng(seed).normal(0, 2, shape).astype(np.float32)
        self.rows: list[int] = []

    def first(self, count: int) -> Step:
        last = np.ones(count, np.int64)
        return Step(self.logits[np.arange(count), last, last], {"last": last})

    def advance(self, tokens, state, of, position) -> Step:
        self.rows.append(len(tokens))
        logits = self.logits[of, state["last"], tokens]
        return Step(logits, {"last": tokens}, np.full((len(tokens), 1), position, np.float32))

    def score(self, sequence: int, tokens: tuple[int, ...]) -> float:
        before, last, total = 1, 1, 0.0
        for token in tokens:
            logits = self.logits[sequence, before, last].astype(np.float64)
            total += logits[token] - np.log(np.exp(logits).sum())
            before, last = last, token
        return total


def every_outcome(vocabulary: int, limit: int):
    """All sequences that end, and all that the limit cuts off."""
    words = [token for token in range(vocabulary) if token != END]
    for length in range(limit + 1):
        for tokens in itertools.product(words, repeat=length):
            yield tokens if length == limit else (*tokens, END)


@pytest.mark.parametrize("seed", range(20))
def test_wide_beams_find_the_most_probable_sequence(seed):
    chain = Chain(seed, 4)
    best = max(every_outcome(4, 4), key=lambda tokens: chain.score(0, tokens))
    (found,) = beam_search(chain.first(1), chain.advance, beams=4**4, end=END, limit=4)
    assert (*found.tokens, *([END] if found.ended else [])) == best
    assert found.score == pytest.approx(chain.score(0, best), abs=1e-9)


@pytest.mark.parametrize("seed", range(20))
def test_one_beam_is_greedy(seed):
    chain = Chain(seed, 6)
    before, last, tokens = 1, 1, []
    while len(tokens) < 7:
        token = int(chain.logits[0, before, last].argmax())
        if token == END:
            break
        tokens.append(token)
        before, last = last, token
    (found,) = beam_search(chain.first(1), chain.advance, beams=1, end=END, limit=7)
    assert list(found.tokens) == tokens
    assert found.ended == (len(tokens) < 7)


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 10_000), beams=st.integers(1, 5), count=st.integers(1, 4))
def test_sequences_do_not_disturb_each_other(seed, beams, count):
    chain = Chain(seed, 5, count)
    together = beam_search(chain.first(count), chain.advance, beams=beams, end=END, limit=6)
    for k, found in enumerate(together):
        alone = Chain(seed, 5, count)
        alone.logits = alone.logits[k : k + 1]
        (wanted,) = beam_search(alone.first(1), alone.advance, beams=beams, end=END, limit=6)
        assert (found.tokens, found.ended) == (wanted.tokens, wanted.ended)
        assert found.score == pytest.approx(chain.score(k, (*found.tokens, *[END] * found.ended)))


def test_notes_follow_their_tokens():
    chain = Chain(3, 5)
    chain.logits[..., END] = -20.0
    first = chain.first(1)
    first = Step(first.logits, first.state, np.zeros((1, 1), np.float32))
    (found,) = beam_search(first, chain.advance, beams=3, end=END, limit=5)
    assert [float(note[0]) for note in found.notes] == [0, 1, 2, 3, 4]
    assert not found.ended


@pytest.mark.parametrize("seed", range(5))
def test_sums_are_the_score_after_each_token(seed):
    chain = Chain(seed, 5)
    (found,) = beam_search(chain.first(1), chain.advance, beams=3, end=END, limit=6)
    wanted = [chain.score(0, found.tokens[: n + 1]) for n in range(len(found.tokens))]
    assert found.sums == pytest.approx(wanted)


def test_equal_scores_take_the_lower_token_first():
    level = Step(np.zeros((1, 6), np.float32), {})

    def advance(tokens, state, of, position):
        return Step(np.zeros((len(tokens), 6), np.float32), {})

    (found,) = beam_search(level, advance, beams=2, end=5, limit=3)
    assert found.tokens == (0, 0, 0)


def test_a_sequence_that_is_done_costs_no_rows():
    chain = Chain(1, 5, 2)
    chain.logits[0, ..., END] = 30.0
    chain.logits[1, ..., END] = -30.0
    beam_search(chain.first(2), chain.advance, beams=3, end=END, limit=4)
    assert chain.rows == [3, 3, 3]
