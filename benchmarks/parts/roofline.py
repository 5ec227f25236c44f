"""``cxr-bench roofline``: how near the image networks come to what the processors can do.

The two limits, the rate of copying and that of matrix products, and all networks are measured in
turns in one run, so that whatever else the machine does falls on all of them. Between two runs of a
network memory larger than any cache is copied, more often than not: weights come from memory.
"""

from collections.abc import Callable, Mapping
from contextlib import ExitStack
from functools import partial
from typing import Any

import click

from cxr_edge.benchmarks.parts.engines import NETWORKS
from cxr_edge.benchmarks.record import (
    Samples,
    interleave,
    machine,
    new_record,
    summary,
    write_record,
)
from cxr_edge.benchmarks.record.options import json_option, table_option
from cxr_edge.engines import default_threads, load_engine

WARM_UP = 3
_COPIED = 512
"""MiB of a copy: several times what the caches of a processor hold."""
_SIZE = 1024
"""Rows and columns of the matrices of a product."""
_LIMITS = {"device": "copies", "operations": "products"}
"""Series of the limits by what the record calls their rates."""


def table(record: Mapping[str, Any]) -> str:
    """The limits, and a line for each network and batch, as Markdown."""
    results = record["results"]
    rates = results["rates"]
    lines = [
        f"{results['device']}: {rates['device'] / 1e9:.1f} GB/s copied, "
        f"{rates['operations'] / 1e9:.0f} Gop/s in products of {results['precision']}, the best of "
        f"{record['runs']['rounds']} runs",
        "",
        "| network | batch | ms p50 | Gop | MB | Gop/s | of the roofline |",
        "|---|---|---|---|---|---|---|",
    ]
    for name, network in results["networks"].items():
        [engine] = network["engines"].values()
        for batch, work in network["work"].items():
            row = engine["batches"][batch]
            done = work["operations"] / 1e9
            cells = [name, batch, f"{row['p50']:.1f}", f"{done:.2f}", f"{work['bytes'] / 1e6:.0f}"]
            cells += [f"{done / row['p50'] * 1e3:.0f}", f"{row['of_roofline']:.0%}"]
            lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


@click.command()
@click.option(
    "--network", "chosen", type=click.Choice(list(NETWORKS)), multiple=True, help="Default: all."
)
@click.option(
    "--batch",
    "batches",
    type=click.IntRange(1, 512),
    multiple=True,
    default=(1, 8),
    show_default=True,
    help="May be repeated.",
)
@click.option("--samples", default=40, show_default=True, type=click.IntRange(min=1))
@click.option("--threads", type=click.IntRange(min=1), help="Processors (default: all).")
@json_option()
@table_option(table)
def roofline(
    chosen: tuple[str, ...],
    batches: tuple[int, ...],
    samples: int,
    threads: int | None,
    out: Any,  # noqa: ANN401
) -> None:
    """Measure the processors' roofline in FP32 and the image networks under it.

    ``cxr-bench pictures`` draws the record. The ResNet-50 and the ViT-B/32 have made-up weights.
    """
    from cxr_edge.benchmarks.gpu.rates import Copies, Products

    used = threads or default_threads()
    with ExitStack() as stack:
        copies, products = Copies(_COPIED, used), Products("cpu", _SIZE, "float32", used)
        stack.callback(copies.close)
        stack.callback(products.close)
        systems: dict[str, Callable[[], object]] = {"copies": copies, "products": products}
        networks: dict[str, Any] = {}
        for name in dict.fromkeys(chosen or NETWORKS):
            click.echo(f"{name}: tracing", err=True)
            networks[name], calls = _network(name, sorted(set(batches)), used, stack)
            systems |= calls
        click.echo(f"{samples} rounds of {len(systems)}", err=True)
        spans = interleave(systems, samples, warm_up=WARM_UP)
    each = {"device": copies.bytes, "operations": products.operations}
    # What the machine can do at best: a neighbour on it lowers a rate and never raises it.
    rates = {name: each[name] / min(spans[_LIMITS[name]]) * 1e3 for name in _LIMITS}
    for name, network in networks.items():
        _judge(name, network, spans, rates)
    record = new_record(
        "roofline",
        subject={"engine": "cpu", "precision": "fp32", "threads": used},
        runs={"warm_up": WARM_UP, "rounds": samples},
        samples={
            name: Samples("ms", [round(value, 3) for value in values], "turns")
            for name, values in spans.items()
        },
        results={
            "device": f"{used} x {machine()['processor']}",
            "precision": "fp32",
            "rates": rates,
            "networks": networks,
        },
        notes=["ResNet-50 and ViT-B/32 have made-up weights: speed, nothing else."],
    )
    click.echo(table(record))
    if out is not None:
        write_record(out, record)


def _network(
    name: str, batches: list[int], threads: int, stack: ExitStack
) -> tuple[dict[str, Any], dict[str, Callable[[], object]]]:
    """What it has to do, and a call for each batch."""
    from cxr_edge.benchmarks.gpu.networks import make
    from cxr_edge.benchmarks.gpu.work import joined_weights, work_of

    network = make(name, ("fp32",))
    model, weights = network.models["fp32"], network.weights["fp32"]
    engine = load_engine("cpu", model, threads, weights)
    stack.callback(engine.close)
    whole = joined_weights(model, weights)
    calls: dict[str, Callable[[], object]] = {}
    about: dict[str, Any] = {"work": {}, "engines": {"cpu fp32": {"version": engine.info.version}}}
    for batch in batches:
        given = {network.input: network.pictures(batch)}
        calls[f"{name} / batch {batch}"] = partial(engine.run, given)
        work = work_of(whole, batch)
        about["work"][str(batch)] = {"operations": work.operations, "bytes": work.bytes}
    return about, calls


def _judge(
    name: str,
    network: dict[str, Any],
    spans: Mapping[str, list[float]],
    rates: Mapping[str, float],
) -> None:
    """Put what was measured beside what the limits allow."""
    rows = network["engines"]["cpu fp32"]["batches"] = {}
    for batch, work in network["work"].items():
        allowed = max(work["operations"] / rates["operations"], work["bytes"] / rates["device"])
        work["least_ms"] = allowed * 1e3
        figures = summary(spans[f"{name} / batch {batch}"])
        rows[batch] = {**figures, "of_roofline": work["least_ms"] / figures["p50"]}
