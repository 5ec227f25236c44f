"""``cxr-bench labeler``: how far the rule labeler agrees with other people's labels.

Three references, read from a folder beside the project and never copied: the CheXpert labeler's
sample reports, its phrase lists and patterns put in simple sentences, and the manual MeSH codes of
Open-I. None of the figures may be set against a paper's F1.
"""

import csv
import json
import re
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from itertools import product
from pathlib import Path

import click
import numpy as np
from numpy.typing import NDArray

from cxr_edge.benchmarks.record import new_record, write_record
from cxr_edge.benchmarks.record.options import json_option
from cxr_edge.errors import CorpusError
from cxr_edge.labelers import Labeler, get_labeler
from cxr_edge.labelers.sentences import split_sentences
from cxr_edge.labels import OBSERVATIONS, Mention

DEFAULT_DATA = Path(__file__).resolve().parents[2].parent / "shared" / "data"

_CHEXPERT_VALUES = {"1.0": Mention.POSITIVE, "0.0": Mention.NEGATIVE, "-1.0": Mention.UNCERTAIN}
_FRAMES = {
    Mention.POSITIVE: "There is {x}.",
    Mention.NEGATIVE: "No {x}.",
    Mention.UNCERTAIN: "Possible {x}.",
}
# Phrases that name a part of the body: CheXpert's labeler calls the bare part positive, ours waits
# for a judgement. They are put in sentences that give one.
_PARTS = re.compile(
    r"^(?:the heart|heart size|contour|cardio\w+um|mediastinum|cardiac (?:size|shadow|contour)|"
    r"(?:cardiac|pericardial|mediastinal) (?:silhouette|configuration)|"
    r"interstitial markings?|reticular marking|cardiac silhouette and vascularity)$"
)
_JUDGED = re.compile(r"normal|unremarkable|limits|enlarged|obscur")
_PART_FRAMES = {
    Mention.POSITIVE: "The {x} is enlarged.",
    Mention.NEGATIVE: "The {x} is normal.",
    Mention.UNCERTAIN: "The {x} is borderline.",
}
# Stems and words of the lists that are no word by themselves, completed.
_COMPLETE = {
    "atelecta": "atelectasis",
    "consolidat": "consolidation",
    "opaci": "opacity",
    "arthroplast": "arthroplasty",
    "contour": "mediastinal contour",
    "support": "support device",
    "interstitial lung": "interstitial lung disease",
}
MESH: dict[str, frozenset[str]] = {
    name: frozenset(terms)
    for name, terms in {
        "No Finding": ["normal"],
        "Cardiomegaly": ["Cardiomegaly"],
        "Lung Opacity": ["Opacity", "Infiltrate", "Airspace Disease", "Cicatrix"],
        "Lung Lesion": ["Nodule", "Mass"],
        "Edema": ["Pulmonary Edema", "Pulmonary Congestion", "Heart Failure"],
        "Consolidation": ["Consolidation"],
        "Pneumonia": ["Pneumonia"],
        "Atelectasis": ["Pulmonary Atelectasis"],
        "Pneumothorax": ["Pneumothorax", "Hydropneumothorax", "Hemopneumothorax"],
        "Pleural Effusion": ["Pleural Effusion", "Hydropneumothorax"],
        "Pleural Other": ["Thickening", "Pulmonary Fibrosis", "Fibrosis"],
        "Fracture": ["Fractures, Bone"],
        "Support Devices": [
            "Catheters, Indwelling",
            "Implanted Medical Device",
            "Medical Device",
            "Tube, Inserted",
            "Stents",
            "Spinal Fusion",
        ],
    }.items()
}
"""Observations and the MeSH main terms of Open-I that mean about the same."""


@dataclass(frozen=True)
class Score:
    """Agreement of one observation with the manual codes."""

    observation: str
    reports: int
    positive: int
    """Reports the codes call positive."""
    precision: float
    recall: float
    f1: float
    uncertain: int
    """Reports our labeler calls uncertain."""
    f1_certain: float
    """F1 over the reports it does not call uncertain."""


def sample_reports(folder: Path, labeler: Labeler) -> tuple[int, int]:
    """Labels that agree with the CheXpert labeler's on its sample reports, and how many there are.

    Raises:
        CorpusError: The sample is not in the folder.
    """
    path = folder / "labeler" / "chexpert" / "labeled_reports.csv"
    right = total = 0
    with _open(path).open(newline="", encoding="utf-8") as handle:
        for row in csv.DictReader(handle):
            labels = labeler.label(row["Reports"])
            for column, name in enumerate(OBSERVATIONS):
                wanted = _CHEXPERT_VALUES.get(row[name], Mention.BLANK)
                right += int(labels[column] == wanted)
                total += 1
    return right, total


def phrases(folder: Path) -> Iterator[tuple[str, str, Mention]]:
    """Observation, sentence and expected value for each phrase of the CheXpert lists."""
    for name in OBSERVATIONS:
        if name in ("No Finding",):
            continue
        stem = name.lower().replace(" ", "_")
        path = folder / "labeler" / "chexpert" / "phrases" / "mention" / f"{stem}.txt"
        for line in _open(path).read_text(encoding="utf-8").splitlines():
            phrase = line.strip().strip("_")
            phrase = _COMPLETE.get(phrase, phrase)
            if not phrase:
                continue
            frames = _PART_FRAMES if _PARTS.match(phrase) or "contour" in phrase else _FRAMES
            for value, frame in frames.items():
                yield name, frame.format(x=phrase), value


def frames(folder: Path) -> Iterator[tuple[str, str, Mention]]:
    """Observation, sentence and value from the comments beside the CheXpert patterns.

    Comments that judge a size are filled with "cardiac silhouette", all others with "effusion".

    A comment such as ``# no XXX`` shows what its pattern is for; its alternatives
    (``may/might``) are multiplied out.
    """
    for file_name, value in (
        ("negation.txt", Mention.NEGATIVE),
        ("pre_negation_uncertainty.txt", Mention.UNCERTAIN),
        ("post_negation_uncertainty.txt", Mention.UNCERTAIN),
    ):
        path = folder / "labeler" / "chexpert" / "patterns" / file_name
        for line in _open(path).read_text(encoding="utf-8").splitlines():
            if not line.startswith("#") or "XXX" not in line:
                continue
            for part in re.split(r" \| |, (?=XXX)", line.lstrip("# ").split("(e.g.")[0]):
                part = re.sub(r"\([^)]*\)", " ", part).strip(" .")
                if "XXX" in part and "NN" not in part and "YYY" not in part:
                    words = [re.split(r"[/|]", word) for word in part.split()]
                    for chosen in product(*words):
                        text = " ".join(chosen)
                        part_judged = _JUDGED.search(text) is not None
                        name = "Cardiomegaly" if part_judged else "Pleural Effusion"
                        word = "cardiac silhouette" if part_judged else "effusion"
                        yield name, text.replace("XXX", word) + ".", value


def mesh_scores(folder: Path, labeler: Labeler) -> tuple[list[Score], int, float]:
    """Agreement with the MeSH codes, the number of sentences, and the speed.

    Reports without text or without codes are left out. The speed is in sentences per second of
    processor time, so that other work on the machine plays no part.
    """
    path = _open(folder / "openi" / "studies.jsonl")
    studies = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    used = [
        study
        for study in studies
        if (study["findings"] or study["impression"]) and "No Indexing" not in study["mesh"]
    ]
    texts = [f"{study['findings']}\n\n{study['impression']}" for study in used]
    sentences = sum(len(split_sentences(text)) for text in texts)
    start = time.process_time()
    labels = np.stack([labeler.label(text) for text in texts])
    rate = sentences / (time.process_time() - start)
    heads = [{term.split("/")[0].strip() for term in study["mesh"].split(";")} for study in used]
    scores = []
    for name, terms in MESH.items():
        column = labels[:, OBSERVATIONS.index(name)]
        truth = np.array([bool(head & terms) for head in heads])
        certain = column != Mention.UNCERTAIN
        precision, recall, f1 = _agreement(truth, column == Mention.POSITIVE)
        scores.append(
            Score(
                name,
                len(used),
                int(truth.sum()),
                precision,
                recall,
                f1,
                int((~certain).sum()),
                _agreement(truth[certain], column[certain] == Mention.POSITIVE)[2],
            )
        )
    return scores, sentences, rate


def _agreement(truth: NDArray[np.bool_], found: NDArray[np.bool_]) -> tuple[float, float, float]:
    hits = int((truth & found).sum())
    precision = hits / max(1, int(found.sum()))
    recall = hits / max(1, int(truth.sum()))
    return precision, recall, 2 * hits / max(1, int(found.sum()) + int(truth.sum()))


def _open(path: Path) -> Path:
    if not path.is_file():
        raise CorpusError(
            f"{path} is missing: expected the public data; name its folder with --data"
        )
    return path


@click.command()
@click.option(
    "--data",
    "folder",
    type=click.Path(path_type=Path),
    default=DEFAULT_DATA,
    help="Folder with labeler/chexpert and openi/studies.jsonl; default: ../shared/data.",
)
@click.option("--name", default="rules", help="The labeler to measure.")
@click.option("--misses", is_flag=True, help="Also print the phrases and frames that disagree.")
@json_option()
def labeler(folder: Path, name: str, misses: bool, out: Path | None) -> None:
    """Measure a rule labeler against the CheXpert labeler's lists and Open-I's MeSH codes."""
    chosen = get_labeler(name)
    right, total = sample_reports(folder, chosen)
    by_name: dict[str, list[bool]] = {}
    missed: list[str] = []
    for observation, text, value in phrases(folder):
        agrees = chosen.label(text)[OBSERVATIONS.index(observation)] == value
        by_name.setdefault(observation, []).append(bool(agrees))
        if not agrees:
            missed.append(f"{observation}: {text} should be {value.name.lower()}")
    scopes: dict[str, list[bool]] = {}
    for observation, text, value in frames(folder):
        agrees = chosen.label(text)[OBSERVATIONS.index(observation)] == value
        scopes.setdefault(value.name.lower(), []).append(bool(agrees))
        if not agrees:
            missed.append(f"{observation}, pattern: {text} should be {value.name.lower()}")
    scores, sentences, rate = mesh_scores(folder, chosen)
    result = {
        "sample_reports": {"right": right, "labels": total},
        "phrases": {key: {"right": sum(marks), "of": len(marks)} for key, marks in by_name.items()},
        "patterns": {key: {"right": sum(marks), "of": len(marks)} for key, marks in scopes.items()},
        "openi": [asdict(score) for score in scores],
        "sentences": sentences,
        "sentences_per_second": round(rate),
        "misses": missed if misses else len(missed),
    }
    if out is not None:
        record = new_record(
            "labeler", subject={"labeler": name}, runs={}, samples={}, results=result
        )
        write_record(out, record)
    click.echo(f"CheXpert sample reports: {right} of {total} labels agree")
    click.echo("CheXpert phrases in simple sentences (positive, negative, uncertain):")
    for key, marks in by_name.items():
        click.echo(f"  {key:27} {sum(marks):4} of {len(marks)}")
    click.echo("CheXpert pattern comments as sentences:")
    for key, marks in scopes.items():
        click.echo(f"  {key:27} {sum(marks):4} of {len(marks)}")
    click.echo(f"Open-I reports against manual MeSH codes ({scores[0].reports} reports):")
    click.echo(f"  {'':27} coded  precision  recall    F1  uncertain  F1 without uncertain")
    for score in scores:
        click.echo(
            f"  {score.observation:27} {score.positive:5}  {score.precision:9.3f}  "
            f"{score.recall:6.3f}  {score.f1:.3f}  {score.uncertain:8}  {score.f1_certain:.3f}"
        )
    click.echo(f"{sentences} sentences, {rate:.0f} a second of processor time")
    for line in missed if misses else ():
        click.echo(f"  {line}")
