"""Metrics that are other people's programs: called as they document it, never rewritten.

Each loads a network of its own. Nothing is downloaded: Hugging Face's libraries are told to stay
offline, so weights have to be on the machine before (``docs/quality.md`` says how).
"""

import importlib
import os
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from cxr_edge.benchmarks.quality.bootstrap import interval, mean_of
from cxr_edge.benchmarks.quality.scores import Score

Values = tuple[float, list[float] | None]
"""The figure, and one value a report where the figure is their mean."""


@dataclass(frozen=True)
class Other:
    """One metric and how to have it."""

    metric: str
    module: str
    """What is imported."""
    install: str
    """What pip is told."""
    note: str
    """Which variant it is."""
    run: Callable[[Any, list[str], list[str]], Values]
    """Takes the module, reports and drafts."""


def _radgraph(module: Any, references: list[str], drafts: list[str]) -> Values:  # noqa: ANN401
    scorer = module.F1RadGraph(reward_level="partial", model_type="radgraph-xl")
    mean, each, *_ = scorer(refs=references, hyps=drafts)
    return float(mean), [float(value) for value in each]


def _ratescore(module: Any, references: list[str], drafts: list[str]) -> Values:  # noqa: ANN401
    each = [float(value) for value in module.RaTEScore().compute_score(drafts, references)]
    return float(np.mean(each)), each


def _green(module: Any, references: list[str], drafts: list[str]) -> Values:  # noqa: ANN401
    with tempfile.TemporaryDirectory() as folder:  # it writes a file of its answers
        scorer = module.GREEN("StanfordAIMI/GREEN-radllama2-7b", output_dir=folder)
        mean, _, each, *_ = scorer(references, drafts)
    known = [float(value) for value in each if value is not None]
    return float(mean), known if len(known) == len(drafts) else None


def _radcliq(module: Any, references: list[str], drafts: list[str]) -> Values:  # noqa: ANN401
    # One over the mean of raw values: no mean of one value a report, so no interval.
    found = module.RadEval(do_radcliq=True)(refs=references, hyps=drafts)
    return float(found["radcliq_v1"]), None


OTHERS: dict[str, Other] = {
    "radgraph": Other(
        "RadGraph F1",
        "radgraph",
        "radgraph",
        "entities and whether related, radgraph-xl",
        _radgraph,
    ),
    "ratescore": Other("RaTEScore", "RaTEScore", "RaTEScore", "", _ratescore),
    "green": Other("GREEN", "green_score", "green-score", "GREEN-radllama2-7b", _green),
    "radcliq": Other("1/RadCliQ-v1", "radeval", "radeval", "RadEval's; higher is better", _radcliq),
}
"""Name for ``--with`` and what it runs."""


def other_score(
    name: str,
    references: Sequence[str],
    drafts: Sequence[str],
    *,
    resamples: int = 1000,
    seed: int = 0,
) -> Score:
    """The figure of another program, or why there is none.

    Args:
        name: a key of ``OTHERS``.
        references: the reports.
        drafts: as many drafts.
        resamples: of the studies, for the interval.
        seed: of the resamples.
    """
    other = OTHERS[name]
    os.environ.setdefault("HF_HUB_OFFLINE", "1")
    try:
        module = importlib.import_module(other.module)
    except ImportError as problem:
        missing = (problem.name or "").partition(".")[0]
        why = "not installed" if missing == other.module else f"cannot be imported ({problem})"
        return Score(other.metric, None, None, None, f"{why}: pip install {other.install}")
    try:
        value, each = other.run(module, list(references), list(drafts))
    # Whatever a program of others raises, the rest of the table stands.
    except Exception as problem:
        said = " ".join(str(problem).split())
        return Score(other.metric, None, None, None, f"{other.module} failed: {said[:160]}")
    if each is None:
        return Score(other.metric, value, None, None, other.note)
    bounds = interval(mean_of(np.array(each)), len(each), resamples, seed)
    return Score(other.metric, value, *bounds, other.note)
