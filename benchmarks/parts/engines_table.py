"""The figures of ``cxr-bench engines`` as the table of docs/engines.md."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

HEAD = (
    "| network | engine | precision | worst absolute error | worst cosine | ms p50 / p95 | of "
    "processor p50 | times FP32 | peak MiB | graph MiB | run |\n"
    "|---|---|---|---|---|---|---|---|---|---|---|"
)


WALL, PROCESSOR = "wall", "processor"
"""Clocks: the last part of the name of a series, after network, precision and engine."""


def table(record: Mapping[str, Any]) -> str:
    """Markdown, one line for each network, engine and precision; what was not run says why.

    ``times FP32`` is the median over paired samples of what ONNX Runtime's processor time in FP32
    is to this one's.

    Args:
        record: as ``cxr-bench engines --json`` writes it.
    """
    lines = [HEAD]
    for network, row in record["results"]["rows"].items():
        for precision, runs in row["runs"].items():
            for engine in runs:
                cells = _cells(record, network, precision, engine)
                lines.append(f"| {network} | `{engine}` | {precision} | {cells} |")
    for engine, answer in record["results"]["engines"].items():
        if not answer["available"]:
            cells = " | ".join([*[""] * 7, f"not run: {answer['detail']}"])
            lines.append(f"| all | `{engine}` | all | {cells} |")
    return "\n".join(lines)


def times(record: Mapping[str, Any], network: str, precision: str, engine: str) -> float:
    """How many times less processor time than ONNX Runtime in FP32: median over paired samples.

    Args:
        record: as ``cxr-bench engines --json`` writes it.
        network: its name in the table.
        precision: of the graph.
        engine: its name.
    """
    base = _samples(record, network, "fp32", "cpu", PROCESSOR)
    own = _samples(record, network, precision, engine, PROCESSOR)
    return float(np.median(base / own))


def _samples(record: Mapping[str, Any], *name: str) -> NDArray[np.float64]:
    return np.array(record["samples"][" / ".join(name)]["values"])


def _cells(record: Mapping[str, Any], network: str, precision: str, engine: str) -> str:
    row = record["results"]["rows"][network]
    run = row["runs"][precision][engine]
    if "refused" in run:
        return " | ".join([*[""] * 7, f"refused: {run['refused']}"])
    wall = _samples(record, network, precision, engine, WALL)
    cpu = _samples(record, network, precision, engine, PROCESSOR)
    return " | ".join(
        [
            f"{run['max_abs_error']:.1e}",
            f"{run['min_cosine']:.5f}",
            f"{np.median(wall):.1f} / {np.percentile(wall, 95):.1f}",
            f"{np.median(cpu):.1f}",
            f"{times(record, network, precision, engine):.2f}",
            str(run["peak_mib"]),
            f"{row['bytes'][precision] / 2**20:.1f}",
            f"{run['version']}, {row['threads']} threads, {row['date']}",
        ]
    )
