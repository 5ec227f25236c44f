"""P@K of CheXpert 5x200 on a small table of its layout, against one query at a time."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from cxr_edge.benchmarks.quality.cases import open_cases
from cxr_edge.benchmarks.quality.command import quality
from cxr_edge.benchmarks.quality.matrices import FIVE
from cxr_edge.benchmarks.quality.retrieval import retrieval_scores
from cxr_edge.bundle import Bundle
from cxr_edge.indexes.querying import image_query, text_query
from cxr_edge.pipeline import DEFAULT_DATA, Pipeline


@pytest.fixture(scope="module")
def folder(shared_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Seven real images and reports; the categories go round, what they are plays no part."""
    root = tmp_path_factory.mktemp("five")
    lines = (shared_data / "openi" / "studies.jsonl").read_text(encoding="utf-8").splitlines()
    rows = ["Path,Report Impression," + ",".join(FIVE)]
    for number, study in enumerate(map(json.loads, lines[:7])):
        name = f"train/patient{number}/study1/view1_frontal.jpg"
        (root / name).parent.mkdir(parents=True)
        shutil.copy(shared_data / "openi" / "images" / study["images"][0]["file"], root / name)
        text = study["impression"].replace('"', "'")
        ones = ",".join(str(int(place == number % 5)) for place in range(5))
        rows.append(f'CheXpert-v1.0/{name},"{text}",{ones}')
    (root / "chexpert_5x200.csv").write_text("\n".join(rows) + "\n", encoding="utf-8")
    return root


def test_against_one_query_at_a_time(folder: Path) -> None:
    cases = open_cases(folder).cases
    assert len(cases) == 7
    bundle = Bundle.load(DEFAULT_DATA / "bundle")
    texts = np.stack([text_query(bundle, case.reference()).vector for case in cases])
    right: dict[int, list[float]] = {1: [], 2: [], 5: [], 10: []}
    for case in cases:
        similar = texts @ image_query(bundle, str(case.images[0])).vector
        found = [cases[row].category for row in np.argsort(-similar, kind="stable")]
        for k, values in right.items():
            values.append(found[:k].count(case.category) / k)
    with Pipeline.load(threads=1) as pipeline:
        scores = retrieval_scores(pipeline, cases)
    assert [score.name for score in scores] == ["P@1", "P@2", "P@5", "P@10"]
    assert [score.value for score in scores] == pytest.approx([np.mean(v) for v in right.values()])
    assert all(score.low <= score.value <= score.high for score in scores)


def test_the_command_sets_the_papers_beside(folder: Path) -> None:
    done = CliRunner().invoke(quality, ["--studies", str(folder), "--section", "impression"])
    assert done.exit_code == 0, done.output
    assert "data: CheXpert 5x200" in done.output
    (ours,) = (line for line in done.output.splitlines() if line.startswith("this run"))
    (theirs,) = (line for line in done.output.splitlines() if "MedCLIP" in line)
    assert len(ours.split()) - 1 == len(theirs.split())
