"""The committed records of the main command are whole, and hold what is promised of them."""

from pathlib import Path

import pytest

from cxr_edge.benchmarks.claims.comparing import named
from cxr_edge.benchmarks.claims.result import STAGES
from cxr_edge.benchmarks.pictures.rows import read_rows
from cxr_edge.benchmarks.record import read_record, samples_of

RESULTS = Path(__file__).resolve().parents[3] / "benchmarks" / "results"
RECORDS = sorted(RESULTS.glob("claims-*.json"))


def test_they_are_here() -> None:
    names = {path.stem for path in RECORDS}
    assert names >= {"claims-embedded", "claims-open-i", "claims-331k"}


@pytest.mark.parametrize("path", RECORDS, ids=lambda path: path.stem)
def test_every_row_has_its_samples_and_does_the_same_work(path: Path) -> None:
    record = read_record(path)
    samples = samples_of(record)
    rows = read_rows(record, str(path))
    by_graph = {row.level for row in rows if "search graph" in row.note}
    for row in rows:
        for stage in (*STAGES, "total"):
            series = samples[f"{named(row, rows)} / {stage}"]
            assert series.values == row.stages_ms[stage]
            assert len(series.values) >= 30
        # Sentences whose embeddings are equal to the last bit come in any order, and a graph does
        # not find all that an exact search finds.
        exact = row.synthetic and row.level not in by_graph
        assert row.agreement is None or row.agreement >= (1.0 if exact else 0.95)
        assert not (row.synthetic and row.scores)


@pytest.mark.parametrize(("level", "times"), [("0", 5), ("0.15", 2)])
def test_the_released_code_end_to_end_at_331_thousand_sentences(level: str, times: float) -> None:
    ratios = read_record(RESULTS / "claims-331k.json")["results"]["ratios"]
    found = {
        one["stage"]: one["ratio"]["low"]
        for one in ratios
        if (one["slower"], one["faster"]) == (f"released-code @ {level}", f"cxr-edge @ {level}")
    }
    assert found["total"] >= times
    assert found["processor"] >= times
