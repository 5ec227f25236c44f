"""The table of ``cxr-bench quality``: our figures, and the papers' under them."""

from collections.abc import Mapping, Sequence

from cxr_edge.benchmarks.quality.cases import same_split
from cxr_edge.benchmarks.quality.published import Published, published
from cxr_edge.benchmarks.quality.scores import Score


def figures_beside(scores: Sequence[Score], data: str, split: str) -> list[tuple[Published, str]]:
    """The papers' figures of the metrics at hand, each with what keeps it from being compared.

    Args:
        scores: ours.
        data: name of our data set, empty where it is not known.
        split: of our studies, empty where it is not known.

    Returns:
        Figures of the same data first; the second of each pair is empty where metric, data and
        split are the same.
    """
    names = [score.name for score in scores]
    rows = [(figure, _difference(figure, data, split)) for figure in published()]
    rows = [(figure, why) for figure, why in rows if figure.metric in names]
    return sorted(rows, key=lambda row: (names.index(row[0].metric), row[0].data != data))


def _difference(figure: Published, data: str, split: str) -> str:
    if not data:
        return "data not named"
    if figure.data != data:
        return "other data"
    if not split or not figure.split:
        return "split not named"
    return "" if same_split(figure.split, split) else "other split"


def score_table(scores: Sequence[Score]) -> str:
    """Ours, a line a metric."""
    rows = [("metric", "value", "95 % interval", "")]
    for score in scores:
        value = "-" if score.value is None else f"{score.value:.3f}"
        bounds = "" if score.low is None else f"{score.low:.3f} .. {score.high:.3f}"
        rows.append((score.name, value, bounds, score.note))
    return _aligned(rows)


def published_table(scores: Sequence[Score], rows: Sequence[tuple[Published, str]]) -> str:
    """The papers', a line a system and a column a metric, ours first; empty where there is none."""
    metrics = list(dict.fromkeys(figure.metric for figure, _ in rows))
    ours = {score.name: score.value for score in scores if score.value is not None}
    blocks: dict[str, dict[str, dict[str, float]]] = {}
    for figure, why in rows:
        place = ", ".join(filter(None, (figure.paper, figure.table, figure.data, figure.split)))
        systems = blocks.setdefault(f"{place}{f' [{why}]' if why else ''}", {})
        systems.setdefault(figure.system, {})[figure.metric] = figure.value
    lines = [("published", *metrics), _line("this run", metrics, ours)]
    for place, systems in blocks.items():
        lines.append((place,))
        lines += [_line(f"  {system}", metrics, each) for system, each in systems.items()]
    return _aligned(lines) if rows else ""


def _line(name: str, metrics: Sequence[str], values: Mapping[str, float]) -> tuple[str, ...]:
    return name, *(f"{values[name]:.3f}" if name in values else "-" for name in metrics)


def _aligned(rows: Sequence[tuple[str, ...]]) -> str:
    """Columns as wide as their widest cell; a row of one cell is a heading and may be wider."""
    cells = [row for row in rows if len(row) > 1]
    widths = [max(len(row[column]) for row in cells) for column in range(len(cells[0]))]
    return "\n".join(
        "  ".join(text.ljust(width) for text, width in zip(row, widths, strict=False)).rstrip()
        for row in rows
    )
