"""Two records, or two systems in one, side by side: ratios, their intervals, and the noise."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from cxr_edge.benchmarks.record.files import RecordError, samples_of
from cxr_edge.benchmarks.record.samples import ENOUGH, Ratio, Samples, ratio, summary
from cxr_edge.benchmarks.record.stolen import stolen_words

_MACHINE = ("processor", "flags", "cores", "threads", "memory_mib", "gpus", "system", "python")
_NESTED = ("packages", "settings")
_LONGEST = 80
"""Letters of a value that a warning shows."""


@dataclass(frozen=True)
class Comparison:
    """One series of both."""

    series: str
    """Its name in A."""
    unit: str
    p50_a: float
    p50_b: float
    spread_a: float
    """How wide the middle half of the samples is, as a share of the median."""
    spread_b: float
    ratio: Ratio
    """A over B."""
    notes: tuple[str, ...]
    """What keeps it from being trusted."""

    @property
    def verdict(self) -> str:
        """``A more``, ``A less``, or ``not told apart`` where the interval holds 1."""
        if self.ratio.low <= 1 <= self.ratio.high:
            return "not told apart"
        return "A more" if self.ratio.low > 1 else "A less"


def compare_records(
    a: Mapping[str, Any],
    b: Mapping[str, Any],
    *,
    series: Sequence[str] = (),
    confidence: float = 0.99,
) -> list[Comparison]:
    """Every series that both records have, unpaired: they were not taken in turns.

    Args:
        a: a record.
        b: another.
        series: only these.
        confidence: of the intervals.

    Raises:
        RecordError: they share no series, or not one that was named.
    """
    of, to = samples_of(a), samples_of(b)
    shared = [name for name in of if name in to]
    for name in series:
        if name not in shared:
            raise RecordError(f"no series {name!r} in both records; choose from {_listed(shared)}")
    if not shared:
        raise RecordError(
            f"the records share no series: A has {_listed(of)}; B has {_listed(to)}; compare "
            "records of the same command"
        )
    chosen = series or shared
    return [_compare(name, of[name], to[name], False, confidence) for name in chosen]


def compare_systems(
    record: Mapping[str, Any], a: str, b: str, *, confidence: float = 0.99
) -> list[Comparison]:
    """Two systems of one record, in pairs where their samples were taken in turns.

    Args:
        record: what holds both.
        a: a series, or what the names of several begin with, before `` / ``.
        b: the same of the other; ``a / total`` is compared with ``b / total``.
        confidence: of the intervals.

    Raises:
        RecordError: one of the two is not there, or they share no series.
    """
    found = samples_of(record)
    for system in (a, b):
        if not any(_part(name, system) is not None for name in found):
            raise RecordError(f"no series of {system!r}; the record has {_listed(found)}")
    lines = []
    for name, ours in found.items():
        part = _part(name, a)
        theirs = found.get(f"{b}{part}") if part is not None else None
        if theirs is not None:
            same = bool(ours.group) and ours.group == theirs.group
            lines.append(_compare(name, ours, theirs, same, confidence))
    if not lines:
        raise RecordError(f"{a!r} and {b!r} share no series; the record has {_listed(found)}")
    return lines


def differences(a: Mapping[str, Any], b: Mapping[str, Any]) -> Iterator[str]:
    """What other than the figures differs between two records, one line each."""
    if a["command"] != b["command"]:
        yield f"command: {a['command']} in A, {b['command']} in B"
    for name in _MACHINE:
        yield from _differs(name, a["machine"].get(name), b["machine"].get(name))
    for group in _NESTED:
        first, second = a["machine"].get(group) or {}, b["machine"].get(group) or {}
        for name in dict.fromkeys((*first, *second)):
            yield from _differs(name, first.get(name), second.get(name))
    for part in ("subject", "runs"):
        for name in dict.fromkeys((*a[part], *b[part])):
            yield from _differs(name, a[part].get(name), b[part].get(name))


def noise(record: Mapping[str, Any]) -> str:
    """The day of a record and what else the machine did, in words."""
    load = record["machine"]["load_average"]
    before, after = (
        f"{load[when][0]:.1f}" if load[when] else "not known" for when in ("before", "after")
    )
    words = f"{record['machine']['date']}, load average {before} before and {after} after"
    return f"{words}{stolen_words(record['machine'])}"


def _differs(name: str, first: object, second: object) -> Iterator[str]:
    if isinstance(first, list) and isinstance(second, list):
        # Of long lists, such as a processor's flags, only what they do not share.
        shared = [item for item in first if item in second]
        first, second = (
            [item for item in items if item not in shared] or None for items in (first, second)
        )
    if first != second:
        words = ["nothing" if value is None else str(value)[:_LONGEST] for value in (first, second)]
        yield f"{name}: {words[0]} in A, {words[1]} in B"


def _part(name: str, system: str) -> str | None:
    """What follows the system in the name of a series; None where it is of another."""
    if name == system:
        return ""
    return name.removeprefix(system) if name.startswith(f"{system} / ") else None


def _listed(names: Mapping[str, object] | Sequence[str]) -> str:
    return ", ".join(map(repr, names)) or "none"


def _compare(name: str, a: Samples, b: Samples, same_run: bool, confidence: float) -> Comparison:
    if a.unit != b.unit:
        raise RecordError(f"series {name!r} is in {a.unit} in A, in {b.unit} in B; measure again")
    paired = same_run and len(a.values) == len(b.values)
    try:
        found = ratio(a.values, b.values, paired=paired, confidence=confidence)
    except ValueError as problem:
        raise RecordError(f"series {name!r}: {problem}; choose others with --series") from problem
    notes = []
    if found.pairs < ENOUGH:
        kind = "pairs" if paired else "samples"
        notes.append(f"{found.pairs} {kind}, fewer than {ENOUGH}")
    if same_run and not paired:
        notes.append(f"{len(a.values)} and {len(b.values)} samples, so no pairs")
    return Comparison(
        series=name,
        unit=a.unit,
        p50_a=summary(a.values)["p50"],
        p50_b=summary(b.values)["p50"],
        spread_a=_spread(a.values),
        spread_b=_spread(b.values),
        ratio=found,
        notes=tuple(notes),
    )


def _spread(values: Sequence[float]) -> float:
    low, middle, high = np.percentile(values, (25, 50, 75))
    return float((high - low) / middle)
