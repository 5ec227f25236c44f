"""From measurements to claims: ratios between neighbours, and ours beside the paper's."""

from collections.abc import Sequence
from dataclasses import dataclass

from cxr_edge.benchmarks.claims.result import OURS, Row, of
from cxr_edge.benchmarks.pictures import paper
from cxr_edge.benchmarks.record import Ratio, ratio

STUDIES = 500
"""Studies of CheXpert's test set, which the paper's seconds are for."""
RECOMMENDED = 0.15
PROCESSOR = "processor"
COMPARED = ("total", PROCESSOR, "search")
_NOT_MEASURED = "not measured"


@dataclass(frozen=True)
class Times:
    """How many times longer one row takes than another."""

    slower: str
    faster: str
    stage: str
    """One of ``COMPARED``."""
    ratio: Ratio


@dataclass(frozen=True)
class Claim:
    """One claim of the paper beside what was measured here."""

    claim: str
    paper: str
    ours: str
    differs: str


def seconds(row: Row) -> float:
    """Seconds for 500 studies: 500 times the mean of a row's totals."""
    totals = row.stages_ms["total"]
    return STUDIES * sum(totals) / len(totals) / 1e3


def named(row: Row) -> str:
    """System and level."""
    return f"{row.system} @ {row.level:g}"


def all_times(rows: Sequence[Row]) -> list[Times]:
    """Each baseline against ours at its level, and ours without compression against each level."""
    found = []
    for row in rows:
        ours = row.system == OURS
        other = of(tuple(rows), OURS, 0.0 if ours else row.level)
        if other is None or other is row:
            continue
        slower, faster = (other, row) if ours else (row, other)
        for stage in COMPARED:
            a, b = _samples(slower, stage), _samples(faster, stage)
            if min(*a, *b) > 0:
                times = ratio(a, b, paired=True)
                found.append(Times(named(slower), named(faster), stage, times))
    return found


def _samples(row: Row, stage: str) -> list[float]:
    return row.processor_ms if stage == PROCESSOR else row.stages_ms[stage]


def claims(rows: Sequence[Row], about: str) -> list[Claim]:
    """The runtime claims of CXR-RePaiR (Endo et al., ML4H 2021, section 7) and its F1.

    Args:
        rows: as measured.
        about: what our sentences are.
    """
    every = tuple(rows)
    whole, compressed = of(every, OURS, 0.0), of(every, OURS, RECOMMENDED)
    generative = of(every, "generative", 0.0)
    clock = "ours: 2026's processors, from the file to the written draft; the paper: one Titan X, "
    clock += "CheXpert's test set, and not said what the clock covered"
    synthetic = bool(whole and whole.synthetic)
    return [
        Claim(
            "sentences at 15 %",
            "40 times fewer",
            f"{compressed.ratio:.1f} times fewer" if compressed else _NOT_MEASURED,
            "ours is the size of the authors' corpus, not a measurement" if synthetic else about,
        ),
        Claim(
            f"{STUDIES} studies at 15 %",
            f"{paper.SECONDS:.0f} s",
            f"{seconds(compressed):.1f} s" if compressed else _NOT_MEASURED,
            clock,
        ),
        Claim(
            "15 % against no compression",
            "-65 %",
            _less(compressed, whole),
            "what does not depend on the corpus, such as reading a study, is in our clock",
        ),
        Claim(
            "15 % against the best generative",
            "-70 %",
            _less(compressed, generative),
            "name a bundle with --generator" if generative is None else "another network than M2's",
        ),
        Claim(
            "F1 at 15 %, of Select",
            ".329, .352",
            _f1(compressed),
            "MIMIC-CXR's sentences, CheXpert's studies, and CheXbert's labels",
        ),
    ]


def _less(one: Row | None, other: Row | None) -> str:
    if one is None or other is None:
        return _NOT_MEASURED
    times = ratio(one.stages_ms["total"], other.stages_ms["total"], paired=True)
    value, low, high = (100 * (part - 1) for part in (times.value, times.low, times.high))
    return f"{value:+.0f} % [{low:+.0f}, {high:+.0f}]"


def _f1(row: Row | None) -> str:
    """CheXbert's F1 alone: a figure of the rules is never set against the paper's."""
    if row is None:
        return _NOT_MEASURED
    if row.synthetic:
        return "synthetic"
    found = next((one for one in row.scores if one.name == "F1"), None)
    if found is None:
        return "no reports to compare with"
    return found.note or "needs CheXbert" if found.value is None else f"{found.value:.3f}"
