"""One BLAS thread while a study is drafted.

The products here are small (a resize, a few thousand scores). Split over two threads they gain
nothing on an idle machine, and on a busy one each waits for the slower of the two; the measured
difference is in docs/decisions.md. The limit holds for the calls that ask for it and is then
lifted, so that other work of the host program keeps its threads.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache

from threadpoolctl import ThreadpoolController


@cache
def _libraries() -> ThreadpoolController:
    return ThreadpoolController().select(user_api="blas")


@contextmanager
def one_blas_thread() -> Iterator[None]:
    """Keep numpy's BLAS to one thread inside the block; about 20 µs."""
    with _libraries().limit(limits=1):
        yield
