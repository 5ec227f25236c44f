"""Whether a graph decides as its reference does: which texts, which labels, which tokens."""

import math
import tempfile
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cxr_edge.export.precision import Precision
from cxr_edge.export.spec import ExportSpec, GraphSpec
from cxr_edge.labels import OBSERVATIONS

REGRET = 0.005
"""Most that the mean score of the ten texts chosen may fall short of the ten best."""
LABELS: Mapping[Precision, float] = {"fp32": 0.99, "fp16": 0.99, "int8": 0.95}
"""Least share of labels that must be the same."""
TOP = 10
TEXTS = 512
CONE = 0.38
"""Median cosine of two grammar sentences, by the embedded text network; a test measures it."""
RATIO = 20
"""A check tells something where answering for another picture would cost this many times more."""

Array = NDArray[np.float32]
Check = Callable[[Array, Array], dict[str, Any]]
"""Reference and exported output, float32 (N, ...) each -> a record with its ``status``."""


def checks_of(
    spec: ExportSpec, graph: GraphSpec, precision: Precision = "fp32"
) -> dict[str, Check]:
    """What each output of a graph is used for, as a check; outputs that decide nothing have none.

    Args:
        spec: of the whole bundle; where it has a text network, its sentences are scored.
        graph: one of its networks.
        precision: of the graph that is judged.
    """
    labels = LABELS[precision]
    checks: dict[str, Check] = {}
    if graph.role == "image" and "embedding" in graph.outputs:
        checks["embedding"] = _retrieval(spec)
    if "probabilities" in graph.outputs:
        checks["probabilities"] = partial(
            same_observations, observations=spec.observations, limit=labels
        )
    if "logits" in graph.outputs:
        classes = spec.provenance.get("classes")
        spans = [tuple(span) for span in classes.values()] if classes else []
        checks["logits"] = (
            partial(same_classes, spans=spans, limit=labels) if spans else same_tokens
        )
    return checks


def _retrieval(spec: ExportSpec) -> Check:
    vectors, kind = text_vectors(spec)
    return partial(score_regret, vectors=vectors, kind=kind)


def text_vectors(spec: ExportSpec) -> tuple[Array, str]:
    """Texts to score pictures against, float32 (M, D) of unit length, and what they are.

    Sentences of the grammar by the reference text network. Without one, unit vectors at random in
    a cone as narrow as that of real sentences, whose scores lie closer together than those of a
    whole sphere.
    """
    graph = next((graph for graph in spec.graphs if graph.role == "text"), None)
    if graph is None or not spec.tokenizer:
        return text_cone(spec.dimension), f"{TEXTS} random vectors in a cone (no text network)"
    import torch

    from cxr_edge.indexes.corpora import open_corpus
    from cxr_edge.tokenizers import get_tokenizer

    sentences = [sentence.text for sentence in open_corpus("grammar")]
    picked = np.linspace(0, len(sentences) - 1, TEXTS).astype(int)
    with tempfile.TemporaryDirectory() as folder:
        for name, content in spec.files.items():
            Path(folder, name).write_bytes(content)
        encoded = get_tokenizer(spec.tokenizer, Path(folder)).encode([sentences[k] for k in picked])
    rows = []
    with torch.inference_mode():
        for start in range(0, TEXTS, 64):
            inputs = (torch.from_numpy(encoded[n][start : start + 64]) for n in graph.inputs)
            answer = graph.module(*inputs)
            rows.append((answer[0] if isinstance(answer, tuple) else answer).numpy())
    return unit(np.concatenate(rows)), f"{TEXTS} sentences of the grammar"


def text_cone(dimension: int) -> Array:
    """Unit vectors around one direction, the median cosine of two of them being ``CONE``.

    Each is ``sqrt(CONE) m + sqrt(1 - CONE) u`` with one m for all and a u of its own at right
    angles to it: the cosine of two is ``CONE`` and what their u's have in common by chance.
    """
    chance = np.random.default_rng(10)
    middle = unit(chance.standard_normal((1, dimension), dtype=np.float32))
    drawn = chance.standard_normal((TEXTS, dimension), dtype=np.float32)
    aside = unit(drawn - drawn @ middle.T * middle)
    return unit(math.sqrt(CONE) * middle + math.sqrt(1.0 - CONE) * aside)


def unit(vectors: Array) -> Array:
    """Rows at unit length."""
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    scaled: Array = vectors / np.maximum(lengths, 1e-12)
    return scaled


def score_regret(want: Array, got: Array, vectors: Array, kind: str) -> dict[str, Any]:
    """What is lost by retrieving with the exported embedding.

    For each picture, the mean reference score of the reference's ten best texts less that of the
    ten which the exported embedding puts first. It is set beside the loss of taking the ten best of
    another picture: where even that costs little, the check tells nothing.

    Args:
        want: float32 (N, D), the reference's embeddings of either metric; scored at unit length.
        got: the same of the graph.
        vectors: float32 (M, D), the texts.
        kind: what they are.
    """
    truth, mine = unit(want) @ vectors.T, unit(got) @ vectors.T
    best = _top(truth)
    attained = np.take_along_axis(truth, best, 1).mean(axis=1)
    regret = float((attained - np.take_along_axis(truth, _top(mine), 1).mean(axis=1)).max())
    swapped = np.take_along_axis(truth, np.roll(best, 1, axis=0), 1).mean(axis=1)
    cost = float((attained - swapped).mean())
    informative = cost >= max(RATIO * regret, REGRET)
    return {
        "check": "score regret",
        "texts": kind,
        "value": max(regret, 0.0),
        "limit": REGRET,
        "of_another_picture": cost,
        "status": _status(regret <= REGRET, informative),
    }


def _top(scores: Array) -> NDArray[np.intp]:
    return np.argsort(-scores, axis=1, kind="stable")[:, :TOP]


def same_observations(
    want: Array,
    got: Array,
    observations: Mapping[str, Mapping[str, Any]],
    limit: float = LABELS["fp32"],
) -> dict[str, Any]:
    """Share of observations that are asserted, denied or passed over alike.

    A muted observation is never said; there it is asked which side of one half it is on.
    """
    entries = [observations[name] for name in OBSERVATIONS]
    gate = np.array([0.5 if e["muted"] else e["gate"] for e in entries], np.float32)
    clear = np.array([0.5 if e["muted"] else e["clear"] for e in entries], np.float32)
    states = [(p >= gate).astype(int) + (p >= clear) for p in (want, got)]
    return _labels("observations", states[0], states[1], limit)


def same_classes(
    want: Array, got: Array, spans: list[tuple[int, ...]], limit: float = LABELS["fp32"]
) -> dict[str, Any]:
    """Share of heads whose largest logit is the same; ``spans`` are columns, half open."""
    labels = [np.stack([x[:, a:b].argmax(1) for a, b in spans], 1) for x in (want, got)]
    return _labels("classes", labels[0], labels[1], limit)


def _labels(
    check: str, want: NDArray[np.intp], got: NDArray[np.intp], limit: float
) -> dict[str, Any]:
    share = float((want == got).mean())
    informative = bool((want != want[:1]).any())
    status = _status(share >= limit, informative)
    return {"check": f"same {check}", "value": share, "limit": limit, "status": status}


def same_tokens(want: Array, got: Array) -> dict[str, Any]:
    """Share of rows in which the most likely token is the same; all must be."""
    truth, mine = want.argmax(axis=1), got.argmax(axis=1)
    share = float((truth == mine).mean())
    status = _status(share == 1.0, len(set(truth.tolist())) > 1)
    return {"check": "same tokens", "value": share, "limit": 1.0, "status": status}


def _status(good: bool, informative: bool) -> str:
    if not good:
        return "failed"
    return "passed" if informative else "uninformative"
