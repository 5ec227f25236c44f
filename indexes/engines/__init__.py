"""Where the work of a build runs: in this process, or as tasks of Ray.

An engine changes how long a build takes, never one byte of the index. The registry holds import
paths as strings, so that listing the names loads nothing.
"""

from collections.abc import Callable, Iterable, Iterator
from importlib import import_module
from typing import Any, Protocol, cast

ENGINES: dict[str, str] = {
    "local": "cxr_edge.indexes.engines.local:LocalEngine",
    "ray": "cxr_edge.indexes.engines.on_ray:RayEngine",
}
"""Name of each engine and where its class is, as ``module:class``."""


class BuildEngine(Protocol):
    """Runs one function over many items and gives the results back in the order of the items."""

    width: int
    """How many tasks run at the same time."""
    threads: int | None
    """Processors for one task; None: all that the process may use."""

    def map(
        self,
        function: Callable[..., Any],
        shared: tuple[Any, ...],
        items: Iterable[tuple[Any, ...]],
    ) -> Iterator[Any]:
        """Call ``function(*shared, *item)`` for every item.

        Args:
            function: of module level; what it takes and returns can be pickled.
            shared: arguments that are the same in every call.
            items: taken one after the other, only a few ahead of the results.

        Raises:
            CxrEdgeError: what the function raised.
        """
        ...

    def close(self) -> None:
        """End what the engine started."""
        ...


def get_engine(name: str, threads: int | None = None) -> BuildEngine:
    """Start an engine by its name in ``ENGINES``.

    Raises:
        EngineUnavailable: the engine cannot run here.
    """
    module, _, attribute = ENGINES[name].partition(":")
    return cast(BuildEngine, getattr(import_module(module), attribute)(threads))
