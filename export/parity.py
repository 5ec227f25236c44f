"""The parity gate: a graph says what its torch reference says, or there is no bundle."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cxr_edge.export.agreement import RATIO, Check
from cxr_edge.export.graph import Graph, open_session
from cxr_edge.export.precision import Precision
from cxr_edge.export.spec import GraphSpec, Tolerance

BATCHES = (1, 2, 5, 16)
LARGE = 100_000_000
"""Parameters from which the largest batch is left out."""
_SEED = 20
_SHARE = 4
"""Real pictures in one run."""

LOWERED: Mapping[Precision, Tolerance] = {
    "fp16": Tolerance(absolute=2e-2, relative=2e-2, cosine=0.999),
    "int8": Tolerance(absolute=1.0, relative=0.5, cosine=0.95),
}
"""What is accepted of a precision below FP32: that no value is far off. Whether the network still
decides alike is the agreement's to say."""

Outputs = Sequence[NDArray[np.float32]]


def check_parity(
    spec: GraphSpec,
    graph: Graph,
    tolerance: Tolerance,
    images: NDArray[np.float32] | None,
    checks: Mapping[str, Check] | None = None,
) -> dict[str, Any]:
    """Run reference and graph on the same inputs and compare; nothing is raised.

    Args:
        spec: the reference.
        graph: the ONNX model.
        tolerance: what is accepted.
        images: float32 (N, C, S, S) preprocessed pictures; the image network is compared on them
            as well.
        checks: by output, whether the task's decisions agree; asked of real pictures where there
            are at least two, otherwise of samples.

    Returns:
        A record for the manifest: ``status`` (``passed``, ``uninformative`` or ``failed``), engine
        and versions, batch sizes, ``outputs`` with the figures of :func:`compare`, ``agreement``
        with the records of ``checks``, ``not_judged``: outputs of which every check is
        uninformative, and ``failures``: one line for each thing that is wrong.
    """
    import onnxruntime
    import torch

    session = open_session(graph)
    size = sum(parameter.numel() for parameter in spec.module.parameters())
    sizes = BATCHES if size < LARGE else BATCHES[:-1]
    chance = np.random.default_rng(_SEED)
    batches = [spec.samples(count, chance) for count in sizes]
    drawn = len(batches)
    if images is not None and spec.role == "image":
        batches += [(images[k : k + _SHARE],) for k in range(0, len(images), _SHARE)]
    want: list[list[NDArray[np.float32]]] = []
    got: list[list[NDArray[np.float32]]] = []
    with torch.inference_mode():
        for batch in batches:
            answer = spec.module(*(torch.from_numpy(array) for array in batch))
            answer = answer if isinstance(answer, tuple) else (answer,)
            want.append([tensor.numpy() for tensor in answer])
            feed = dict(zip(spec.inputs, batch, strict=True))
            got.append(session.run(list(spec.outputs), feed))
    real = 0 if images is None or spec.role != "image" else len(images)
    # Rows on which decisions are compared, and across which outputs must differ.
    judged = slice(drawn, None) if real > 1 else slice(0, drawn)
    outputs: dict[str, dict[str, Any]] = {}
    agreement: dict[str, dict[str, Any]] = {}
    failures: list[str] = []
    for k, output in enumerate(spec.outputs):
        name = f"{spec.role}.{output}"
        pair = [answer[k] for answer in want], [answer[k] for answer in got]
        outputs[output], found = compare(name, *pair, tolerance, judged)
        failures += found
        if output in (checks or {}) and outputs[output]["comparable"]:
            rows = [np.concatenate(part[judged]) for part in pair]
            record = agreement[output] = (checks or {})[output](*rows)
            if record["status"] == "failed":
                failures.append(
                    f"{name}: {record['check']} {record['value']:.4g}, limit {record['limit']:g}"
                )
    silent = [name for name in spec.outputs if not _judged(outputs[name], agreement.get(name, {}))]
    return {
        "status": "failed" if failures else "uninformative" if silent else "passed",
        "engine": f"onnxruntime {onnxruntime.__version__}",
        "reference": f"torch {torch.__version__}, fp32",
        "batches": list(sizes),
        "real_images": real,
        "outputs": outputs,
        "agreement": agreement,
        "not_judged": silent,
        "failures": failures,
    }


def _judged(*records: Mapping[str, Any]) -> bool:
    """Whether one of the checks of an output tells something and found it in order."""
    return any(record.get("status") == "passed" for record in records)


def compare(
    name: str,
    reference: Outputs,
    exported: Outputs,
    tolerance: Tolerance,
    judged: slice = slice(None),
) -> tuple[dict[str, Any], list[str]]:
    """Compare one output over several batches.

    Args:
        name: for the messages.
        reference: float32 (N_b, ...) per batch.
        exported: the same of the graph.
        tolerance: what is accepted.
        judged: batches over which the spread is taken.

    Returns:
        A record and what is wrong, in words. The record has ``status``; ``comparable``: shapes
        agree and all is finite, and then ``max_abs_error``; ``max_relative_error``: of a row's
        length, by the mean length; ``min_cosine`` of the rows, where they have more than one
        column; ``spread``: standard deviation over the rows, root mean square over the columns; and
        ``spread_to_error``, by the root mean square of the error.
    """
    for want, got in zip(reference, exported, strict=True):
        if want.shape != got.shape:
            problem = f"{name} has shape {got.shape}, expected {want.shape}"
        elif not (np.isfinite(want).all() and np.isfinite(got).all()):
            problem = f"{name} is not finite, check the checkpoint"
        else:
            continue
        return {"status": "failed", "comparable": False}, [problem]
    truth, mine, seen = _rows(reference), _rows(exported), _rows(reference[judged])
    difference = truth - mine
    lengths = np.linalg.norm(truth, axis=1)
    scale = max(1.0, float(np.sqrt((truth**2).mean())))
    error = float(np.sqrt((difference**2).mean()))
    record: dict[str, Any] = {
        "max_abs_error": float(np.abs(difference).max()),
        "max_relative_error": float(
            np.linalg.norm(difference, axis=1).max() / max(lengths.mean(), 1e-12)
        ),
        "spread": float(np.sqrt(seen.var(axis=0).mean())),
    }
    record["spread_to_error"] = record["spread"] / max(error, 1e-12)
    problems = []
    if record["max_abs_error"] > tolerance.absolute * scale:
        problems.append(
            f"absolute error {record['max_abs_error']:.2g} (at most {tolerance.absolute * scale:g})"
        )
    if record["max_relative_error"] > tolerance.relative:
        problems.append(
            f"relative error {record['max_relative_error']:.2g} (at most {tolerance.relative:g})"
        )
    if truth.shape[1] > 1:
        products = lengths * np.linalg.norm(mine, axis=1)
        record["min_cosine"] = float(((truth * mine).sum(1) / np.maximum(products, 1e-12)).min())
        if record["min_cosine"] < tolerance.cosine:
            problems.append(f"cosine {record['min_cosine']:.7f} (at least {tolerance.cosine})")
    failures = (
        [f"{name} differs from the torch reference: {', '.join(problems)}"] if problems else []
    )
    if record["spread"] <= tolerance.spread * scale:
        failures.append(
            f"{name} is the same for every input (spread {record['spread']:.2g}), check the "
            "checkpoint"
        )
    informative = record["spread_to_error"] >= RATIO
    record["status"] = "failed" if failures else "passed" if informative else "uninformative"
    record["comparable"] = True
    return record, failures


def _rows(batches: Outputs) -> NDArray[np.float64]:
    return np.concatenate([b.reshape(len(b), -1) for b in batches]).astype(np.float64)
