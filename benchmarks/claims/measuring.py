"""Runs the systems in turns over the studies, and each in a fresh process."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from time import process_time

from cxr_edge.benchmarks.claims.fresh import Fresh
from cxr_edge.benchmarks.claims.fresh import measure as measure_fresh
from cxr_edge.benchmarks.claims.result import OURS, STAGES, Key
from cxr_edge.benchmarks.claims.system import Setup, System, open_system
from cxr_edge.benchmarks.record import interleave
from cxr_edge.errors import CxrEdgeError

WARM_UP = 3
_FRESH_STUDIES = 5


@dataclass(frozen=True)
class Measured:
    """One system at one level, with one method."""

    stages_ms: Mapping[str, list[float]]
    processor_ms: list[float]
    drafts: Mapping[int, tuple[str, ...]]
    """Sentences by number of the study."""
    fresh: Fresh
    note: str


@dataclass
class _Runner:
    """Drafts one study after the other, from the first again after the last."""

    system: System
    files: Sequence[Path]
    out: Path
    calls: int = 0
    spans: list[Mapping[str, float]] = field(default_factory=list)
    processor: list[float] = field(default_factory=list)
    drafts: dict[int, tuple[str, ...]] = field(default_factory=dict)

    def __call__(self) -> None:
        number = self.calls % len(self.files)
        self.calls += 1
        began = process_time()
        answer = self.system.draft(self.files[number], self.out, number)
        self.processor.append((process_time() - began) * 1e3)
        self.spans.append(answer.stages_ms)
        self.drafts[number] = answer.sentences


def unreadable(setup: Setup, files: Sequence[Path], folder: Path) -> dict[int, str]:
    """Studies that a system cannot draft from, by number, and why.

    Raises:
        CxrEdgeError: the system cannot be opened.
    """
    system, failures = open_system(setup), {}
    try:
        for number, file in enumerate(files):
            try:
                system.draft(file, folder / "tried.txt", number)
            except CxrEdgeError as problem:
                failures[number] = str(problem)
    finally:
        system.close()
    return failures


def measure(
    setups: Mapping[Key, Setup],
    files: Sequence[Path],
    rounds: int,
    folder: Path,
    said: Callable[[str], object],
    *,
    fresh: int = 3,
) -> dict[Key, Measured]:
    """Measure every system at every level in one run.

    Args:
        setups: what to open.
        files: studies, all readable.
        rounds: timed calls of each; calls of one round are neighbours and draft the same study.
        folder: for drafts.
        said: told what is being done.
        fresh: fresh processes of ours; of a baseline one.
    """
    with ExitStack() as stack:
        runners: dict[str, _Runner] = {}
        for key, setup in setups.items():
            said(f"opening {_name(key)}")
            system = open_system(setup)
            stack.callback(system.close)
            runners[_name(key)] = _Runner(system, files, folder / f"{len(runners)}.txt")
        said(f"{rounds} rounds of {len(runners)} systems, {WARM_UP} before them to warm up")
        totals = interleave(runners, rounds, warm_up=WARM_UP)
        notes = {name: runner.system.note for name, runner in runners.items()}
    measured = {}
    for key, setup in setups.items():
        name = _name(key)
        said(f"{name} in a fresh process")
        runner = runners[name]
        stages = {
            stage: [float(span.get(stage, 0.0)) for span in runner.spans[WARM_UP:]]
            for stage in STAGES
        }
        runs = fresh if key.system == OURS else 1
        started = measure_fresh(setup, files[:_FRESH_STUDIES], runs)
        measured[key] = Measured(
            {**stages, "total": totals[name]},
            runner.processor[WARM_UP:],
            runner.drafts,
            started,
            notes[name],
        )
    return measured


def _name(key: Key) -> str:
    return f"{key.system}, {key.method} at {key.level:g}"


def agreement(ours: Mapping[int, tuple[str, ...]], other: Mapping[int, tuple[str, ...]]) -> float:
    """Share of the sentences of our drafts that another system drafts for the same study."""
    shared = sum(len(set(ours[number]) & set(other[number])) for number in ours)
    return shared / max(1, sum(len(drafted) for drafted in ours.values()))
