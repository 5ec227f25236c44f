"""What load is put on: a door that serves one request at a time.

This is the plug point. The library is one door, a running service another
(``cxr_edge.serving.client``); a further one gives an ``Opener`` to ``sweep``, and nothing here
changes.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol


class Door(Protocol):
    """One worker's own way in; never used by two at once."""

    @property
    def about(self) -> Mapping[str, object]:
        """What is measured, for the record."""

    def serve(self, number: int) -> None:
        """Serve a request.

        Args:
            number: of the request, from 0; chooses what is sent.

        Raises:
            CxrEdgeError: it failed.
        """

    def close(self) -> None:
        """Give back what it holds."""


Opener = Callable[[], Door]
"""Called once in each worker; must be picklable where workers are processes."""


class LibraryDoor:
    """``Pipeline.run`` on a list of studies, one after the other and again."""

    def __init__(self, library: "Library") -> None:
        from cxr_edge.pipeline import Pipeline

        self._studies = library.studies
        self._pipeline = Pipeline.load(
            library.bundle, library.index, engine=library.engine, threads=library.threads
        )

    @property
    def about(self) -> Mapping[str, object]:
        """The provenance of its drafts."""
        return dict(self._pipeline.provenance)

    def serve(self, number: int) -> None:
        """Draft the report of the study whose turn it is."""
        self._pipeline.run(self._studies[number % len(self._studies)])

    def close(self) -> None:
        """Stop its decoder and its engine."""
        self._pipeline.close()


@dataclass(frozen=True)
class Library:
    """An ``Opener`` of ``LibraryDoor``: every worker loads its own pipeline."""

    studies: Sequence[Path]
    bundle: Path | None = None
    index: Path | None = None
    engine: str = "auto"
    threads: int = 1
    """Processors of each worker's encoder."""

    def __call__(self) -> LibraryDoor:
        """Load a pipeline."""
        return LibraryDoor(self)
