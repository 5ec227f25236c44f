"""What a device can do at best, measured: copies, and products of large matrices.

Both go through what the engines use as well: the driver's own copies, or the processors', and a
network of products.
"""

from concurrent.futures import ThreadPoolExecutor
from time import perf_counter
from typing import Literal

import numpy as np

from cxr_edge.engines import Engine, load_engine
from cxr_edge.engines.cuda_device import Device
from cxr_edge.engines.onnx_bytes import constant, input_, model, node, output

_CHAIN = 8


class Products:
    """Eight products of square matrices, one after the other, on an engine."""

    def __init__(
        self,
        engine: str,
        size: int,
        precision: Literal["float16", "float32"] = "float16",
        threads: int | None = None,
    ) -> None:
        """Load the network.

        Args:
            engine: name of an engine.
            size: rows and columns of the matrices.
            precision: of the numbers.
            threads: processors, of an engine that runs on them.

        Raises:
            EngineUnavailable: the engine cannot run here.
        """
        chance = np.random.default_rng(0)
        drawn = chance.standard_normal((size, size), np.float32) / np.sqrt(size)
        matrix = drawn.astype(precision)
        graph = _graph(size, precision)
        self.operations = 2.0 * _CHAIN * size**3
        """Of one run; a multiplication with its addition counts two."""
        self._engine: Engine = load_engine(engine, graph, threads, resident={"matrix": matrix})
        self._given = {"scale": np.ones((1, 1), np.float32)}

    def __call__(self) -> None:
        """Run once."""
        self._engine.run(self._given)

    def close(self) -> None:
        """Give the engine's memory back."""
        self._engine.close()


def _graph(size: int, precision: str) -> bytes:
    parts = [
        input_("scale", "float32", ["batch", 1]),
        input_("matrix", precision, [size, size]),
        constant("axes", np.array([0, 1], np.int64)),
        node("ReduceMean", ["scale"], ["one"], "one", keepdims=0),
        node("Cast", ["one"], ["cast"], "cast", to={"float32": 1, "float16": 10}[precision]),
        node("Mul", ["matrix", "cast"], ["x0"], "x0"),
    ]
    for number in range(_CHAIN):
        names = [f"x{number}", "matrix"], [f"x{number + 1}"]
        parts.append(node("MatMul", *names, f"x{number + 1}"))
    parts += [
        node("Cast", [f"x{_CHAIN}"], ["float"], "float", to=1),
        node("ReduceMax", ["float", "axes"], ["largest"], "largest", keepdims=1),
        output("largest", "float32", ["", ""]),
    ]
    return model(parts, 18)


def product_rate(engine: str, size: int, samples: int) -> list[float]:
    """Operations a second of each of some runs of eight products, half precision.

    Args:
        engine: name of an engine.
        size: rows and columns of the matrices.
        samples: how many runs.
    """
    run = Products(engine, size)
    try:
        spans = []
        for _ in range(samples + 3):
            began = perf_counter()
            run()
            spans.append(perf_counter() - began)
    finally:
        run.close()
    return [run.operations / span for span in spans[3:]]


class Copies:
    """A copy of memory that is larger than any cache, by some processors, a part for each."""

    def __init__(self, mebibytes: int, threads: int) -> None:
        """Take the memory; its bytes are written, so that they are there."""
        here = np.ones((mebibytes << 20) // 8)
        there = np.zeros_like(here)
        self.bytes = 2.0 * here.nbytes
        """Of one run, read and written."""
        self._parts = list(
            zip(np.array_split(there, threads), np.array_split(here, threads), strict=True)
        )
        self._pool = ThreadPoolExecutor(threads)

    def __call__(self) -> None:
        """Copy once."""
        for _ in self._pool.map(lambda pair: np.copyto(*pair), self._parts):
            pass

    def close(self) -> None:
        """Give threads and memory back."""
        self._pool.shutdown()
        self._parts.clear()


def copy_rates(mebibytes: int, samples: int) -> dict[str, list[float]]:
    """Bytes a second of the first GPU: ``device``, read and written, and ``upload``, pinned.

    Args:
        mebibytes: copied at once.
        samples: how many copies of each.
    """
    device = Device()
    try:
        host = device.pinned((mebibytes << 20,), np.uint8)
        host[:] = 1
        here = device.buffer("here", host.nbytes)
        there = device.buffer("there", host.nbytes)
        rates: dict[str, list[float]] = {"device": [], "upload": []}
        for _ in range(samples + 3):
            began = perf_counter()
            device.upload(here, host)
            device.wait()
            middle = perf_counter()
            for _ in range(_CHAIN):
                device.copy(there, here, host.nbytes)
            device.wait()
            ended = perf_counter()
            rates["upload"].append(host.nbytes / (middle - began))
            rates["device"].append(2 * _CHAIN * host.nbytes / (ended - middle))
        return {name: values[3:] for name, values in rates.items()}
    finally:
        device.close()
