"""Chooses how an index is searched: every row, or along its graph.

Exact search has recall 1 and needs no tuning, so it is taken as long as it is quick enough on this
machine. A graph is only followed when it has shown that it finds what exact search finds, and for
image queries: sentences lie elsewhere in the space than pictures, so a graph that is perfect for
text queries can miss half of what a picture should find.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from time import perf_counter
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cxr_edge.errors import SentenceIndexError
from cxr_edge.indexes.contents import Graph
from cxr_edge.indexes.native import MISSING, reader
from cxr_edge.indexes.scan import scores_of

RECALL = 0.99
"""What a graph must find of the best 10 for held-out image queries."""
MEASURED = 10
"""Of so many best rows the recall is; whoever asks for more gets an exact search."""
BUDGET_MS = 5.0
"""Exact search is taken when it is expected to take at most this long."""
_SAMPLE_BYTES = 16 * 2**20


@dataclass(frozen=True)
class Plan:
    """How an index is searched."""

    reason: str
    """In words, for the provenance of a report."""
    graph: bool = False
    ef: int = 0
    """Width of the beam."""


def choose(
    vectors: NDArray[Any],
    graph: Graph | None,
    about: Mapping[str, Any],
    *,
    exact: bool = False,
    budget_ms: float = BUDGET_MS,
) -> Plan:
    """Choose, and say why.

    Args:
        vectors: float32 or float16 (N, D).
        graph: where the index has one.
        about: ``graph`` of the manifest; empty where there is none.
        exact: the caller wants every row scored.
        budget_ms: how long exact search may take.

    Raises:
        SentenceIndexError: the manifest does not say how to search the graph it has.
    """
    if exact:
        return Plan("exact: asked for")
    if graph is None:
        return Plan(f"exact: {about.get('refused', 'the index has no graph')}")
    ef, recall = _settings(about)
    if reader is None:
        return Plan(f"exact: {MISSING}")
    if recall is None:
        return Plan("exact: the graph was not measured with image queries")
    if recall < RECALL:
        return Plan(
            f"exact: the graph finds {recall:.3f} of the best for image queries, {RECALL} is needed"
        )
    if expected_ms(vectors) <= budget_ms:
        return Plan(f"exact: {len(vectors)} rows take at most {budget_ms:g} ms here")
    return Plan(
        f"graph: ef {ef}, finds {recall:.3f} of the best {MEASURED} for image queries (more than "
        f"{MEASURED} are searched exactly); exact search would take more than {budget_ms:g} ms "
        "here",
        True,
        ef,
    )


def expected_ms(vectors: NDArray[Any]) -> float:
    """How long exact search takes on this machine: the best of three runs over a part."""
    if not vectors.size:
        return 0.0
    rows = max(1, min(len(vectors), _SAMPLE_BYTES // (vectors.nbytes // len(vectors))))
    sample = vectors[:rows]
    query = np.ones(vectors.shape[1], np.float32)
    spans = []
    for _ in range(3):
        started = perf_counter()
        scores_of(sample, query)
        spans.append(perf_counter() - started)
    return min(spans) * 1e3 * len(vectors) / rows


def _settings(about: Mapping[str, Any]) -> tuple[int, float | None]:
    try:
        ef = about["expansion_search"]
        recall = about.get("recall", {}).get("image")
        recall = None if recall is None else float(recall)
        if type(ef) is int and ef >= 1 and (recall is None or 0 <= recall <= 1):
            return ef, recall
    except (KeyError, TypeError, ValueError, AttributeError):
        pass
    raise SentenceIndexError(
        "index.json does not say how its graph is searched (expansion_search, recall); "
        "build the index again"
    )
