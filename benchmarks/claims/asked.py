"""What the user asks of the main command."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from cxr_edge.benchmarks.claims import baselines


@dataclass(frozen=True)
class Asked:
    """What the user asked for."""

    levels: tuple[float, ...]
    bundle: Path | None = None
    index: Path | None = None
    corpus: Path | None = None
    corpus_split: str | None = None
    corpus_size: int | None = None
    graph: bool = False
    keep: Path | None = None
    """Folder that the levels are written to, for another run's ``index``."""
    studies: str = "generated"
    split: str | None = None
    count: int | None = None
    methods: tuple[str, ...] = ("select",)
    """Of ours, each measured; baselines take the first that they can do."""
    k: int = 6
    engine: str = "auto"
    precision: str | None = None
    threads: int | None = None
    baselines: tuple[str, ...] = ()
    insisted: bool = False
    """The baselines were named, not all of them taken: none is skipped for its cost."""
    generator: Path | None = None
    """A bundle that writes reports."""
    made_up_generator: str = ""
    """Instead of one: an architecture that writes reports, with made-up weights."""
    chexbert: Path | None = None
    architecture: str | None = None
    calibration: Path | None = None
    recipe: str = "published"
    samples: int = 30
    fresh: int = 3


def names_of(chosen: Sequence[str]) -> tuple[tuple[str, ...], bool]:
    """Baselines by what ``--baseline`` was given, and whether they were named one by one."""
    if not chosen or "all" in chosen:
        return tuple(baselines.NEEDS), False
    if "none" in chosen:
        return (), False
    return tuple(dict.fromkeys(chosen)), True
