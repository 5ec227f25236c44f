"""A whole run of ``cxr-train dcclip``: teachers, step 1, step 2, calibration, one weights file."""

import hashlib
import zlib
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from cxr_edge.errors import CheckpointError, OutputError
from cxr_edge.export.checkpoints import read_state_dict
from cxr_edge.export.models.dcclip import Dcclip, DcclipConfig, save_weights
from cxr_edge.labels import OBSERVATIONS, Mention
from cxr_edge.tokenizers.ngrams import NgramTokenizer
from cxr_edge.training.auroc import auroc, auroc_interval
from cxr_edge.training.calibrate import calibration
from cxr_edge.training.loop import Place, seeded, train
from cxr_edge.training.matching import Features, Matching, trunk_features
from cxr_edge.training.observation import (
    ImageObservation,
    Pictures,
    TextObservation,
)
from cxr_edge.training.pictures import load_pictures, runtime_recipe
from cxr_edge.training.progress import MetricsLog
from cxr_edge.training.recipe import LATER, Recipe
from cxr_edge.training.studies import PairedStudy, read_studies
from cxr_edge.training.targets import Targets, targets_of
from cxr_edge.training.texts import Texts, gather_texts, learn_vocabulary


TRUSTED = 0.72
"""AUROC on ``valid`` under which an observation is muted; guided drafts over-called below it."""
FEWEST = 5
"""Positives on ``valid`` under which an AUROC says nothing."""


@dataclass(frozen=True)
class Material:
    """All a run reads, in memory.

    Attributes:
        studies: of both splits.
        pictures: all views.
        targets: of all studies.
        texts: reports, sentences, grammar.
        tokenizer: learnt from ``train`` and the grammar.
        bags: float32 (texts, V).
    """

    studies: list[PairedStudy]
    pictures: Pictures
    targets: Targets
    texts: Texts
    tokenizer: NgramTokenizer
    bags: NDArray[np.float32]

    def fingerprint(self, *, read: bool) -> str:
        """SHA-256 (hex) of the studies and their targets, and of the texts where they are read."""
        digest = hashlib.sha256(self.targets.values.tobytes() + self.targets.mask.tobytes())
        for study in self.studies:
            digest.update(f"{study.uid} {study.split}\n".encode())
        if read:
            digest.update("\n".join((*self.texts.text, *self.tokenizer.ngrams)).encode())
        return digest.hexdigest()

    @property
    def text_train(self) -> NDArray[np.bool_]:
        """bool (texts,): everything but the texts of ``valid`` studies."""
        return _learnable(self.studies, self.texts)


def run_dcclip(
    data: Path, recipe: Recipe, out: Path, *, init: Path | None = None, resume: bool = False
) -> Path:
    """Train and write ``dcclip-<arch>.safetensors`` into ``out``, with ``metrics.jsonl`` beside it.

    Args:
        data: see ``read_studies``.
        recipe: the numbers.
        out: folder of the run.
        init: weights of the trunk to start from, in the key names of the trunk.
        resume: go on with the run that ``out`` holds.

    Returns:
        Path of the weights.

    Raises:
        CxrEdgeError: data, checkpoint or output cannot be used; the message says which.
    """
    started = out.exists() and any(out.glob("*.ckpt"))
    if started and not resume:
        raise OutputError(f"{out} holds a run already; give --resume to go on, or another --out")
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as problem:
        raise OutputError(f"{out}: {problem.strerror}; give a folder that can be written") from None
    # Values that are not normal numbers slow a processor down many times.
    torch.set_flush_denormal(True)
    torch.use_deterministic_algorithms(True)
    log = MetricsLog(out / "metrics.jsonl")
    material = _gather(data, recipe, out)
    targets = _taught(material, recipe, out, log, init)
    model = _new_model(recipe, material.tokenizer, init, recipe.seed)
    seen = material.fingerprint(read=False) + recipe.fingerprint(without=LATER)
    step_1 = ImageObservation(model, material.pictures, targets, recipe)
    place = Place(out, "observation", seen)
    train(step_1, recipe.observation, place, log, recipe.seed, recipe.average)
    read = material.fingerprint(read=True) + recipe.fingerprint()
    text = TextObservation(
        model, material.bags, material.texts.mentions, material.text_train, recipe.smoothing
    )
    train(text, recipe.text, Place(out, "text", read), log, recipe.seed + 1, recipe.average)
    features = trunk_features(model, material.pictures, recipe)
    step_2 = Matching(model, features, targets, material.texts, material.bags, recipe)
    place = Place(out, "matching", read)
    train(step_2, recipe.matching, place, log, recipe.seed + 2, recipe.average)
    observations = _calibrate(model.eval(), features, material.targets)
    path = out / f"dcclip-{recipe.arch}.safetensors"
    save_weights(
        path,
        model,
        material.tokenizer,
        runtime_recipe(recipe.image_size, recipe.channels).to_json(),
        observations,
        _provenance(material, recipe),
    )
    return path


def _gather(data: Path, recipe: Recipe, out: Path) -> Material:
    studies = read_studies(data)
    rows = [
        (path, row, frontal)
        for row, study in enumerate(studies)
        for frontal, paths in ((True, study.frontals), (False, study.laterals))
        for path in paths
    ]
    pictures = Pictures(
        load_pictures([path for path, _, _ in rows], recipe.image_size, out / "cache"),
        np.array([row for _, row, _ in rows], np.int64),
        np.array([frontal for _, _, frontal in rows], bool),
        np.array([studies[row].split == "train" for _, row, _ in rows], bool),
    )
    targets = targets_of(studies)
    texts = gather_texts(studies)
    tokenizer = learn_vocabulary(texts, _learnable(studies, texts), recipe.ngrams)
    bags = np.asarray(tokenizer.encode(list(texts.text))["bag"], np.float32)
    return Material(studies, pictures, targets, texts, tokenizer, bags)


def _learnable(studies: list[PairedStudy], texts: Texts) -> NDArray[np.bool_]:
    splits = np.array([study.split == "train" for study in studies])
    return np.where(texts.study >= 0, splits[texts.study], True)


def _new_model(recipe: Recipe, tokenizer: NgramTokenizer, init: Path | None, seed: int) -> Dcclip:
    seeded(seed)
    model = Dcclip(
        DcclipConfig(
            arch=recipe.arch,
            image_size=recipe.image_size,
            channels=recipe.channels,
            width=recipe.width,
            dimension=recipe.dimension,
            vocabulary=len(tokenizer.ngrams),
            hidden=recipe.hidden,
        )
    )
    if init is not None:
        state = read_state_dict(init)
        # The classifier of a pre-trained ResNet has no place here; everything else must fit.
        state = {key: value for key, value in state.items() if not key.startswith("fc.")}
        try:
            model.image.trunk.load_state_dict(state)
        except RuntimeError as problem:
            detail = " ".join(str(problem).split())[:160]
            raise CheckpointError(
                f"{init} does not fit the {recipe.arch} trunk ({detail}); "
                "expected its state dict under the usual key names"
            ) from None
    return model


def _taught(
    material: Material, recipe: Recipe, out: Path, log: MetricsLog, init: Path | None
) -> Targets:
    """Targets blended with the opinion of teachers that did not train on the study in question."""
    if recipe.folds < 2:
        return material.targets
    pictures = material.pictures
    # The fold follows from the name of the study, so both views are in one fold.
    fold = np.array([zlib.crc32(s.uid.encode()) % recipe.folds for s in material.studies])
    fingerprint = material.fingerprint(read=False) + recipe.fingerprint(
        without=(*LATER, "observation", "trust")
    )
    total = np.zeros(material.targets.values.shape, np.float64)
    count = np.zeros(len(material.studies))
    for number in range(recipe.folds):
        held_out = fold[pictures.study] == number
        model = _new_model(recipe, material.tokenizer, init, recipe.seed + 10 + number)
        task = ImageObservation(model, pictures, material.targets, recipe, held_out)
        place = Place(out, f"teacher-{number}", fingerprint)
        train(task, recipe.teacher, place, log, recipe.seed + 10 + number, recipe.average)
        rows = np.flatnonzero(held_out & pictures.train)
        np.add.at(total, pictures.study[rows], task.predict(rows, recipe.image_size))
        np.add.at(count, pictures.study[rows], 1)
    asked = count > 0
    logits = total / np.maximum(count, 1)[:, None]
    opinion = (1 / (1 + np.exp(-logits))).astype(np.float32)
    return material.targets.softened(opinion, asked, recipe.trust)


def _calibrate(model: Dcclip, features: Features, targets: Targets) -> dict[str, dict[str, Any]]:
    """Fold the calibration into the head; describe each observation for the manifest."""
    head = model.image.head
    with torch.inference_mode():
        train_logits = head.logits(head.unprompted(features.train[0])).numpy()
        valid_logits = head.logits(head.unprompted(features.valid)).numpy()
    positive = targets.positive[features.valid_study]
    mentions = targets.mentions[features.valid_study]
    sure = (mentions != Mention.UNCERTAIN).astype(np.float32)
    prevalence = targets.positive[features.train_study].mean(axis=0, dtype=np.float64)
    slope, levels = calibration(train_logits, prevalence, valid_logits, positive, sure)
    with torch.no_grad():
        head.observe.weight.mul_(slope)
        head.observe.bias.mul_(slope).add_(torch.from_numpy(levels).float())
    entries: dict[str, dict[str, Any]] = {}
    for column, name in enumerate(OBSERVATIONS):
        rows = sure[:, column] > 0
        truth, scores = positive[rows, column] > 0, valid_logits[rows, column]
        interval = auroc_interval(truth, scores)
        value = auroc(truth, scores)
        entries[name] = {
            "auroc": None if value is None else round(value, 4),
            "auroc_interval": None if interval is None else [round(x, 4) for x in interval],
            "positives": int(truth.sum()),
            "gate": 0.5,
            "clear": 0.5,
            "muted": not _trusted(value, interval, int(truth.sum())),
            "attributes": [],
        }
    return entries


def _trusted(value: float | None, interval: tuple[float, float] | None, positives: int) -> bool:
    """Whether a draft may assert an observation: measured well, and on enough studies to tell."""
    if value is None or interval is None or positives < FEWEST:
        return False
    return value >= TRUSTED and interval[0] > 0.5


def _provenance(material: Material, recipe: Recipe) -> dict[str, Any]:
    splits = [study.split for study in material.studies]
    return {
        "paper": "Zhou & Wang, EMNLP 2024 (DCCLIP)",
        "studies": {split: splits.count(split) for split in ("train", "valid")},
        "pictures": len(material.pictures.study),
        "labels": "rules, findings and impression",
        "recipe": recipe.fingerprint(),
        "seed": recipe.seed,
        "torch": torch.__version__,
        "numpy": np.__version__,
        "date": datetime.now(UTC).date().isoformat(),
    }


