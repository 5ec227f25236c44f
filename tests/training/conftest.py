"""A small data set in the layout of Open-I: bright hearts, bright bases, plain chests."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from cxr_edge.training.augment import Jitter
from cxr_edge.training.recipe import Recipe, Stage

REPORTS = (
    ("The heart is enlarged.", "Cardiomegaly.", "Cardiomegaly/mild"),
    ("There is a small left pleural effusion.", "Left effusion.", "Pleural Effusion/left/small"),
    ("The lungs are clear. Heart size is normal.", "No acute disease.", "normal"),
)


def write_data(folder: Path, studies: int = 30) -> Path:
    """Write ``studies`` studies, a fifth of them ``valid``, every other one with a lateral."""
    (folder / "images").mkdir(parents=True)
    rng = np.random.default_rng(11)
    lines = []
    for number in range(studies):
        kind = number % 3
        picture = rng.normal(90, 12, (64, 64))
        if kind == 0:
            picture[30:56, 20:48] += 90
        elif kind == 1:
            picture[50:, 36:] += 90
        grey = Image.fromarray(picture.clip(0, 255).astype(np.uint8))
        images = [{"file": f"{number}-pa.png", "projection": "Frontal"}]
        if number % 2:
            images.append({"file": f"{number}-lat.png", "projection": "Lateral"})
        for image in images:
            grey.save(folder / "images" / image["file"])
        findings, impression, mesh = REPORTS[kind]
        lines.append(
            {
                "uid": str(number),
                "images": images,
                "findings": findings,
                "impression": impression,
                "mesh": mesh,
                "split": "valid" if number % 5 == 4 else "train",
            }
        )
    text = "".join(json.dumps(line) + "\n" for line in lines)
    (folder / "studies.jsonl").write_text(text, encoding="utf-8")
    return folder


@pytest.fixture(scope="session")
def tiny_data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of the small data set."""
    return write_data(tmp_path_factory.mktemp("tiny") / "data")


@pytest.fixture(scope="session")
def tiny_recipe() -> Recipe:
    """Every part of the default recipe, seconds long."""
    return replace(
        Recipe(),
        image_size=32,
        width=8,
        dimension=16,
        hidden=16,
        ngrams=120,
        folds=2,
        views=2,
        average=0.9,
        jitter=Jitter(),
        teacher=(Stage("teacher", 1, batch=8, size=24),),
        observation=(
            Stage("first", 2, batch=8, size=24),
            Stage("second", 2, batch=8, size=32, mixup=0.2, laterals=False, trust=0.5),
        ),
        text=(Stage("text", 1, batch=512),),
        matching=(Stage("matching", 2, batch=16, trust=0.5),),
    )
