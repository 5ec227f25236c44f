"""What the device can do at best, measured: copies, and products of large half-precision matrices.

Both go through what the engines use as well: the driver's own copies, and a network of products.
"""

from time import perf_counter

import numpy as np

from cxr_edge.engines import load_engine
from cxr_edge.engines.cuda_device import Device
from cxr_edge.engines.onnx_bytes import constant, input_, model, node, output

_CHAIN = 8


def product_rate(engine: str, size: int, samples: int) -> list[float]:
    """Operations a second of each of some runs of eight products, half precision.

    Args:
        engine: name of an engine.
        size: rows and columns of the matrices.
        samples: how many runs.
    """
    chance = np.random.default_rng(0)
    matrix = (chance.standard_normal((size, size), np.float32) / np.sqrt(size)).astype(np.float16)
    parts = [
        input_("scale", "float32", ["batch", 1]),
        input_("matrix", "float16", [size, size]),
        constant("axes", np.array([0, 1], np.int64)),
        node("ReduceMean", ["scale"], ["one"], "one", keepdims=0),
        node("Cast", ["one"], ["half"], "half", to=10),
        node("Mul", ["matrix", "half"], ["x0"], "x0"),
    ]
    for number in range(_CHAIN):
        names = [f"x{number}", "matrix"], [f"x{number + 1}"]
        parts.append(node("MatMul", *names, f"x{number + 1}"))
    parts += [
        node("Cast", [f"x{_CHAIN}"], ["float"], "float", to=1),
        node("ReduceMax", ["float", "axes"], ["largest"], "largest", keepdims=1),
        output("largest", "float32", ["", ""]),
    ]
    running = load_engine(engine, model(parts, 18), resident={"matrix": matrix})
    given = {"scale": np.ones((1, 1), np.float32)}
    try:
        spans = []
        for _ in range(samples + 3):
            began = perf_counter()
            running.run(given)
            spans.append(perf_counter() - began)
    finally:
        running.close()
    return [2.0 * _CHAIN * size**3 / span for span in spans[3:]]


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
