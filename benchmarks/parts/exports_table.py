"""The figures of ``cxr-bench exports`` as the table of docs/export.md."""

from collections.abc import Mapping, Sequence
from typing import Any

_HEAD = (
    "| architecture | precision | parameters | graphs, MiB | seconds | of processor | peak MiB "
    "| gate | worst absolute error | decisions |\n"
    "|---|---|---|---|---|---|---|---|---|---|"
)
_PRECISIONS = ("fp32", "fp16", "int8")


def table(rows: Mapping[str, Mapping[str, Any]], names: Sequence[str]) -> str:
    """Markdown, one line for each architecture and precision; what was not run says so.

    Args:
        rows: by architecture and precision, as ``cxr-bench exports --json`` writes them.
        names: architectures, in the order of the lines.
    """
    lines = [_HEAD]
    for name in names:
        for precision in _PRECISIONS:
            row = rows.get(name, {}).get(precision)
            lines.append(f"| `{name}` | {precision} | {_cells(row)} |")
    return "\n".join(lines)


def _cells(row: Mapping[str, Any] | None) -> str:
    if row is None:
        return " | ".join([*[""] * 5, "not run", "", ""])
    cells = [f"{row['parameters']:,}"]
    # The first rows were written before the processor's time and the sizes were.
    busy = f"{row['cpu_seconds']:.0f}" if "cpu_seconds" in row else ""
    costs = [f"{row['seconds']:.0f}", busy, f"{row['peak_mib']:,}"]
    if "refused" in row:
        reason = row["refused"].removeprefix("cxr-export: ")
        return " | ".join([*cells, "", *costs, f"refused: {reason}", "", ""])
    size = f"{sum(row['bytes'].values()) / 2**20:.1f}" if "bytes" in row else ""
    graphs = row["graphs"]
    errors = [error for gate in graphs.values() for error in gate["max_abs_error"].values()]
    gates = sorted({gate["status"] for gate in graphs.values()})
    decisions = [
        f"{figures['check']} {figures['value']:.3g}"
        + (" (uninformative)" if figures["status"] == "uninformative" else "")
        for gate in graphs.values()
        for figures in gate["decisions"].values()
    ]
    return " | ".join(
        [
            *cells,
            size,
            *costs,
            _by_role(graphs) if len(gates) > 1 else gates[0],
            f"{max(errors):.2g}",
            ", ".join(decisions) or "none",
        ]
    )


def _by_role(graphs: Mapping[str, Mapping[str, Any]]) -> str:
    return ", ".join(f"{role} {gate['status']}" for role, gate in graphs.items())
