"""The parity gate: a graph says what its torch reference says, or there is no bundle."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cxr_edge.errors import ParityError
from cxr_edge.export.spec import GraphSpec, Tolerance

BATCHES = (1, 2, 5, 16)
_SEED = 20

Outputs = Sequence[NDArray[np.float32]]


def check_parity(
    spec: GraphSpec, graph: bytes, tolerance: Tolerance, images: NDArray[np.float32] | None
) -> dict[str, Any]:
    """Run reference and graph on the same inputs and compare.

    Args:
        spec: the reference.
        graph: the serialised ONNX model.
        tolerance: what is accepted.
        images: float32 (N, C, S, S) preprocessed pictures; for the image network they are compared
            as well, one batch.

    Returns:
        A record for the manifest: engine and version, batch sizes, and for each output the largest
        absolute error, the smallest cosine and the spread.

    Raises:
        ParityError: an output is not finite, differs too much, or is the same for every input.
    """
    import onnxruntime  # type: ignore[import-untyped]
    import torch

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])
    chance = np.random.default_rng(_SEED)
    batches = [spec.samples(size, chance) for size in BATCHES]
    real = images is not None and spec.role == "image"
    if real:
        batches.append((images,))  # type: ignore[arg-type]
    reference, exported = [], []
    with torch.inference_mode():
        for batch in batches:
            answer = spec.module(*(torch.from_numpy(array) for array in batch))
            answer = answer if isinstance(answer, tuple) else (answer,)
            reference.append([tensor.numpy() for tensor in answer])
            feed = dict(zip(spec.inputs, batch, strict=True))
            exported.append(session.run(list(spec.outputs), feed))
    outputs = {
        name: compare(
            f"{spec.role}.{name}",
            [answer[k] for answer in reference],
            [answer[k] for answer in exported],
            tolerance,
        )
        for k, name in enumerate(spec.outputs)
    }
    return {
        "engine": f"onnxruntime {onnxruntime.__version__}",
        "reference": f"torch {torch.__version__}",
        "batches": list(BATCHES),
        "real_images": 0 if not real or images is None else len(images),
        "outputs": outputs,
    }


def compare(
    name: str, reference: Outputs, exported: Outputs, tolerance: Tolerance
) -> dict[str, float]:
    """Compare one output over several batches.

    Args:
        name: for the message.
        reference: float32 (N_b, ...) per batch.
        exported: the same of the graph.
        tolerance: what is accepted.

    Returns:
        ``max_abs_error``, ``min_cosine`` and ``spread``.

    Raises:
        ParityError: as in :func:`check_parity`.
    """
    for want, got in zip(reference, exported, strict=True):
        if want.shape != got.shape:
            raise ParityError(
                f"{name} has shape {got.shape}, expected {want.shape}; nothing written"
            )
        if not (np.isfinite(want).all() and np.isfinite(got).all()):
            raise ParityError(f"{name} is not finite; nothing written, check the checkpoint")
    want = np.concatenate([w.reshape(len(w), -1) for w in reference]).astype(np.float64)
    got = np.concatenate([g.reshape(len(g), -1) for g in exported]).astype(np.float64)
    error = float(np.abs(want - got).max())
    lengths = np.linalg.norm(want, axis=1) * np.linalg.norm(got, axis=1)
    cosine = float(((want * got).sum(1) / np.maximum(lengths, 1e-12)).min())
    spread = float(min(want.std(axis=0).mean(), got.std(axis=0).mean()))
    if error > tolerance.absolute or cosine < tolerance.cosine:
        raise ParityError(
            f"{name} differs from the torch reference: error {error:.2g} (at most "
            f"{tolerance.absolute:g}), cosine {cosine:.7f} (at least {tolerance.cosine}); "
            "nothing written"
        )
    if spread < tolerance.spread:
        raise ParityError(
            f"{name} is the same for every input (spread {spread:.2g}, at least "
            f"{tolerance.spread:g}); nothing written, check the checkpoint"
        )
    return {"max_abs_error": error, "min_cosine": cosine, "spread": spread}
