"""How many processors there are for this process, and for the work at hand."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

_allowed: ContextVar[int | None] = ContextVar("allowed", default=None)
_MOST = 4
"""The memory of a workstation feeds no more threads."""


def default_threads() -> int:
    """Processors this process may use: the container's share, not the machine's size."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


@contextmanager
def at_most(threads: int | None) -> Iterator[None]:
    """Use no more threads inside the block; None for as many as this process may use."""
    token = _allowed.set(threads)
    try:
        yield
    finally:
        _allowed.reset(token)


def worthwhile(amount: int, each: int) -> int:
    """Return how many threads to share work on large arrays among, at least 1.

    Args:
        amount: of the work, in any unit.
        each: what one thread gets through while another would be starting, in that unit.
    """
    return max(min(_allowed.get() or default_threads(), _MOST, amount // each), 1)
