"""What was measured of one system at one level of compression."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from cxr_edge.benchmarks.quality.scores import Score

STAGES = ("read", "preprocess", "encode", "search", "compose", "write")
"""What a study goes through, in this order; ``total`` is the whole call, not their sum."""
OURS = "cxr-edge"
GENERATIVE = "generative"


class Key(NamedTuple):
    """What is measured: a system, with a level and a method where it has such."""

    system: str
    level: float
    method: str


@dataclass(frozen=True)
class Row:
    """One system at one level."""

    system: str
    """``cxr-edge`` or the name of a baseline."""
    level: float
    """Of compression: 0.15 merges sentences whose cosine is above 0.85."""
    rows: int
    """Sentences in the index."""
    ratio: float
    """How many times fewer than at level 0."""
    method: str
    stages_ms: Mapping[str, list[float]]
    """Every sample of ``STAGES`` and of ``total``, in the order in which they were taken."""
    processor_ms: list[float]
    """Of the whole call, all threads of this process: what neighbours on the machine hardly
    change. Without what the decode worker, a process of its own, takes for compressed files."""
    first_report_ms: float
    """From the start of a fresh process to its first written report; median of several."""
    peak_mb: float
    """Largest resident memory of that process and its helpers together, in MB (10^6)."""
    scores: tuple["Score", ...]
    """Quality; empty where there are no reports to compare with, or the vectors are synthetic."""
    synthetic: bool
    """Its vectors, or the weights of what writes its sentences, are made up."""
    agreement: float | None
    """Share of the sentences that ``cxr-edge`` drafts, at this level, that it drafts as well."""
    note: str

    def to_json(self) -> dict[str, Any]:
        """As the record holds it; times rounded to the microsecond."""
        stages = {
            name: [round(value, 3) for value in values] for name, values in self.stages_ms.items()
        }
        processor = [round(value, 3) for value in self.processor_ms]
        return {**asdict(self), "stages_ms": stages, "processor_ms": processor}


def of(rows: Sequence[Row], system: str, level: float, method: str = "") -> Row | None:
    """The row of a system at a level, with a method or else its first, where it was measured."""
    return next(
        (
            row
            for row in rows
            if (row.system, row.level) == (system, level) and method in ("", row.method)
        ),
        None,
    )


def label(row: Row, among: Sequence[Row]) -> str:
    """What to call a row: the system, its method too where ``among`` has several of the system."""
    several = any(one.system == row.system and one.method != row.method for one in among)
    return f"{row.system}, {row.method}" if several else row.system
