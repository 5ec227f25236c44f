"""One network on every engine: parity, types, latency, throughput, and how near to the roofline."""

from collections.abc import Callable, Mapping
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from typing import Any

import click
import numpy as np

from cxr_edge.benchmarks.gpu import torch_runs
from cxr_edge.benchmarks.gpu.networks import PRECISIONS, Array, Network
from cxr_edge.benchmarks.gpu.work import joined_weights, work_of
from cxr_edge.benchmarks.record import Samples, interleave, ratio, summary
from cxr_edge.engines import Engine, load_engine
from cxr_edge.engines.cuda_device import Device
from cxr_edge.errors import CxrEdgeError

LEAST_COSINE = {"fp32": 0.9999, "fp16": 0.999}
"""Of an embedding with that of ONNX Runtime on the processor in FP32."""


@dataclass(frozen=True)
class Plan:
    """What is measured, and how often.

    Attributes:
        engines: names, in order.
        batches: rows of a run.
        samples: runs of each.
        torch: whether the baselines are run.
        compile: whether ``torch.compile`` is.
        rates: of the device, operations and bytes a second; empty where nothing was measured.
    """

    engines: tuple[str, ...]
    batches: tuple[int, ...]
    samples: int
    torch: bool
    compile: bool
    rates: Mapping[str, float]


def measure(network: Network, plan: Plan) -> tuple[dict[str, Any], dict[str, Samples]]:
    """Everything about one network.

    Returns:
        Results, and every sample by ``NETWORK / SYSTEM / batch N``. An engine that refuses says so
        in its place, and the others go on.
    """
    results: dict[str, Any] = {"engines": {}, "work": {}, "types": {}}
    samples: dict[str, Samples] = {}
    pictures = network.pictures(8)
    reference = load_engine("cpu", network.models["fp32"], None, network.weights["fp32"])
    wanted = reference.run({network.input: pictures})["embedding"]
    reference.close()
    for precision in PRECISIONS:
        results["types"][precision] = _types(network, precision)
    with ExitStack() as stack:
        systems: dict[str, Callable[[Array], object]] = {}
        for engine in plan.engines:
            for precision in PRECISIONS:
                name = f"{engine} {precision}"
                row: dict[str, Any] = {}
                results["engines"][name] = row
                try:
                    before = _free()
                    loaded = load_engine(
                        engine, network.models[precision], None, network.weights[precision]
                    )
                    stack.callback(loaded.close)
                    row |= _parity(loaded, network, precision, pictures, wanted)
                    row |= {"version": loaded.info.version, "provider": loaded.info.provider}
                    row["device_mib"] = _used(before)
                except CxrEdgeError as problem:
                    row["refused"] = str(problem)
                    click.echo(f"{network.name}, {name}: {problem}", err=True)
                    continue
                systems[name] = _through(loaded, network.input)
        systems |= _torch(network, plan, results) if plan.torch else {}
        for batch in plan.batches:
            timed = _timed(network, systems, batch, plan.samples)
            work = work_of(joined_weights(network.models["fp16"], network.weights["fp16"]), batch)
            least = None
            if plan.rates:
                least = work.least_ms(plan.rates["operations"], plan.rates["bytes"])
            results["work"][str(batch)] = {
                "operations": work.operations,
                "bytes": work.bytes,
                "least_ms": least,
            }
            for name, spans in timed.items():
                group = f"{network.name} batch {batch}"
                samples[f"{network.name} / {name} / batch {batch}"] = Samples("ms", spans, group)
                row = results["engines"].setdefault(name, {})
                figures = summary(spans)
                row.setdefault("batches", {})[str(batch)] = {
                    **figures,
                    "studies_per_s": batch / figures["p50"] * 1e3,
                    "of_roofline": least / figures["p50"] if least else None,
                    "times": _times(timed, name),
                }
    return results, samples


def _types(network: Network, precision: str) -> dict[str, Any]:
    """Types of the layers that matter, and whether they are as they must be."""
    work = work_of(joined_weights(network.models[precision], network.weights[precision]), 1)
    wanted = {"fp32": "FLOAT", "fp16": "FLOAT16"}[precision]
    return {
        "products": list(work.products),
        "delicate": list(work.delicate),
        "as_asked": work.products == (wanted,) and work.delicate in ((), ("FLOAT",)),
    }


def _parity(
    engine: Engine, network: Network, precision: str, pictures: Array, wanted: Array
) -> dict[str, Any]:
    """How far an engine's embeddings are from those of the processor in FP32."""
    got = np.concatenate([engine.run({network.input: p[None]})["embedding"] for p in pictures])
    batch = engine.run({network.input: pictures})["embedding"]
    lengths = np.linalg.norm(wanted, axis=1) * np.linalg.norm(got, axis=1)
    cosine = float(((wanted * got).sum(axis=1) / lengths).min())
    across = np.linalg.norm(wanted, axis=1) * np.linalg.norm(batch, axis=1)
    together = float(((wanted * batch).sum(axis=1) / across).min())
    return {
        "max_abs_error": float(np.abs(wanted - got).max()),
        "min_cosine": min(cosine, together),
        "parity": bool(min(cosine, together) >= LEAST_COSINE[precision]),
    }


def _through(engine: Engine, name: str) -> Callable[[Array], object]:
    return lambda pictures: engine.run({name: pictures})


def _torch(
    network: Network, plan: Plan, results: dict[str, Any]
) -> dict[str, Callable[[Array], object]]:
    """The baselines that run here; what does not says why."""
    systems: dict[str, Callable[[Array], object]] = {}
    try:
        on = torch_runs.device()
        run, how = torch_runs.half(network.module, on, network.pictures(1))
        name = f"torch eager {how}"
        systems[name] = run
        if plan.compile:
            compiled = torch_runs.compiled(network.module, on, how)
            for batch in plan.batches:
                compiled(network.pictures(batch))
            systems[f"torch.compile {how}"] = compiled
    except Exception as problem:  # a compiler that is missing raises what it likes
        said = " ".join(str(problem).split())[:300]
        results["engines"]["torch"] = {"refused": said or type(problem).__name__}
    return systems


def _timed(
    network: Network, systems: Mapping[str, Callable[[Array], object]], batch: int, samples: int
) -> dict[str, list[float]]:
    pictures = network.pictures(batch)
    calls = {name: _call(run, pictures) for name, run in systems.items()}
    return interleave(calls, samples, warm_up=5) if calls else {}


def _call(run: Callable[[Array], object], pictures: Array) -> Callable[[], object]:
    return lambda: run(pictures)


def _times(timed: Mapping[str, list[float]], name: str) -> dict[str, Any]:
    """How many times quicker than each baseline, with its interval."""
    rows = {}
    for other, spans in timed.items():
        if other.startswith("torch") and other != name:
            rows[other] = vars(ratio(spans, timed[name], paired=True))
    return rows


def _free() -> int | None:
    with suppress(CxrEdgeError):
        device = Device()
        try:
            return device.free_memory()
        finally:
            device.close()
    return None


def _used(before: int | None) -> float | None:
    after = _free()
    return None if before is None or after is None else round((before - after) / 2**20, 1)
