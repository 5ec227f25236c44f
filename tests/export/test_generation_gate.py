"""The gate on whole reports, and the plain search it takes its reference from."""

import itertools

import numpy as np
import pytest

from cxr_edge.export.generation import compare_reports, same_share
from cxr_edge.export.plain_search import plain_search

END = 0


def test_shares_count_tokens_and_ends_by_hand() -> None:
    want = [[(5, 6, 7)], [(8,), (9, 9)]]
    assert same_share(want, want) == 1.0
    # 4 places in the first report (three tokens and the end), 2 and 3 in the second.
    assert same_share(want, [[(5, 6, 1)], [(8,), (9, 9)]]) == 8 / 9
    assert same_share(want, [[(5, 6)], [(8,), (9, 9)]]) == 7 / 9
    assert same_share(want, [[(5, 6, 7)], [(8,)]]) == 6 / 9
    assert same_share([[]], [[(1, 2)]]) == 0.0


@pytest.mark.parametrize(
    ("got", "status"),
    [
        ([[(1,) * 99], [(2,) * 99]], "passed"),
        ([[(1,) * 98 + (3,)], [(2,) * 99]], "passed"),  # one of 200: .995
        ([[(1,) * 96 + (3,) * 3], [(2,) * 99]], "failed"),
    ],
)
def test_one_token_in_a_hundred_may_differ(got, status: str) -> None:
    record = compare_reports([[(1,) * 99], [(2,) * 99]], got, 0.99, 2)
    assert record["status"] == status
    assert bool(record["failures"]) == (status == "failed")
    assert record["agreement"]["tokens"]["reports"] == 2


def test_reports_that_are_all_alike_tell_nothing() -> None:
    alike = [[(1, 2, 3)]] * 4
    record = compare_reports(alike, alike, 0.99, 0)
    assert record["status"] == "uninformative"
    assert record["not_judged"] == ["tokens"]
    assert record["failures"] == []


def test_reports_must_differ_twenty_times_more_than_the_error() -> None:
    base = (7,) * 199
    want = [[base], [(8,) * 10 + base[10:]]]  # 5 % of the tokens tell them apart
    got = [[(9,) * 2 + base[2:]], want[1]]  # and .5 % are wrong
    record = compare_reports(want, got, 0.99, 2)
    assert record["status"] == "uninformative"
    assert compare_reports(want, want, 0.99, 2)["status"] == "passed"


@pytest.mark.parametrize("seed", range(10))
def test_the_plain_search_with_wide_beams_is_exhaustive(seed: int) -> None:
    table = np.random.default_rng(seed).normal(0, 2, (4, 4, 4)).astype(np.float32)

    def following(sequences):
        pairs = [(0, *tokens)[-2:] for tokens in sequences]
        return np.stack([table[a, b] for a, b in pairs])

    def score(tokens) -> float:
        total, before, last = 0.0, 0, 1
        for token in tokens:
            row = table[before, last].astype(np.float64)
            total += row[token] - np.log(np.exp(row).sum())
            before, last = last, token
        return float(total)

    whole = [
        (*words, *([END] if length < 4 else []))
        for length in range(5)
        for words in itertools.product((1, 2, 3), repeat=length)
    ]
    best = max(whole, key=score)
    found = plain_search(following, start=1, end=END, beams=4**4, limit=4)
    assert found == tuple(token for token in best if token != END)
