"""The figures of ``cxr-bench engines`` as the table of docs/engines.md."""

from collections.abc import Mapping
from typing import Any

import numpy as np

HEAD = (
    "| network | engine | precision | worst absolute error | worst cosine | ms p50 / p95 | of "
    "processor p50 | times FP32 | peak MiB | graph MiB | run |\n"
    "|---|---|---|---|---|---|---|---|---|---|---|"
)


def table(record: Mapping[str, Any]) -> str:
    """Markdown, one line for each network, engine and precision; what was not run says why.

    ``times FP32`` is the median over paired samples of what ONNX Runtime's processor time in FP32
    is to this one's.

    Args:
        record: as ``cxr-bench engines --json`` writes it.
    """
    lines = [HEAD]
    for network, row in record["rows"].items():
        for precision, runs in row["runs"].items():
            for engine, run in runs.items():
                cells = _cells(row, precision, engine, run)
                lines.append(f"| {network} | `{engine}` | {precision} | {cells} |")
    for engine, answer in record["engines"].items():
        if not answer["available"]:
            cells = " | ".join([*[""] * 7, f"not run: {answer['detail']}"])
            lines.append(f"| all | `{engine}` | all | {cells} |")
    return "\n".join(lines)


def ratio(row: Mapping[str, Any], precision: str, engine: str) -> float:
    """How many times less processor time than ONNX Runtime in FP32: median over paired samples.

    Args:
        row: of one network.
        precision: of the graph.
        engine: its name.
    """
    base = np.array(row["runs"]["fp32"]["cpu"]["cpu_ms"])
    return float(np.median(base / np.array(row["runs"][precision][engine]["cpu_ms"])))


def _cells(row: Mapping[str, Any], precision: str, engine: str, run: Mapping[str, Any]) -> str:
    if "refused" in run:
        return " | ".join([*[""] * 7, f"refused: {run['refused']}"])
    wall, cpu = np.array(run["wall_ms"]), np.array(run["cpu_ms"])
    return " | ".join(
        [
            f"{run['max_abs_error']:.1e}",
            f"{run['min_cosine']:.5f}",
            f"{np.median(wall):.1f} / {np.percentile(wall, 95):.1f}",
            f"{np.median(cpu):.1f}",
            f"{ratio(row, precision, engine):.2f}",
            str(run["peak_mib"]),
            f"{row['bytes'][precision] / 2**20:.1f}",
            f"{run['version']}, {row['threads']} threads, {row['date']}",
        ]
    )
