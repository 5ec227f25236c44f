"""A record of a small real run: the phantom drafted from two levels of the embedded index."""

import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from cxr_edge.benchmarks.claims.comparing import all_times, claims, named
from cxr_edge.benchmarks.claims.levels import of_index
from cxr_edge.benchmarks.claims.ours import Ours
from cxr_edge.benchmarks.claims.result import OURS, Row
from cxr_edge.benchmarks.claims.system import Setup
from cxr_edge.benchmarks.pictures.rows import read_rows
from cxr_edge.benchmarks.quality.scores import Score
from cxr_edge.benchmarks.record import Samples, new_record
from cxr_edge.bundle import Bundle
from cxr_edge.pipeline import locate

RUNS = 12
NEEDED = Score("F1", None, None, None, "needs CheXbert")


def scores(f1: float, chexbert: Score = NEEDED) -> tuple[Score, ...]:
    """Chosen by hand: one phantom has no report to score a draft against."""
    rules = Score("label F1 (rules)", f1, f1 - 0.05, f1 + 0.04)
    return (Score("BLEU-2", 0.08, 0.07, 0.09), rules, chexbert)


def record_of(rows: list[Row], **subject: object) -> dict[str, Any]:
    about = {"studies": "one phantom", "index": "the embedded index", "threads": 1, **subject}
    return new_record(
        "",
        subject=about,
        runs={"warm_up": 1, "rounds": RUNS},
        samples={
            f"{named(row, rows)} / {row.method} / {stage}": Samples("ms", list(values), "turns")
            for row in rows
            for stage, values in row.stages_ms.items()
        },
        results={
            "rows": [row.to_json() for row in rows],
            "ratios": [
                {
                    "slower": one.slower,
                    "faster": one.faster,
                    "stage": one.stage,
                    "ratio": vars(one.ratio),
                }
                for one in all_times(rows)
            ],
            "paper": [vars(claim) for claim in claims(rows, "the embedded index")],
        },
        notes=["a test"],
    )


def measured(setup: Setup, phantom: Path, out: Path) -> dict[str, list[float]]:
    system = Ours(setup)
    try:
        samples: dict[str, list[float]] = {}
        for _ in range(RUNS):
            answer = system.draft(phantom, out, 0)
            stages = dict(answer.stages_ms)
            stages["total"] = sum(value for name, value in stages.items() if name != "total")
            for stage, value in stages.items():
                samples.setdefault(stage, []).append(value)
    finally:
        system.close()
    return samples


@pytest.fixture(scope="session")
def measured_rows() -> Iterator[list[Row]]:
    """Ours at two levels, a method more, and a system of another name."""
    phantom = Path(__file__).resolve().parents[3] / "examples" / "phantom.dcm"
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        bundle = Bundle.load(locate("bundle", None))
        levels = of_index(locate("index", None), bundle, (0.15,), folder)
        plan = [
            (OURS, 0.0, "select", 0.31),
            (OURS, 0.15, "select", 0.27),
            ("released-code", 0.0, "select", 0.33),
            ("another", 0.15, "guided", 0.41),
        ]
        rows = []
        for system, level, method, f1 in plan:
            place = str(levels.places[level])
            setup = Setup(OURS, str(bundle.directory), place, method, "cpu", 1, 6, name)
            stages = measured(setup, phantom, folder / "draft.txt")
            size = 6465 if level == 0 else 44
            row = Row(
                system=system,
                level=level,
                rows=size,
                ratio=6465 / size,
                method=method,
                stages_ms=stages,
                processor_ms=[0.9 * total for total in stages["total"]],
                first_report_ms=700.0,
                peak_mb=150.0,
                scores=scores(f1),
                synthetic=False,
                agreement=None if system == OURS else 1.0,
                note="",
            )
            rows.append(row)
        yield rows


@pytest.fixture(scope="session")
def drawn_record(measured_rows: list[Row]) -> dict[str, Any]:
    return record_of(measured_rows)


@pytest.fixture(scope="session")
def drawn_rows(drawn_record: dict[str, Any]) -> list[Row]:
    """What the pictures are drawn from: a record keeps times to the microsecond."""
    return read_rows(drawn_record)


@pytest.fixture(scope="session")
def synthetic_record(measured_rows: list[Row]) -> dict[str, Any]:
    return record_of([replace(row, synthetic=True, scores=()) for row in measured_rows])


@pytest.fixture(scope="session")
def chexbert_record(measured_rows: list[Row]) -> dict[str, Any]:
    """As if CheXbert's weights had been there."""
    found = Score("F1", 0.3, 0.28, 0.33)
    return record_of([replace(row, scores=scores(0.3, found)) for row in measured_rows])
