"""What is measured: a system that turns the file of a study into a written draft."""

from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Protocol, cast

from cxr_edge.benchmarks.claims.result import OURS


@dataclass(frozen=True)
class Setup:
    """All that a system needs to open itself, also in a process of its own."""

    system: str
    bundle: str
    index: str
    method: str
    engine: str
    threads: int
    k: int
    work: str
    """Folder for files that a system prepares once, such as a graph."""
    aim: str = ""
    """File of picture vectors (.npy) that stand for the encoder's; empty: the encoder's own."""


@dataclass(frozen=True)
class Answer:
    """What a system made of one study."""

    sentences: tuple[str, ...]
    """Of the draft, each once."""
    stages_ms: Mapping[str, float]
    """Milliseconds of each of ``result.STAGES``."""


class System(Protocol):
    """An opened system."""

    note: str
    """What a reader of its figures must know; may be empty."""

    def draft(self, study: Path, out: Path, number: int) -> Answer:
        """Read a study and write its draft.

        Args:
            study: the file.
            out: where the draft goes.
            number: which of the studies it is, from 0; chooses the vector of ``Setup.aim``.
        """
        ...

    def close(self) -> None:
        """Give processes and memory back."""
        ...


_BASELINES = "cxr_edge.benchmarks.claims.baselines"
SYSTEMS: dict[str, str] = {
    OURS: "cxr_edge.benchmarks.claims.ours:Ours",
    "released-code": f"{_BASELINES}.released:ReleasedCode",
    "torch": f"{_BASELINES}.plain_torch:PlainTorch",
    "ort-hnswlib": f"{_BASELINES}.hnsw:OrtHnswlib",
    "generative": "cxr_edge.benchmarks.claims.ours:Ours",
}
"""Where the class of each system is, as ``module:class``; it takes a ``Setup``."""


def open_system(setup: Setup) -> System:
    """Open a system by its name.

    Raises:
        CxrEdgeError: it cannot run here.
    """
    module, _, name = SYSTEMS[setup.system].partition(":")
    return cast(System, getattr(import_module(module), name)(setup))
