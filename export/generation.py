"""Whether an exported decoder writes the reports that its torch reference writes."""

from collections.abc import Mapping, Sequence
from itertools import zip_longest
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cxr_edge.decoding import open_decoder
from cxr_edge.engines.base import Arrays, EngineInfo
from cxr_edge.errors import BundleError
from cxr_edge.export.agreement import RATIO
from cxr_edge.export.graph import Graph, open_session
from cxr_edge.export.precision import Precision
from cxr_edge.export.spec import ExportSpec, GraphSpec, Written

ROLE = "decoding"
"""Under which the record stands among those of the networks."""

TOKENS: Mapping[Precision, float] = {"fp32": 0.99, "fp16": 0.95, "int8": 0.95}
"""Least share of tokens that must be the same. One that flips changes all that follow it, so that
below FP32 a few reports that differ from the first doubtful word on are accepted."""

_PICTURES = 8
_SEED = 21

Seen = dict[str, NDArray[np.float32]]


class _Running:
    """A graph of this export as an engine."""

    def __init__(self, graph: Graph, outputs: Sequence[str]) -> None:
        self._session, self._outputs = open_session(graph), list(outputs)
        self.info = EngineInfo("cpu", "onnxruntime", "CPUExecutionProvider", 1)

    def run(self, inputs: Arrays) -> dict[str, NDArray[Any]]:
        return dict(zip(self._outputs, self._session.run(self._outputs, dict(inputs)), strict=True))

    def close(self) -> None:
        del self._session


def check_decoding(
    spec: ExportSpec,
    graphs: Mapping[str, Graph],
    images: NDArray[np.float32] | None,
    precision: Precision,
) -> dict[str, Any]:
    """Let the torch reference and the exported graphs write, and compare the tokens.

    The reference starts from its own image network, the graphs from theirs: what differs anywhere
    on the way to the words is seen. It tells nothing where every picture gets nearly the same
    words: the tokens of another picture must differ at least ``RATIO`` times as often.

    Args:
        spec: with ``decoding``, start and end included, and ``writer``.
        graphs: the exported networks by role.
        images: float32 (N, C, S, S), real pictures; the first ``_PICTURES`` are described. Samples
            are where there are not two of them.
        precision: of the export.

    Returns:
        A record like those of ``check_parity``: its agreement holds the share of ``tokens`` and of
        whole ``reports`` that are the same.

    Raises:
        BundleError: the ``decoding`` entry is not one the runtime takes.
    """
    if spec.writer is None:
        raise BundleError(f"{spec.architecture} has no reference that writes; add one to its spec")
    want_seen, got_seen, real = _seen(spec, graphs, images)
    outputs = {graph.role: graph.outputs for graph in spec.graphs}
    decoder = open_decoder(spec.decoding, lambda role: _Running(graphs[role], outputs[role]))
    want = spec.writer(want_seen, spec.decoding)
    got: Written = [[text.tokens for text in report] for report in decoder.write(got_seen)]
    return compare_reports(want, got, TOKENS[precision], real)


def compare_reports(want: Written, got: Written, limit: float, real: int) -> dict[str, Any]:
    """The record of two sets of reports.

    Args:
        want: the reference's, one for each picture.
        got: those of the graphs.
        limit: least share of tokens that must be the same.
        real: how many of the pictures are real ones.
    """
    share = same_share(want, got)
    elsewhere = 1.0 - same_share(want, [*want[1:], want[0]])
    informative = elsewhere >= max(RATIO * (1.0 - share), 1.0 - limit)
    failures = []
    if share < limit:
        failures.append(f"{ROLE}.tokens: same tokens {share:.4g}, limit {limit:g}")
    status = "failed" if failures else "passed" if informative else "uninformative"
    record = {
        "check": "same tokens",
        "value": share,
        "limit": limit,
        "of_another_picture": elsewhere,
        "reports": len(want),
        "same_reports": sum(a == b for a, b in zip(want, got, strict=True)) / len(want),
        "tokens": sum(len(text) for report in want for text in report),
        "status": status,
    }
    return {
        "status": status,
        "real_images": real,
        "outputs": {},
        "agreement": {"tokens": record},
        "not_judged": ["tokens"] if status == "uninformative" else [],
        "failures": failures,
    }


def same_share(want: Written, got: Written) -> float:
    """Share of tokens that stand at the same place of the same text; what one lacks differs."""
    same = total = 0
    for report, other in zip(want, got, strict=True):
        for text, beside in zip_longest(report, other, fillvalue=()):
            # The end counts too: a text that ends elsewhere differs, and one may be empty.
            pairs = list(zip_longest((*text, None), (*beside, None), fillvalue=-1))
            same += sum(a == b for a, b in pairs)
            total += len(pairs)
    return same / total if total else 1.0


def _seen(
    spec: ExportSpec, graphs: Mapping[str, Graph], images: NDArray[np.float32] | None
) -> tuple[Seen, Seen, int]:
    """What the decoder reads, by the reference and by the graph, and how many pictures are real."""
    image = next((graph for graph in spec.graphs if graph.role == "image"), None)
    chance = np.random.default_rng(_SEED)
    if image is None:
        first = spec.graphs[0]
        drawn = dict(zip(first.inputs, first.samples(_PICTURES, chance), strict=True))
        floats = {
            name: array.astype(np.float32, copy=False)
            for name, array in drawn.items()
            if array.dtype == np.float32
        }
        return floats, floats, 0
    real = images is not None and len(images) > 1
    pixels = images[:_PICTURES] if images is not None and real else _drawn(image, chance)
    got = _Running(graphs["image"], image.outputs).run({image.inputs[0]: pixels})
    return _by_reference(image, pixels), got, len(pixels) if real else 0


def _drawn(image: GraphSpec, chance: np.random.Generator) -> NDArray[np.float32]:
    (pixels,) = image.samples(_PICTURES, chance)
    return pixels.astype(np.float32, copy=False)


def _by_reference(image: GraphSpec, pixels: NDArray[np.float32]) -> Seen:
    import torch

    with torch.inference_mode():
        answer = image.module(torch.from_numpy(pixels))
    answer = answer if isinstance(answer, tuple) else (answer,)
    return {name: x.numpy() for name, x in zip(image.outputs, answer, strict=True)}
