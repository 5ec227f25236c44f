"""The rows of a record of ``cxr-bench --compression``, and what pictures ask of them."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from cxr_edge.benchmarks.claims.result import Row, label
from cxr_edge.benchmarks.quality.scores import Score
from cxr_edge.benchmarks.record import RecordError

TOTAL = "total"
CHEXBERT_F1 = "F1"


def read_rows(record: Mapping[str, Any], source: str = "the record") -> list[Row]:
    """The rows of a record.

    Args:
        record: as ``record.read_record`` gives it.
        source: what to call it in an error.

    Raises:
        RecordError: it is of another command, or a row lacks something.
    """
    rows = record["results"].get("rows")
    if not isinstance(rows, Sequence) or not rows:
        raise RecordError(
            f"{source} holds no rows of studies; give a file that cxr-bench --compression ... "
            "--json has written"
        )
    try:
        return [_row(row) for row in rows]
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise RecordError(
            f"a row of {source} is damaged ({type(error).__name__}: {error}); "
            "measure again with cxr-bench --compression ... --json"
        ) from error


def _row(row: Mapping[str, Any]) -> Row:
    samples = {
        stage: [float(value) for value in values]
        for stage, values in row["stages_ms"].items()
        if values
    }
    if any(not np.isfinite(values).all() or min(values) < 0 for values in samples.values()):
        raise ValueError("a time that is negative or no number")
    if min(samples[TOTAL]) == 0:
        raise ValueError("a total of 0 ms")
    scores = tuple(
        Score(one["name"], one["value"], one["low"], one["high"], one["note"])
        for one in row["scores"]
    )
    return Row(**{**row, "stages_ms": samples, "scores": scores})


def percent(level: float) -> str:
    """A level as the paper prints it: ``15 %``."""
    return f"{100 * level:g} %"


def at(row: Row) -> str:
    """The level of a row, and that its vectors are made up where they are."""
    if not row.rows:
        return "no index (made-up weights)" if row.synthetic else "no index"
    return f"{percent(row.level)} (synthetic)" if row.synthetic else percent(row.level)


def percentile(row: Row, q: float, stage: str = TOTAL) -> float:
    """Milliseconds below which ``q`` percent of the runs stay."""
    return float(np.percentile(row.stages_ms[stage], q))


def mean(row: Row, stage: str = TOTAL) -> float:
    """Mean milliseconds; the means of the stages, unlike medians, add up to the total."""
    return float(np.mean(row.stages_ms[stage]))


def score(row: Row, name: str) -> Score | None:
    """A score by its name, or None where it was not asked for."""
    return next((one for one in row.scores if one.name == name), None)


def milliseconds(value: float) -> str:
    """A time with the digits a reader can use."""
    return f"{value:,.0f}" if value >= 100 else f"{value:.1f}" if value >= 1 else f"{value:.2f}"


def labels(rows: Iterable[Row]) -> list[str]:
    """What to call each row: the system, its method too where a system has several."""
    rows = list(rows)
    return [label(row, rows) for row in rows]
