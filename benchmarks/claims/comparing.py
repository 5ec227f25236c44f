"""From measurements to claims: ratios between neighbours, and ours beside the paper's."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from cxr_edge.benchmarks.claims.result import GENERATIVE, OURS, Row, label, of
from cxr_edge.benchmarks.pictures import paper
from cxr_edge.benchmarks.record import Ratio, ratio

STUDIES = 500
"""Studies of CheXpert's test set, which the paper's seconds are for."""
RECOMMENDED = 0.15
PROCESSOR = "processor"
COMPARED = ("total", PROCESSOR, "search")
_NOT_MEASURED = "not measured"
_SELECT = "select"


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


def named(row: Row, among: Sequence[Row]) -> str:
    """System and level; the method too where ``among`` has several of the system."""
    return f"{label(row, among)} @ {row.level:g}"


def all_times(rows: Sequence[Row]) -> list[Times]:
    """Each baseline against ours at the same level, at every level; then ours against ours.

    A baseline stands against our row of its level and method; what has no level and no method of
    ours, because it writes its sentences itself, against every row of ours. Ours without
    compression stands against each level, and each further method against the first at its level.
    """
    found = []
    for slower, faster in _pairs(rows):
        for stage in COMPARED:
            a, b = _samples(slower, stage), _samples(faster, stage)
            if min(*a, *b) > 0:
                times = ratio(a, b, paired=True)
                found.append(Times(named(slower, rows), named(faster, rows), stage, times))
    return found


def _pairs(rows: Sequence[Row]) -> Iterator[tuple[Row, Row]]:
    ours = [row for row in rows if row.system == OURS]
    for row in rows:
        if row.system == OURS:
            continue
        same = [one for one in ours if (one.level, one.method) == (row.level, row.method)]
        yield from ((row, one) for one in (ours if row.system == GENERATIVE else same))
    for row in ours:
        whole = of(ours, OURS, 0.0, row.method)
        if row.level > 0 and whole is not None:
            yield whole, row
    for row in ours:
        first = of(ours, OURS, row.level)
        if first is not None and first is not row:
            yield row, first


def _samples(row: Row, stage: str) -> list[float]:
    return row.processor_ms if stage == PROCESSOR else row.stages_ms[stage]


def claims(rows: Sequence[Row], about: str) -> list[Claim]:
    """The runtime claims of CXR-RePaiR (Endo et al., ML4H 2021, section 7) and its F1.

    Args:
        rows: as measured.
        about: what our sentences are.
    """
    # The paper's times and sizes are of Select; of other methods where that was not measured.
    method = _SELECT if of(rows, OURS, 0.0, _SELECT) else ""
    whole, compressed = of(rows, OURS, 0.0, method), of(rows, OURS, RECOMMENDED, method)
    generative = of(rows, GENERATIVE, 0.0)
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
            _generator(generative),
        ),
        Claim(
            "F1 at 15 %, of Select",
            ".329, .352",
            _f1(compressed),
            "MIMIC-CXR's sentences, CheXpert's studies, and CheXbert's labels",
        ),
    ]


def _generator(row: Row | None) -> str:
    if row is None:
        return "name a bundle with --generator"
    if row.synthetic:
        return "another network than M2's, its weights made up, its texts as long as allowed"
    return "another network than M2's"


def _less(one: Row | None, other: Row | None) -> str:
    if one is None or other is None:
        return _NOT_MEASURED
    times = ratio(one.stages_ms["total"], other.stages_ms["total"], paired=True)
    value, low, high = (100 * (part - 1) for part in (times.value, times.low, times.high))
    return f"{value:+.0f} % [{low:+.0f}, {high:+.0f}]"


def _f1(row: Row | None) -> str:
    """CheXbert's F1 alone: a figure of the rules is never set against the paper's."""
    if row is None or row.method != _SELECT:
        return _NOT_MEASURED
    if row.synthetic:
        return "synthetic"
    found = next((one for one in row.scores if one.name == "F1"), None)
    if found is None:
        return "no reports to compare with"
    return found.note or "needs CheXbert" if found.value is None else f"{found.value:.3f}"
