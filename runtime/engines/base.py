"""What every engine offers: a probe, a loader, and a running network."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Protocol

from numpy.typing import NDArray

from cxr_edge.engines.packages import Need

Arrays = Mapping[str, NDArray[Any]]
Weights = Mapping[str, bytes]
"""Content of the files in which a large ONNX graph keeps its weights, by the names it gives."""
Axes = Mapping[str, tuple[int, int, int]]
"""Sizes of open axes behind the batch, by the axis' name: least, usual, most."""
NONE: Mapping[str, Any] = MappingProxyType({})
"""No weights outside, nothing resident, no sizes known."""


@dataclass(frozen=True)
class Probe:
    """Whether an engine can run here, and if not, what is missing and what to do."""

    available: bool
    detail: str
    """Version and provider where available, otherwise the reason and the fix, in one line."""


@dataclass(frozen=True)
class EngineInfo:
    """What really runs; goes into every report's provenance."""

    name: str
    """Name in the registry: ``cpu`` and so on."""
    version: str
    provider: str
    """What the library says it used, not what was asked for."""
    threads: int


class Engine(Protocol):
    """One loaded network. Not to be shared between processes; one thread at a time."""

    info: EngineInfo

    def run(self, inputs: Arrays) -> dict[str, NDArray[Any]]:
        """Run the network once on named arrays and return its named outputs."""
        ...

    def close(self) -> None:
        """Give the memory back; the engine cannot be used afterwards."""
        ...


class EngineModule(Protocol):
    """What a file ``runtime/engines/<name>.py`` provides at module level."""

    def needs(self) -> list[Need]:
        """Packages, libraries and drivers, those that are missing too; loads none of them."""
        ...

    def probe(self) -> Probe:
        """Answer without loading a network and without raising."""
        ...

    def load(
        self, model: bytes, threads: int, weights: Weights, resident: Arrays, axes: Axes
    ) -> Engine:
        """Load an ONNX graph.

        Args:
            model: the graph.
            threads: processors to use.
            weights: the files in which it keeps weights, which may be none.
            resident: inputs that go to the device once; ``run`` takes the others.
            axes: for engines that are built for certain sizes.

        Raises:
            EngineUnavailable: the engine cannot run here.
            BundleError: the graph is not one this engine can load.
        """
        ...
