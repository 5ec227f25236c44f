"""One BLAS thread while a study is drafted.

The products here are small (a resize, a few thousand scores). Split over two threads they gain
nothing on an idle machine, and on a busy one each waits for the slower of the two; the measured
difference is in docs/decisions.md. The limit holds for the calls that ask for it and is then
lifted, so that other work of the host program keeps its threads.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from threading import Lock
from typing import Any

from threadpoolctl import ThreadpoolController

_lock = Lock()
_inside = 0
_limit: Any = None


@cache
def _libraries() -> ThreadpoolController:
    return ThreadpoolController().select(user_api="blas")


@contextmanager
def one_blas_thread() -> Iterator[None]:
    """Keep numpy's BLAS to one thread inside the block; about 20 µs.

    The setting belongs to the process. Where blocks of several threads overlap, the first in sets
    it and the last out lifts it; otherwise one would record the other's limit as the normal state.
    """
    global _inside, _limit
    with _lock:
        if _inside == 0:
            _limit = _libraries().limit(limits=1)
        _inside += 1
    try:
        yield
    finally:
        with _lock:
            _inside -= 1
            if _inside == 0:
                _limit.restore_original_limits()
