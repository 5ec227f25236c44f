"""``cxr-bench engines``: the same networks on every engine that is here, in every precision.

The embedded default, and a ResNet-50 and a ViT-B/32 of published size with made-up weights: for
those two only numerics and speed mean anything. Samples of all engines and precisions of a network
are drawn in turns, each time in another order, so that whatever else the machine does falls on all
of them; beside the clock stands the processor time of the process, which neighbours change little.
"""

import os
import tempfile
import time
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import click
import numpy as np
from numpy.typing import NDArray

from cxr_edge.benchmarks.parts.engine_memory import peak_mib
from cxr_edge.benchmarks.parts.engines_table import PROCESSOR, WALL, table
from cxr_edge.benchmarks.parts.exports import made_up_checkpoint, shapes_of
from cxr_edge.benchmarks.record import (
    Samples,
    machine,
    new_record,
    read_record,
    samples_of,
    today,
    write_record,
)
from cxr_edge.benchmarks.record.options import json_option, table_option
from cxr_edge.engines import Engine, default_threads, load_engine, probe_all
from cxr_edge.errors import CxrEdgeError

NETWORKS = {"dcclip": "dcclip", "ResNet-50": "medclip-rn50", "ViT-B/32": "chexzero"}
"""Architecture by the name of its image network, as it stands in the table."""
PRECISIONS = ("fp32", "int8")
WARM_UP = 3

Array = NDArray[np.float32]


@click.command()
@click.argument("networks", nargs=-1)
@click.option(
    "--calibration",
    type=click.Path(exists=True, path_type=Path),
    required=True,
    help="Folder of real chest radiographs: every second one calibrates, the others are compared.",
)
@click.option("--samples", default=40, show_default=True, type=click.IntRange(min=1))
@click.option("--threads", type=click.IntRange(min=1), help="Processors (default: all).")
@json_option("Add the figures to this record, in the place of older ones of the same network.")
@table_option(table)
def engines(
    networks: tuple[str, ...],
    calibration: Path,
    samples: int,
    threads: int | None,
    out: Path | None,
) -> None:
    """Compare engines on NETWORKS (default: all) at batch 1."""
    for name in networks:
        if name not in NETWORKS:
            raise click.UsageError(f"unknown network {name}; choose from {', '.join(NETWORKS)}")
    threads = threads or default_threads()
    rows: dict[str, Any] = {}
    taken: dict[str, Samples] = {}
    if out is not None and out.is_file():
        older = read_record(out)
        rows, taken = older["results"]["rows"], samples_of(older)
    there = {
        name: {"available": answer.available, "detail": answer.detail}
        for name, answer in probe_all().items()
    }
    record: dict[str, Any] = {}
    for name in networks or NETWORKS:
        taken = {key: one for key, one in taken.items() if not key.startswith(f"{name} / ")}
        with tempfile.TemporaryDirectory() as folder:
            rows[name], timed = _compare(name, calibration, samples, threads, Path(folder))
        record = new_record(
            "engines",
            subject={"threads": threads},
            runs={"warm_up": WARM_UP, "rounds": samples},
            samples=taken | timed,
            results={"rows": rows, "engines": there},
        )
        taken = samples_of(record)
        if out is not None:
            write_record(out, record)
    click.echo(table(record))


def _compare(
    name: str, calibration: Path, samples: int, threads: int, folder: Path
) -> tuple[dict[str, Any], dict[str, Samples]]:
    """All engines and precisions of one network, and every sample of them."""
    click.echo(f"{name}: exporting", err=True)
    graphs, input_, pictures = _graphs(NETWORKS[name], calibration, folder)
    np.save(folder / "pixels.npy", pictures[:1])
    row: dict[str, Any] = {
        "date": today(),
        "processor": machine()["processor"],
        "threads": threads,
        "pictures": len(pictures),
        "bytes": {precision: graph.stat().st_size for precision, graph in graphs.items()},
        "runs": {},
    }
    with ExitStack() as stack:
        loaded: dict[tuple[str, str], Engine] = {}
        for precision, graph in graphs.items():
            for engine, answer in probe_all().items():
                if not answer.available:
                    continue
                run: dict[str, Any] = {}
                row["runs"].setdefault(precision, {})[engine] = run
                try:
                    peak = peak_mib(engine, graph, folder / "pixels.npy", input_, threads)
                    there = load_engine(engine, graph.read_bytes(), threads)
                except CxrEdgeError as problem:
                    run["refused"] = str(problem)
                    continue
                stack.callback(there.close)
                loaded[precision, engine] = there
                run.update(version=there.info.version, peak_mib=peak)
        wanted = _embeddings(loaded["fp32", "cpu"], input_, pictures)
        for (precision, engine), there in loaded.items():
            run = row["runs"][precision][engine]
            run.update(_parity(wanted, _embeddings(there, input_, pictures)))
        click.echo(f"{name}: {samples} samples of {len(loaded)}", err=True)
        row["load_average"] = os.getloadavg()[0]
        timed = _time(loaded, {input_: pictures[:1]}, samples)
    return row, {
        f"{name} / {precision} / {engine} / {clock}": Samples("ms", values, f"{name} / {clock}")
        for (precision, engine), clocks in timed.items()
        for clock, values in clocks.items()
    }


def _graphs(
    architecture: str, calibration: Path, folder: Path
) -> tuple[dict[str, Path], str, Array]:
    """Image network by precision, the name of its input, and pictures it was not calibrated on."""
    from cxr_edge.export.calibration import calibration_pictures
    from cxr_edge.export.precision import trace
    from cxr_edge.export.quantisation import quantise
    from cxr_edge.export.registry import spec_builder

    checkpoint = None
    if architecture != "dcclip":
        checkpoint = made_up_checkpoint(shapes_of(architecture), folder)
    spec = spec_builder(architecture)(checkpoint, None)
    image = next(graph for graph in spec.graphs if graph.role == "image")
    pictures = calibration_pictures(calibration, spec.recipe)
    plain = trace(image)
    quantised = quantise(plain, image.inputs[0], pictures[::2])
    written = {}
    for precision, graph in zip(PRECISIONS, (plain, quantised), strict=True):
        written[precision] = folder / f"{precision}.onnx"
        written[precision].write_bytes(graph.model)
    return written, image.inputs[0], pictures[1::2]


def _embeddings(engine: Engine, input_: str, pictures: Array) -> Array:
    return np.concatenate([engine.run({input_: p[None]})["embedding"] for p in pictures])


def _parity(wanted: Array, got: Array) -> dict[str, float]:
    """Worst absolute error and cosine of an embedding against ONNX Runtime in FP32."""
    lengths = np.linalg.norm(wanted, axis=1) * np.linalg.norm(got, axis=1)
    cosine = float(((wanted * got).sum(axis=1) / lengths).min())
    return {"max_abs_error": float(np.abs(wanted - got).max()), "min_cosine": cosine}


def _time(
    loaded: Mapping[tuple[str, str], Engine], inputs: Mapping[str, Array], samples: int
) -> dict[tuple[str, str], dict[str, list[float]]]:
    """Milliseconds of each sample, on the clock and of processor, of single runs taken in turns."""
    timed: dict[tuple[str, str], dict[str, list[float]]] = {
        key: {WALL: [], PROCESSOR: []} for key in loaded
    }
    for engine in loaded.values():
        for _ in range(WARM_UP):
            engine.run(inputs)
    chance = np.random.default_rng(0)
    keys = list(loaded)
    for _ in range(samples):
        for k in chance.permutation(len(keys)):
            # Once unmeasured: the caches hold another network's weights.
            loaded[keys[k]].run(inputs)
            wall, cpu = time.perf_counter(), time.process_time()
            loaded[keys[k]].run(inputs)
            timed[keys[k]][PROCESSOR].append(round((time.process_time() - cpu) * 1e3, 3))
            timed[keys[k]][WALL].append(round((time.perf_counter() - wall) * 1e3, 3))
    return timed
