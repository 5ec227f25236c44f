"""The compiled pixel path, where it could be built; numpy does the same work without it.

``kernels`` is where the two part. It gives None, and so numpy, where there is no extension, where
CXR_EDGE_NO_NATIVE=1 is set when the process starts, and inside ``numpy_only``.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from types import ModuleType

from cxr_edge.processors import worthwhile

_native: ModuleType | None
try:
    if os.environ.get("CXR_EDGE_NO_NATIVE") == "1":
        raise ModuleNotFoundError
    import cxr_edge.preprocess.native._native as _built

    _native = _built
except ImportError:
    _native = None

_numpy_only: ContextVar[bool] = ContextVar("numpy_only", default=False)
_SMALL = 1 << 18
"""Pixels that one thread works through while another would be starting."""


def kernels() -> ModuleType | None:
    """Return the extension module, or None where numpy is to do the work."""
    return None if _numpy_only.get() else _native


@contextmanager
def numpy_only() -> Iterator[None]:
    """Leave the extension alone inside the block, as a measurement beside it needs."""
    token = _numpy_only.set(True)
    try:
        yield
    finally:
        _numpy_only.reset(token)


def threads_for(pixels: int) -> int:
    """Return how many threads a picture of so many pixels is worth here."""
    return worthwhile(pixels, _SMALL)
