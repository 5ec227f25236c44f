"""``cxr-train tune`` and ``cxr-train drafts``: what a draft may say, and what drafts are worth.

Both read the ``valid`` studies of a data set through the runtime itself: the same reader, recipe,
engine, index and methods that ``cxr-run`` uses.
"""

from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import click
import numpy as np
from numpy.typing import NDArray

from cxr_edge.benchmarks.quality.matrices import f1_scores, positives
from cxr_edge.benchmarks.record import new_record, write_record
from cxr_edge.benchmarks.record.options import json_option
from cxr_edge.errors import CorpusError
from cxr_edge.labelers.attributes import severity_of, side_of
from cxr_edge.labelers.sentences import split_sentences
from cxr_edge.labels import NO_FINDING, OBSERVATIONS, Mention
from cxr_edge.pipeline import Pipeline
from cxr_edge.training.auroc import auroc, auroc_interval
from cxr_edge.training.drafts import DraftQuality, baselines, draft_all, measure, sentences_of
from cxr_edge.training.gates import (
    SCORED,
    Gates,
    drafted_labels,
    mute_list,
    tune,
)
from cxr_edge.training.studies import PairedStudy, read_studies
from cxr_edge.training.targets import label_reports
from cxr_edge.types import Attribute, Encoding

ValueOf = Callable[[str], str | None]

MIN_MENTIONS = 15
"""Reports that must name an attribute before the model's choice of it is judged at all."""

_FOLDS = 5
_RESAMPLES = 1000
_SENTENCE_METHODS = ("guided", "select", "top-k")
"""Methods that draft from an index of sentences, as ``cxr-train tune`` compares them."""


@dataclass(frozen=True)
class ValidSet:
    """The validation studies, encoded once."""

    studies: list[PairedStudy]
    encodings: list[Encoding]
    labels: NDArray[np.int8]
    """int8 (N, 14): the rule labels of the reports."""

    @property
    def probabilities(self) -> NDArray[np.float32]:
        """float32 (N, 14)."""
        return np.stack([encoding.probabilities for encoding in self.encodings])


def encode_valid(pipeline: Pipeline, data: Path) -> ValidSet:
    """Encode the first frontal picture of every ``valid`` study.

    Raises:
        CorpusError: there is no such study.
    """
    studies = [s for s in read_studies(data) if s.split == "valid" and s.frontals]
    if not studies:
        raise CorpusError(f"{data} holds no study with split 'valid' and a frontal picture")
    encodings = [pipeline.encode(pipeline.read(study.frontals[0])) for study in studies]
    return ValidSet(studies, encodings, label_reports([study.report for study in studies]))


def observe(valid: ValidSet) -> tuple[dict[str, dict[str, Any]], Gates]:
    """AUROC, mute list, gates and clear lines of every observation, as a bundle records them."""
    truth = positives(valid.labels)
    probabilities = valid.probabilities
    figures = [
        (auroc(truth[:, n], probabilities[:, n]), auroc_interval(truth[:, n], probabilities[:, n]))
        for n in range(len(OBSERVATIONS))
    ]
    area = np.array([np.nan if value is None else value for value, _ in figures])
    bound = np.array([np.nan if span is None else span[0] for _, span in figures])
    gates = tune(probabilities, truth, mute_list(truth, area, bound))
    entries: dict[str, dict[str, Any]] = {}
    for number, name in enumerate(OBSERVATIONS):
        value, span = figures[number]
        entries[name] = {
            "auroc": value,
            "auroc_interval": None if span is None else list(span),
            "positives": int(truth[:, number].sum()),
            "gate": float(gates.gate[number]),
            "clear": float(gates.clear[number]),
            "muted": bool(gates.muted[number]),
            "attributes": [],
        }
    return entries, gates


def held_out_macro_f1(valid: ValidSet) -> float:
    """Macro-F1 with every study drafted by gates that were tuned on the other four fifths."""
    truth, probabilities = positives(valid.labels), valid.probabilities
    fold = np.random.default_rng(0).permutation(len(truth)) % _FOLDS
    drafted = np.zeros_like(truth)
    _, gates = observe(valid)
    for held in range(_FOLDS):
        rest = fold != held
        trained = tune(probabilities[rest], truth[rest], gates.muted)
        drafted[~rest] = drafted_labels(probabilities[~rest], trained)
    columns = [OBSERVATIONS.index(name) for name in SCORED]
    return float(f1_scores(truth[:, columns], drafted[:, columns]).mean())


def judge_attributes(pipeline: Pipeline, valid: ValidSet) -> dict[str, dict[str, Any]]:
    """For each observation and attribute: is the index's choice better than chance?

    Where a report asserts the observation with a side (or a severity) in the same sentence, the
    best-scoring sentence that asserts it with one is compared. Chance is always saying what the
    reports say most often. Accuracy minus chance must have a positive lower bootstrap bound, over
    at least ``MIN_MENTIONS`` reports. Location has no closed list of values and is never allowed.
    """
    verdicts: dict[str, dict[str, Any]] = {}
    for number, name in enumerate(OBSERVATIONS):
        if number == NO_FINDING:
            continue
        for attribute, value_of in ((Attribute.SIDE, side_of), (Attribute.SEVERITY, severity_of)):
            said, chosen = _choices(pipeline, valid, number, attribute, value_of)
            verdict: dict[str, Any] = {"reports": len(said), "allowed": False}
            if len(said) >= MIN_MENTIONS:
                verdict |= _better_than_chance(np.array(said), np.array(chosen))
            assert attribute.name is not None
            verdicts.setdefault(name, {})[attribute.name.lower()] = verdict
    return verdicts


def _choices(
    pipeline: Pipeline, valid: ValidSet, number: int, attribute: Attribute, value_of: ValueOf
) -> tuple[list[str], list[str]]:
    index = pipeline.index
    only = np.zeros(len(OBSERVATIONS), np.int8)
    only[number] = Mention.POSITIVE
    rows = np.flatnonzero(
        np.all(index.labels == only, axis=1) & (index.attributes == np.uint8(attribute))
    )
    said, chosen = [], []
    for study, encoding, labels in zip(valid.studies, valid.encodings, valid.labels, strict=True):
        if labels[number] != Mention.POSITIVE or not rows.size:
            continue
        sentences = split_sentences(study.report)
        about = [
            sentence
            for sentence, said_of in zip(sentences, label_reports(sentences), strict=True)
            if said_of[number] == Mention.POSITIVE
        ]
        values = {value_of(sentence) for sentence in about} - {None}
        if len(values) == 1:
            row = index.best(index.scores(encoding), 1, rows)[0]
            said.append(str(values.pop()))
            chosen.append(str(value_of(index.hit(row, 0.0).text)))
    return said, chosen


def _better_than_chance(said: NDArray[np.str_], chosen: NDArray[np.str_]) -> dict[str, Any]:
    right = said == chosen
    values, counts = np.unique(said, return_counts=True)
    usual = said == values[counts.argmax()]
    rng = np.random.default_rng(0)
    draws = rng.integers(0, len(said), (_RESAMPLES, len(said)))
    gain = right[draws].mean(axis=1) - usual[draws].mean(axis=1)
    low = float(np.quantile(gain, 0.025))
    return {
        "accuracy": float(right.mean()),
        "chance": float(usual.mean()),
        "gain_lower_bound": low,
        "allowed": low > 0,
    }


def draft_table(data: Path, bundle: Path | None, index: Path | None) -> list[DraftQuality]:
    """Draft every ``valid`` study with every sentence method, beside two baselines."""
    studies = [s for s in read_studies(data) if s.split == "valid" and s.frontals]
    truth = label_reports([study.report for study in studies])
    images = [study.frontals[0] for study in studies]
    rows: list[DraftQuality] = []
    for method in _SENTENCE_METHODS:
        with Pipeline.load(bundle, index, method=method) as pipeline:
            reports = draft_all(pipeline, images)
            rows.append(measure(method, [sentences_of(report) for report in reports], truth))
            if method == "guided":
                rows += baselines(pipeline, truth)
    return rows


@click.command(name="tune")
@click.option(
    "--weights", required=True, type=click.Path(path_type=Path), help="Weights to annotate."
)
@click.option("--bundle", required=True, type=click.Path(path_type=Path), help="Their bundle.")
@click.option(
    "--index", required=True, type=click.Path(path_type=Path), help="An index in its space."
)
@click.option(
    "--data", required=True, type=click.Path(path_type=Path), help="Studies with reports."
)
def tune_command(weights: Path, bundle: Path, index: Path, data: Path) -> None:
    """Tune gates, clear lines, mute list and attributes on 'valid' and record them in the weights.

    Export the weights again afterwards; the index stays valid, because the space is the same.
    """
    from cxr_edge.export.models.dcclip import load_weights, save_weights

    with Pipeline.load(bundle, index, method="guided") as pipeline:
        valid = encode_valid(pipeline, data)
        entries, _ = observe(valid)
        verdicts = judge_attributes(pipeline, valid)
    for name, verdict in verdicts.items():
        entries[name]["attributes"] = sorted(a for a, v in verdict.items() if v["allowed"])
        entries[name]["attribute_evidence"] = verdict
    opened = load_weights(weights)
    save_weights(weights, opened.model, opened.tokenizer, opened.recipe, entries, opened.provenance)
    for name, entry in entries.items():
        state = (
            "muted" if entry["muted"] else f"gate {entry['gate']:.3f}, clear {entry['clear']:.3f}"
        )
        area = "  -  " if entry["auroc"] is None else f"{entry['auroc']:.3f}"
        click.echo(f"{name:27} {entry['positives']:4} positives  AUROC {area}  {state}")
    click.echo(f"macro-F1 with gates tuned on the other folds: {held_out_macro_f1(valid):.3f}")


@click.command(name="drafts")
@click.option("--bundle", type=click.Path(path_type=Path), help="Default: the embedded one.")
@click.option("--index", type=click.Path(path_type=Path), help="Default: the embedded one.")
@click.option(
    "--data", required=True, type=click.Path(path_type=Path), help="Studies with reports."
)
@json_option()
def drafts_command(bundle: Path | None, index: Path | None, data: Path, out: Path | None) -> None:
    """Score whole drafts on 'valid': label F1 (rules), contradictions, comparisons."""
    rows = draft_table(data, bundle, index)
    click.echo("| system | macro-F1 (95 %) | " + " | ".join(SCORED) + " | contradict | compare |")
    click.echo("|---" * (len(SCORED) + 4) + "|")
    for row in rows:
        cells = " | ".join(f"{row.f1[name]:.2f}" for name in SCORED)
        low, high = row.interval
        click.echo(
            f"| {row.name} | {row.macro_f1:.3f} ({low:.3f}–{high:.3f}) | {cells} | "
            f"{row.contradictions} | {row.comparisons} |"
        )
    if out is not None:
        record = new_record(
            "cxr-train drafts",
            subject={"data": data.name, "split": "valid"},
            runs={},
            samples={},
            results={"systems": [asdict(row) for row in rows]},
        )
        write_record(out, record)
