"""What a bundle's probabilities are worth on reports it did not learn from.

The figures of the model card come from here: the pictures go through the bundle's own recipe and
engine, as in ``cxr-run``, and the labels of the reports come from the rule labeler.
"""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cxr_edge.benchmarks.quality.matrices import positives
from cxr_edge.bundle import Bundle
from cxr_edge.engines import load_engine
from cxr_edge.errors import CorpusError
from cxr_edge.labels import OBSERVATIONS
from cxr_edge.preprocess import apply
from cxr_edge.training.auroc import auroc, auroc_interval
from cxr_edge.training.pictures import load_picture
from cxr_edge.training.progress import bar
from cxr_edge.training.studies import read_studies
from cxr_edge.training.targets import label_reports

HEADLINE = ("Cardiomegaly", "Pleural Effusion", "Atelectasis", "No Finding")
"""The observations whose mean AUROC the default model is chosen by."""


def evaluate_bundle(bundle: Path, data: Path, split: str, resamples: int) -> dict[str, Any]:
    """AUROC and calibration per observation, on the first frontal picture of each study.

    A positive mention counts as 1; an uncertain, negative or missing one as 0, as in the label F1.

    Args:
        bundle: directory of the bundle.
        data: see ``read_studies``.
        split: ``valid`` or ``train``.
        resamples: bootstrap resamples over studies.

    Returns:
        ``bundle``, ``space``, ``split``, ``studies``, ``observations`` by name with ``auroc``,
        ``interval``, ``positives``, ``prevalence``, ``mean_probability`` and ``brier``, and
        ``headline`` with the mean AUROC of four observations and its interval.

    Raises:
        CorpusError: no study of that split has a frontal picture.
        BundleError: the bundle cannot be opened.
    """
    opened = Bundle.load(bundle)
    studies = [s for s in read_studies(data) if s.split == split and s.frontals]
    if not studies:
        raise CorpusError(f"{data} holds no study with split {split!r} and a frontal picture")
    truth = positives(label_reports([study.report for study in studies]))
    probabilities = _probabilities(opened, [study.frontals[0] for study in studies])
    observations: dict[str, dict[str, Any]] = {}
    for column, name in enumerate(OBSERVATIONS):
        said, seen = truth[:, column], probabilities[:, column]
        observations[name] = {
            "auroc": auroc(said, seen),
            "interval": auroc_interval(said, seen, resamples),
            "positives": int(said.sum()),
            "prevalence": float(said.mean()),
            "mean_probability": float(seen.mean(dtype=np.float64)),
            "brier": float(np.square(seen - said).mean(dtype=np.float64)),
        }
    return {
        "bundle": opened.name,
        "space": opened.space,
        "split": split,
        "studies": len(studies),
        "resamples": resamples,
        "observations": observations,
        "headline": headline(truth, probabilities, resamples),
    }


def _probabilities(bundle: Bundle, paths: list[Path]) -> NDArray[np.float32]:
    network = bundle.network("image")
    engine = load_engine("auto", bundle.read(network.file))
    rows = []
    try:
        with bar(paths, "encoding") as files:
            for path in files:
                pixels = apply(bundle.recipe, load_picture(path))
                rows.append(engine.run({network.inputs[0]: pixels})["probabilities"][0])
    finally:
        engine.close()
    return np.stack(rows)


def headline(
    truth: NDArray[np.bool_], probabilities: NDArray[np.float32], resamples: int
) -> dict[str, Any] | None:
    """Mean AUROC of ``HEADLINE``; its interval draws the same studies for all four.

    Args:
        truth: bool (N, 14).
        probabilities: float32 (N, 14).
        resamples: how many.

    Returns:
        ``names``, ``auroc`` and ``interval``, or None where one of the four has a single class.
    """
    columns = [OBSERVATIONS.index(name) for name in HEADLINE]

    def mean(rows: NDArray[np.int64]) -> float | None:
        values = [auroc(truth[rows, c], probabilities[rows, c]) for c in columns]
        known = [value for value in values if value is not None]
        return float(np.mean(known)) if len(known) == len(columns) else None

    whole = mean(np.arange(len(truth)))
    if whole is None:
        return None
    chance = np.random.default_rng(0)
    drawn = [mean(chance.integers(len(truth), size=len(truth))) for _ in range(resamples)]
    low, high = np.quantile([value for value in drawn if value is not None], [0.025, 0.975])
    return {"names": list(HEADLINE), "auroc": whole, "interval": [float(low), float(high)]}


def markdown(result: dict[str, Any]) -> str:
    """The result as the table that the model card shows."""
    lines = [
        f"{result['bundle']} ({result['space']}), split {result['split']}, "
        f"{result['studies']} studies, {result['resamples']} resamples",
        "",
        "| Observation | Positives | AUROC (95 % interval) | Said on average | Reported | Brier |",
        "|---|---|---|---|---|---|",
    ]
    for name, row in result["observations"].items():
        area = "too few to say"
        if row["auroc"] is not None:
            area = f"{row['auroc']:.3f} ({row['interval'][0]:.3f}–{row['interval'][1]:.3f})"
        lines.append(
            f"| {name} | {row['positives']} | {area} | {row['mean_probability']:.3f} "
            f"| {row['prevalence']:.3f} | {row['brier']:.3f} |"
        )
    summary = result["headline"]
    if summary is not None:
        low, high = summary["interval"]
        lines += [
            "",
            f"Mean AUROC of {', '.join(summary['names'])}: "
            f"{summary['auroc']:.3f} ({low:.3f}–{high:.3f})",
        ]
    return "\n".join(lines)
