"""``python -m cxr_edge.benchmarks.gpu``: every engine of a GPU, the networks and the chain."""

import re
from pathlib import Path
from typing import Any

import click
import numpy as np

from cxr_edge.benchmarks.gpu import chain, networks, rates, single
from cxr_edge.benchmarks.parts.engines import NETWORKS
from cxr_edge.benchmarks.record import Samples, new_record, write_record
from cxr_edge.cli.guard import one_line_errors
from cxr_edge.engines import ON_DEVICE, default_threads, probe_all
from cxr_edge.engines.cuda_device import Device
from cxr_edge.errors import CxrEdgeError, EngineUnavailable

_RESULTS = Path("benchmarks/results")


@click.command("gpu")
@click.option("--cpu", is_flag=True, help="Run the same code on the processor, to try it out.")
@click.option(
    "--network", "chosen", type=click.Choice(list(NETWORKS)), multiple=True, help="Default: all."
)
@click.option("--batch", "batches", type=int, multiple=True, default=(1, 8, 64), show_default=True)
@click.option("--samples", default=200, show_default=True, type=click.IntRange(min=1))
@click.option("--rows", default=331_000, show_default=True, help="Sentences of the chain.")
@click.option("--torch/--no-torch", default=True, help="Run torch beside the engines.")
@click.option("--compile/--no-compile", "compile_", default=True, help="And torch.compile.")
@click.option(
    "--json",
    "out",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Where the record goes (default: benchmarks/results/gpu-DEVICE.json; none with --cpu).",
)
def gpu(
    cpu: bool,
    chosen: tuple[str, ...],
    batches: tuple[int, ...],
    samples: int,
    rows: int,
    torch: bool,
    compile_: bool,
    out: Path | None,
) -> None:
    """Measure every engine of the first GPU, and exit 1 where one computes wrong."""
    with one_line_errors("cxr-bench", "gpu"):
        device = "processor" if cpu else _device()
        probes = probe_all()
        engines = tuple(name for name in probes if name == "cpu" or not cpu)
        usable = tuple(
            name
            for name in engines
            if probes[name].available and (name == "cpu") == cpu and (cpu or name in ON_DEVICE)
        )
        if not usable:
            said = "; ".join(f"{name}: {probes[name].detail}" for name in sorted(ON_DEVICE))
            raise EngineUnavailable(f"no engine can run on {device}: {said}")
        series: dict[str, Samples] = {}
        results: dict[str, Any] = {
            "device": device,
            "probes": {name: vars(answer) for name, answer in probes.items()},
            "rates": _rates(usable, cpu, samples, series),
            "networks": {},
            "chain": {"drafts": {}, "throughput": {}, "from_pixels": {}},
        }
        best = {
            "operations": _median(results["rates"], "operations"),
            "bytes": _median(results["rates"], "device"),
        }
        plan = single.Plan(
            usable,
            batches,
            samples,
            torch,
            compile_ and not cpu,
            {} if None in best.values() else {name: float(best[name] or 0) for name in best},
        )
        for name in chosen or NETWORKS:
            click.echo(f"{name}: tracing", err=True)
            network = networks.make(name)
            found, taken = single.measure(network, plan)
            results["networks"][name] = found
            series |= taken
            for way, run in (("throughput", chain.throughput), ("from_pixels", chain.from_pixels)):
                results["chain"][way][name] = _chain(run, network, plan, rows, series)
        for engine in usable:
            results["chain"]["drafts"][engine] = _or_refusal(
                lambda engine=engine: chain.drafts(engine, rows, samples), series
            )
        results["chain"]["preprocessing"] = _or_refusal(
            lambda: chain.preprocessing(max(samples // 10, 1), default_threads()), series
        )
        target = out or (None if cpu else _RESULTS / f"gpu-{_slug(device)}.json")
        if target is not None:
            write_record(target, _record(plan, device, series, results))
            click.echo(target)
        wrong = _wrong(results)
        for line in wrong:
            click.echo(line, err=True)
        raise SystemExit(1 if wrong else 0)


def _device() -> str:
    device = Device()
    try:
        return device.gpu.name
    finally:
        device.close()


def _rates(
    engines: tuple[str, ...], cpu: bool, samples: int, series: dict[str, Samples]
) -> dict[str, Any]:
    """What the device can do at best; the largest of what the engines make of one product."""
    runs, size = max(samples // 10, 1), 64 if cpu else 8192
    results: dict[str, Any] = {}
    for engine in engines:
        try:
            found = rates.product_rate(engine, size, runs)
        except CxrEdgeError as problem:
            results[f"operations, {engine}"] = {"refused": str(problem)}
            continue
        series[f"rate / products / {engine}"] = Samples("operations/s", found)
        results[f"operations, {engine}"] = float(np.median(found))
    known = [rate for rate in results.values() if isinstance(rate, float)]
    results["operations"] = max(known, default=None)
    if not cpu:
        for name, copied in rates.copy_rates(512, runs).items():
            series[f"rate / copy / {name}"] = Samples("bytes/s", copied)
            results[name] = float(np.median(copied))
    return results


def _median(found: dict[str, Any], name: str) -> float | None:
    value = found.get(name)
    return float(value) if isinstance(value, float) else None


def _chain(
    run: Any,  # noqa: ANN401
    network: networks.Network,
    plan: single.Plan,
    rows: int,
    series: dict[str, Samples],
) -> dict[str, Any]:
    """The encoder with many sentences beside it, on every engine."""
    found = {}
    for engine in plan.engines:
        for precision in networks.PRECISIONS:
            found[f"{engine} {precision}"] = _or_refusal(
                lambda engine=engine, precision=precision: run(
                    network, engine, precision, rows, max(plan.batches), max(plan.samples // 10, 1)
                ),
                series,
            )
    return found


def _or_refusal(measure: Any, series: dict[str, Samples]) -> dict[str, Any]:  # noqa: ANN401
    """What was measured, or why it could not be; the rest goes on."""
    try:
        results, taken = measure()
    except CxrEdgeError as problem:
        return {"refused": str(problem)}
    series |= taken
    found: dict[str, Any] = results
    return found


def _record(
    plan: single.Plan, device: str, series: dict[str, Samples], results: dict[str, Any]
) -> dict[str, Any]:
    return new_record(
        "gpu",
        subject={"device": device, "engines": list(plan.engines)},
        runs={"warm_up": 5, "rounds": plan.samples, "batches": list(plan.batches)},
        samples=series,
        results=results,
        notes=[
            "ResNet-50 and ViT-B/32 have made-up weights: numerics and speed, nothing else.",
            "A run begins with an array in the processor's memory and ends with one there.",
            "The sentences of the chain are made up.",
        ],
    )


def _wrong(results: dict[str, Any]) -> list[str]:
    """Everything that computes wrong or in another type than asked for, one line each."""
    lines = []
    for name, network in results["networks"].items():
        for engine, row in network["engines"].items():
            if row.get("parity") is False:
                lines.append(f"{name} on {engine}: cosine {row['min_cosine']:.5f}")
        for precision, types in network["types"].items():
            if not types["as_asked"]:
                kinds = ", ".join(types["products"] + types["delicate"])
                lines.append(f"{name} in {precision} computes in {kinds}")
    return lines


def _slug(device: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", device.lower()).strip("-")


if __name__ == "__main__":
    gpu()
