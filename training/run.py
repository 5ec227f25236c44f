"""A whole run of ``cxr-train dcclip``: teachers, step 1, step 2, calibration, one weights file."""

import zlib
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
from cxr_edge.training.gates import mute_list
from cxr_edge.training.loop import Place, seeded, train
from cxr_edge.training.matching import Features, Matching, trunk_features
from cxr_edge.training.material import Material, gather
from cxr_edge.training.observation import (
    ImageObservation,
    TextObservation,
)
from cxr_edge.training.pictures import runtime_recipe
from cxr_edge.training.progress import MetricsLog
from cxr_edge.training.recipe import LATER, Recipe
from cxr_edge.training.targets import Targets


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
    material = gather(data, recipe, out)
    opinion = _opinion(material, recipe, out, log, init)
    model = new_model(recipe, material.tokenizer, init, recipe.seed)
    seen = material.fingerprint(read=False) + recipe.fingerprint(without=LATER)
    step_1 = ImageObservation(model, material.pictures, material.targets, recipe, opinion=opinion)
    place = Place(out, "observation", seen)
    train(step_1, recipe.observation, place, log, recipe.seed, recipe.average)
    read = material.fingerprint(read=True) + recipe.fingerprint()
    text = TextObservation(
        model, material.bags, material.texts.mentions, material.text_train, recipe.smoothing
    )
    train(text, recipe.text, Place(out, "text", read), log, recipe.seed + 1, recipe.average)
    features = trunk_features(model, material.pictures, recipe)
    step_2 = Matching(
        model,
        features,
        material.targets,
        material.texts,
        material.bags,
        recipe,
        opinion=opinion,
    )
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


def new_model(recipe: Recipe, tokenizer: NgramTokenizer, init: Path | None, seed: int) -> Dcclip:
    """A DCCLIP with random weights that follow from ``seed``, or with a trunk from a file.

    Raises:
        CheckpointError: ``init`` cannot be opened safely, or does not fit the trunk.
    """
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


def _opinion(
    material: Material, recipe: Recipe, out: Path, log: MetricsLog, init: Path | None
) -> NDArray[np.float32] | None:
    """What each study's pictures say to a teacher that did not train on the study.

    Returns:
        float32 (studies, K), 0..1, both views averaged; NaN for ``valid``. None without teachers.
    """
    if recipe.folds < 2:
        return None
    pictures = material.pictures
    logits = np.full(material.targets.values.shape, np.nan)
    for number in range(recipe.folds):
        task, held_out = teacher(material, recipe, number, out, log, init)
        rows = np.flatnonzero(held_out & pictures.train)
        answers = task.predict(rows, recipe.teacher[-1].size)
        for study in np.unique(pictures.study[rows]):
            logits[study] = answers[pictures.study[rows] == study].mean(axis=0)
    return np.asarray(1 / (1 + np.exp(-logits)), np.float32)


def teacher(
    material: Material, recipe: Recipe, number: int, out: Path, log: MetricsLog, init: Path | None
) -> tuple[ImageObservation, NDArray[np.bool_]]:
    """Train, or resume, the teacher of one fold.

    Returns:
        The trained task, and bool (pictures,) which of them are in its fold.
    """
    # The fold follows from the name of the study, so both views are in one fold.
    fold = np.array([zlib.crc32(s.uid.encode()) % recipe.folds for s in material.studies])
    held_out = fold[material.pictures.study] == number
    seed = recipe.seed + 10 + number
    model = new_model(recipe, material.tokenizer, init, seed)
    task = ImageObservation(model, material.pictures, material.targets, recipe, held_out=held_out)
    parts = recipe.fingerprint(without=(*LATER, "observation"))
    place = Place(out, f"teacher-{number}", material.fingerprint(read=False) + parts)
    train(task, recipe.teacher, place, log, seed, recipe.average)
    return task, held_out


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
    return describe(positive > 0, valid_logits)


def describe(truth: NDArray[np.bool_], scores: NDArray[np.float32]) -> dict[str, dict[str, Any]]:
    """The manifest's entry of each observation, with neutral gates until ``cxr-train tune``.

    Args:
        truth: bool (M, 14), what the reports of ``valid`` assert.
        scores: float32 (M, 14), log-odds.
    """
    areas = [auroc(truth[:, n], scores[:, n]) for n in range(len(OBSERVATIONS))]
    spans = [auroc_interval(truth[:, n], scores[:, n]) for n in range(len(OBSERVATIONS))]
    muted = mute_list(
        truth,
        np.array([np.nan if area is None else area for area in areas]),
        np.array([np.nan if span is None else span[0] for span in spans]),
    )
    return {
        name: {
            "auroc": areas[n],
            "auroc_interval": None if spans[n] is None else list(spans[n] or ()),
            "positives": int(truth[:, n].sum()),
            "gate": 0.5,
            "clear": 0.5,
            "muted": bool(muted[n]),
            "attributes": [],
        }
        for n, name in enumerate(OBSERVATIONS)
    }


def _provenance(material: Material, recipe: Recipe) -> dict[str, Any]:
    splits = [study.split for study in material.studies]
    return {
        "paper": "Zhou & Wang, EMNLP 2024 (DCCLIP)",
        "studies": {split: splits.count(split) for split in ("train", "valid")},
        "pictures": len(material.pictures.study),
        "labels": "rules, findings and impression",
        "targets": material.fingerprint(read=False),
        "recipe": recipe.fingerprint(),
        "seed": recipe.seed,
        "torch": torch.__version__,
        "numpy": np.__version__,
        "date": datetime.now(UTC).date().isoformat(),
    }
