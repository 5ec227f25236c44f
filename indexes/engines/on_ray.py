"""The same tasks over Ray, on the processors of this machine or of a running cluster.

``RAY_ADDRESS`` names a cluster, as Ray documents it; the folder of the build must then be one that
every node sees under the same path. Without it a Ray of our own runs on this machine alone and
ends with the build. Ray's usage report to its makers is switched off.
"""

import logging
import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from typing import Any

from cxr_edge.engines import default_threads
from cxr_edge.errors import EngineUnavailable

_STORE_BYTES = 256 * 2**20
"""Shared memory of a Ray of our own: blocks of texts and vectors, not the corpus."""
_AHEAD = 2
"""Tasks handed out for each processor, so that none waits for the next item."""


class RayEngine:
    """See ``BuildEngine``."""

    threads: int | None = 1

    def __init__(self, threads: int | None = None) -> None:
        os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
        try:
            import ray
        except ModuleNotFoundError:
            raise EngineUnavailable(
                "the engine 'ray' needs the package ray; run: pip install 'cxr-edge[ray]', or "
                "leave out --engine ray: the index is the same"
            ) from None
        self._ray: Any = ray
        self._own = not self._ray.is_initialized()
        if self._own and os.environ.get("RAY_ADDRESS"):
            try:
                self._ray.init(log_to_driver=False, logging_level=logging.ERROR)
            except ConnectionError:
                raise EngineUnavailable(
                    f"no Ray answers at RAY_ADDRESS={os.environ['RAY_ADDRESS']}; start it, or "
                    "unset RAY_ADDRESS to use this machine alone"
                ) from None
        elif self._own:
            self._ray.init(
                num_cpus=threads or default_threads(),
                object_store_memory=_STORE_BYTES,
                include_dashboard=False,
                log_to_driver=False,
                logging_level=logging.ERROR,
            )
        self.width = max(1, int(self._ray.cluster_resources().get("CPU", 1)))

    def map(
        self,
        function: Callable[..., Any],
        shared: tuple[Any, ...],
        items: Iterable[tuple[Any, ...]],
    ) -> Iterator[Any]:
        """See ``BuildEngine``."""
        remote = self._ray.remote(function)
        references = tuple(self._ray.put(value) for value in shared)
        waiting, running = iter(items), deque[Any]()
        while True:
            for item in islice(waiting, _AHEAD * self.width - len(running)):
                running.append(remote.remote(*references, *item))
            if not running:
                return
            try:
                result = self._ray.get(running.popleft())
            except self._ray.exceptions.RayTaskError as problem:
                raise problem.cause from None
            yield result

    def close(self) -> None:
        """See ``BuildEngine``; a Ray that was there before stays."""
        if self._own:
            self._ray.shutdown()
