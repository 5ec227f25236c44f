"""A sweep as a table and as a picture, both from the record."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from cxr_edge.atomic import write_atomically

HEAD = (
    "| offered /s | achieved /s | p50 ms | p95 ms | p99 ms | most ms | work alone, p50 ms "
    "| queue mean | queue most | queue growth | failed | kept up |\n"
    "|---|---|---|---|---|---|---|---|---|---|---|---|"
)


def table(record: Mapping[str, Any]) -> str:
    """Markdown, one line for each rate, and the saturation point below it.

    Args:
        record: as ``cxr-bench load --json`` writes it.
    """
    results = record["results"]
    lines = [HEAD]
    for step in results["steps"]:
        latency = step["latency_ms"]
        cells = (
            f"{step['offered_per_second']:.2f}",
            f"{step['achieved_per_second']:.2f}",
            *(f"{latency[name]:.1f}" for name in ("p50", "p95", "p99", "max")),
            f"{step['service_ms']['p50']:.1f}",
            f"{step['queue_mean']:.2f}",
            str(step["queue_most"]),
            f"{step['queue_growth']:.1f}",
            str(step["failed"]),
            "yes" if step["sustained"] else "no",
        )
        lines.append("| " + " | ".join(cells) + " |")
    told = [
        f"{count} of {step['failed']} failed at {step['rate']:g} a second: {line}"
        for step in results["steps"]
        for line, count in step.get("errors", {}).items()
    ]
    return "\n".join([*lines, "", *told, verdict(results)])


def verdict(results: Mapping[str, Any]) -> str:
    """The saturation point in one line."""
    point = results["saturation_per_second"]
    if point is None:
        return "Saturated below every rate that was offered."
    if results["saturated"]:
        return f"Saturation point: {point:g} a second, the highest rate that was kept up with."
    return (
        f"Not saturated: {point:g} a second, the highest rate that was offered, was kept up with."
    )


def plot(record: Mapping[str, Any], target: Path) -> None:
    """Latency over the offered rate, with the saturation point: an .svg or .png file.

    Raises:
        OutputError: the disk refuses.
    """
    import matplotlib

    from cxr_edge.benchmarks.pictures.canvas import WIDTH, drawing, finish

    matplotlib.use("agg")
    from matplotlib import pyplot
    from matplotlib.ticker import LogLocator, NullFormatter, ScalarFormatter

    results = record["results"]
    steps, point = results["steps"], results["saturation_per_second"]
    with drawing("load"):
        figure, axes = pyplot.subplots(figsize=(WIDTH, 4))
        rates = [step["offered_per_second"] for step in steps]
        # Markers and dashes as well as colours, for print and for the colour-blind.
        for name, style in (("p50", "o-"), ("p95", "s--"), ("p99", "^:")):
            axes.plot(rates, [step["latency_ms"][name] for step in steps], style, label=name)
        if point is not None and results["saturated"]:
            kept = [step["offered_per_second"] for step in steps if step["rate"] == point]
            axes.axvline(kept[0], color="grey", linewidth=1, label="saturation point")
        axes.set(yscale="log", xlabel="offered rate, studies a second")
        axes.set_ylabel("ms from the intended arrival to the draft")
        axes.set_xlim(left=0)
        axes.yaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
        axes.yaxis.set_major_formatter(ScalarFormatter())
        axes.yaxis.set_minor_formatter(NullFormatter())
        axes.grid(visible=True, linewidth=0.3)
        axes.legend()
        figure.tight_layout()
        title = "Latency of drafts over the offered rate"
        alt = "p50, p95 and p99 of the latency at each rate. " + verdict(results)
        picture = finish(figure, "load", title, alt, caption="")
        pyplot.close(figure)
    write_atomically(target, picture.svg if target.suffix == ".svg" else picture.png)
