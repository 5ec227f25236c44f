"""What the hypervisor gave to other guests of the machine while something was measured."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

Ticks = tuple[int, int]
"""Processor time that was wanted, and of it what other guests got."""


def ticks(stat: Path = Path("/proc/stat")) -> Ticks | None:
    """The time since the machine started; None where the system does not count what was stolen."""
    try:
        name, *counts = stat.read_text().partition("\n")[0].split()
        user, nice, system, _, _, interrupt, soft, stolen = map(int, counts[:8])
    except (OSError, ValueError):
        return None
    if name != "cpu":
        return None
    return user + nice + system + interrupt + soft + stolen, stolen


def share(before: Ticks | None, after: Ticks | None) -> float | None:
    """Of the processor time that was wanted in between the share that other guests got."""
    if before is None or after is None:
        return None
    wanted = after[0] - before[0]
    return round(min(max((after[1] - before[1]) / wanted, 0.0), 1.0), 4) if wanted > 0 else 0.0


def stolen_words(machine: Mapping[str, Any]) -> str:
    """The share that a record's ``machine`` tells, to end a sentence; empty if not known."""
    told = machine.get("stolen")
    return "" if told is None else f", {100 * told:.1f} % of the processor time stolen"
