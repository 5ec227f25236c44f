"""The chain: encode, search among many sentences and compose; and from decoded pixels to rows."""

import tempfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cxr_edge.benchmarks.gpu.networks import Array, Network
from cxr_edge.benchmarks.gpu.pixels import OnDevice
from cxr_edge.benchmarks.parts.vectors import Cones, plain_columns
from cxr_edge.benchmarks.record import Samples, summary
from cxr_edge.bundle import Bundle
from cxr_edge.engines import Engine, load_engine
from cxr_edge.engines.resident import Resident
from cxr_edge.indexes.writing import write_index
from cxr_edge.pipeline import Pipeline, locate
from cxr_edge.preprocess import apply
from cxr_edge.types import SourceImage, Study

K = 6
SIDE = 1024
"""Rows and columns of the decoded pictures."""
WORKERS = (1, 2, 4)


def drafts(engine: str, rows: int, samples: int) -> tuple[dict[str, Any], dict[str, Samples]]:
    """Milliseconds from a preprocessed picture to a composed draft, by the pipeline itself.

    The embedded bundle, over made-up sentences: none of any meaning.

    Args:
        engine: its name.
        rows: sentences.
        samples: drafts.
    """
    bundle = Bundle.load(locate("bundle", None))
    with tempfile.TemporaryDirectory() as folder:
        vectors = Cones(dimension=bundle.dimension, meanings=16).sentences(rows, 0)
        about = {
            "name": "made-up",
            "unit": "sentence",
            "metric": bundle.metric,
            "space": bundle.space,
        }
        out = Path(folder, "index")
        write_index(out, plain_columns(vectors), manifest=about, dtype="float16")
        with Pipeline.load(index=out, engine=engine, method="top-k", k=K) as pipeline:
            studies = [_study(seed) for seed in range(8)]
            for study in studies:
                pipeline.draft(study)
            spans = []
            for number in range(samples):
                study = studies[number % len(studies)]
                timings = pipeline.draft(study).timings_ms
                spans.append(sum(timings[stage] for stage in ("encode", "search", "compose")))
            sure = sum(pipeline.encode(study).nearest is not None for study in studies)
            results = {
                **summary(spans),
                "rows": rows,
                "engine": pipeline.engine.info.name,
                "search": pipeline.provenance["search"],
                "found_on_device": f"{sure} of {len(studies)}",
            }
    return results, {f"chain / {engine} / encode, search, compose": Samples("ms", spans)}


def throughput(
    network: Network, engine: str, precision: str, rows: int, batch: int, samples: int
) -> tuple[dict[str, Any], dict[str, Samples]]:
    """Studies a second from preprocessed pictures to row numbers, by one and more workers.

    Args:
        network: the encoder.
        engine: its name; every worker has one of its own, and so a stream.
        precision: of the encoder.
        rows: sentences beside it.
        batch: pictures of a run.
        samples: runs of each worker.
    """
    vectors = Cones(dimension=network.width, meanings=16).sentences(rows, 0).astype(np.float16)
    resident = Resident.of(vectors, K)
    model = network.models[precision] + resident.addition()
    results: dict[str, Any] = {"rows": rows, "batch": batch, "width": network.width, "workers": {}}
    series: dict[str, Samples] = {}
    pictures = network.pictures(batch)
    loaded: list[Engine] = []
    try:
        for workers in WORKERS:
            while len(loaded) < workers:
                weights = network.weights[precision]
                loaded.append(load_engine(engine, model, None, weights, resident.inputs))
            rates = _rates([_worker(one, network.input, pictures) for one in loaded], samples)
            name = f"chain / {network.name} / {engine} {precision} / {workers} workers"
            series[name] = Samples("studies/s", [batch * rate for rate in rates])
            results["workers"][str(workers)] = summary(series[name].values)
        outputs = loaded[0].run({network.input: pictures})
        found = resident.read(outputs, outputs["embedding"])
        results["sure"] = f"{sum(one is not None for one in found)} of {batch}"
    finally:
        for one in loaded:
            one.close()
    return results, series


def from_pixels(
    network: Network, engine: str, precision: str, rows: int, batch: int, samples: int
) -> tuple[dict[str, Any], dict[str, Samples]]:
    """Studies a second from decoded 8-bit pixels to row numbers, preprocessed on the device.

    As ``throughput``; beside the encoder stand the recipe before it and the search behind it.

    Raises:
        NotOnDevice: the recipe needs the processor.
    """
    before = OnDevice(network.recipe, network.input, SIDE, SIDE)
    vectors = Cones(dimension=network.width, meanings=16).sentences(rows, 0).astype(np.float16)
    resident = Resident.of(vectors, K)
    model = before.before(network.models[precision], "uint8") + resident.addition()
    kept: dict[str, NDArray[Any]] = {**resident.inputs, **before.resident()}
    images = [_study(seed).image for seed in range(batch)]
    results: dict[str, Any] = {"rows": rows, "batch": batch, "side": SIDE, "workers": {}}
    series: dict[str, Samples] = {}
    loaded: list[Engine] = []

    def whole(one: Engine) -> Callable[[], object]:
        return lambda: one.run(before.inputs(images))

    try:
        for workers in WORKERS:
            while len(loaded) < workers:
                weights = network.weights[precision]
                loaded.append(load_engine(engine, model, None, weights, kept))
            rates = _rates([whole(one) for one in loaded], samples)
            name = f"chain / {network.name} / {engine} {precision} / pixels, {workers} workers"
            series[name] = Samples("studies/s", [batch * rate for rate in rates])
            results["workers"][str(workers)] = summary(series[name].values)
    finally:
        for one in loaded:
            one.close()
    return results, series


def preprocessing(samples: int, threads: int) -> tuple[dict[str, Any], dict[str, Samples]]:
    """Studies a second of the embedded recipe on the processor, from decoded 8-bit pixels.

    Args:
        samples: batches of 64.
        threads: that share a batch.
    """
    recipe = Bundle.load(locate("bundle", None)).recipe
    studies = [_study(seed).image for seed in range(64)]
    rates = []
    with ThreadPoolExecutor(threads) as pool:
        for _ in range(samples):
            began = perf_counter()
            list(pool.map(lambda image: apply(recipe, image), studies))
            rates.append(len(studies) / (perf_counter() - began))
    name = f"chain / preprocessing / {threads} threads"
    about = {**summary(rates), "side": SIDE, "threads": threads}
    return about, {name: Samples("studies/s", rates)}


def _rates(workers: list[Callable[[], object]], samples: int) -> list[float]:
    """Runs a second of all workers together; each sample is one round of ten runs each."""
    rates = []
    with ThreadPoolExecutor(len(workers)) as pool:
        for number in range(samples + 1):
            began = perf_counter()
            list(pool.map(_ten, workers))
            if number:
                rates.append(10 * len(workers) / (perf_counter() - began))
    return rates


def _ten(run: Callable[[], object]) -> None:
    for _ in range(10):
        run()


def _worker(engine: Engine, name: str, pictures: Array) -> Callable[[], object]:
    return lambda: engine.run({name: pictures})


def _study(seed: int) -> Study:
    """A made-up picture; nothing is read from a file."""
    chance = np.random.default_rng(seed)
    coarse = chance.integers(0, 256, (16, 16), dtype=np.uint8)
    stored = np.kron(coarse, np.ones((SIDE // 16, SIDE // 16), np.uint8))
    stored += chance.integers(0, 16, stored.shape, dtype=np.uint8) // 2
    return Study(
        image=SourceImage(stored, bits_stored=8),
        path="made-up",
        study_instance_uid="1",
        series_instance_uid="1",
        sop_instance_uid="1",
        sop_class_uid="1",
        view="PA",
        transfer_syntax_uid="1.2.840.10008.1.2.1",
    )
