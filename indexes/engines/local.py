"""One task after the other, in this process; BLAS and the network use its processors."""

from collections.abc import Callable, Iterable, Iterator
from typing import Any


class LocalEngine:
    """See ``BuildEngine``."""

    width = 1

    def __init__(self, threads: int | None = None) -> None:
        self.threads = threads

    def map(
        self,
        function: Callable[..., Any],
        shared: tuple[Any, ...],
        items: Iterable[tuple[Any, ...]],
    ) -> Iterator[Any]:
        """See ``BuildEngine``."""
        for item in items:
            yield function(*shared, *item)

    def close(self) -> None:
        """See ``BuildEngine``; there is nothing to end."""
