"""A whole run on a small data set: same weights twice, and after a kill at any epoch."""

import json
import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from cxr_edge.errors import CheckpointError, OutputError
from cxr_edge.export.models.dcclip import load_weights
from cxr_edge.labels import OBSERVATIONS
from cxr_edge.training.recipe import Recipe, Stage, recipe_for
from cxr_edge.training.run import run_dcclip

KILLED = """
import os, signal, sys
import torch
from pathlib import Path
from cxr_edge.training import loop
from conftest import write_data
torch.set_num_threads(1)
saves = 0
plain = loop._save
def save_then_die(*args):
    global saves
    plain(*args)
    saves += 1
    if saves == int(sys.argv[3]):
        os.kill(os.getpid(), signal.SIGKILL)
loop._save = save_then_die
from cxr_edge.training.run import run_dcclip
import pickle
run_dcclip(Path(sys.argv[1]), pickle.load(open(sys.argv[4], "rb")), Path(sys.argv[2]), resume=True)
"""


@pytest.fixture(scope="module", autouse=True)
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)
    torch.use_deterministic_algorithms(False)


@pytest.fixture(scope="module")
def finished(tiny_data: Path, tiny_recipe: Recipe, tmp_path_factory) -> Path:
    out = tmp_path_factory.mktemp("run")
    return run_dcclip(tiny_data, tiny_recipe, out)


def same_weights(one: Path, other: Path) -> bool:
    a, b = load_weights(one), load_weights(other)
    assert a.model.state_dict().keys() == b.model.state_dict().keys()
    return a.space == b.space


def test_two_runs_give_the_same_weights(
    tiny_data: Path, tiny_recipe: Recipe, finished: Path, tmp_path: Path
) -> None:
    assert same_weights(finished, run_dcclip(tiny_data, tiny_recipe, tmp_path / "again"))


def test_another_seed_gives_other_weights(
    tiny_data: Path, tiny_recipe: Recipe, finished: Path, tmp_path: Path
) -> None:
    other = replace(tiny_recipe, seed=8, folds=0)
    assert not same_weights(finished, run_dcclip(tiny_data, other, tmp_path / "other"))


@pytest.mark.parametrize("saves", [3, 7])
def test_a_killed_run_ends_in_the_same_weights(
    tiny_data: Path, tiny_recipe: Recipe, finished: Path, tmp_path: Path, saves: int
) -> None:
    import pickle

    (tmp_path / "recipe.pkl").write_bytes(pickle.dumps(tiny_recipe))
    (tmp_path / "killed.py").write_text(KILLED)
    out = tmp_path / "run"
    command = [sys.executable, str(tmp_path / "killed.py"), str(tiny_data), str(out), str(saves)]
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parent), "OMP_NUM_THREADS": "1"}
    done = subprocess.run([*command, str(tmp_path / "recipe.pkl")], env=environment, check=False)
    assert done.returncode == -signal.SIGKILL
    assert not (out / finished.name).exists()
    (out / "metrics.jsonl").open("a").write('{"task": "cut o')
    assert same_weights(finished, run_dcclip(tiny_data, tiny_recipe, out, resume=True))
    for line in (out / "metrics.jsonl").read_text().splitlines():
        assert "task" in json.loads(line)


def test_metrics_are_json_lines_per_epoch(finished: Path) -> None:
    lines = [json.loads(line) for line in (finished.parent / "metrics.jsonl").open()]
    assert [line["task"] for line in lines] == (
        ["teacher-0", "teacher-1", *["observation"] * 4, "text", *["matching"] * 2]
    )
    assert all(np.isfinite(line["loss"]) for line in lines)


def test_it_learns_what_can_be_learnt(tiny_data: Path, tiny_recipe: Recipe, tmp_path: Path) -> None:
    longer = replace(
        tiny_recipe,
        folds=0,
        observation=(Stage("first", 12, batch=8, size=32),),
        matching=(Stage("matching", 4, batch=16),),
    )
    weights = load_weights(run_dcclip(tiny_data, longer, tmp_path / "longer"))
    assert weights.observations["Cardiomegaly"]["auroc"] == 1.0
    assert weights.observations["Pleural Effusion"]["auroc"] == 1.0


def test_the_weights_describe_themselves(finished: Path) -> None:
    weights = load_weights(finished)
    assert set(weights.observations) == set(OBSERVATIONS)
    assert weights.space.startswith("dcclip-small/")
    assert weights.provenance["studies"] == {"train": 24, "valid": 6}
    assert not weights.model.training


def test_a_run_is_not_overwritten_and_not_mixed(
    tiny_data: Path, tiny_recipe: Recipe, finished: Path
) -> None:
    with pytest.raises(OutputError, match="--resume"):
        run_dcclip(tiny_data, tiny_recipe, finished.parent)
    with pytest.raises(CheckpointError, match="another recipe"):
        run_dcclip(tiny_data, replace(tiny_recipe, smoothing=0.1), finished.parent, resume=True)


def test_resnet50_runs_from_given_weights(tiny_data: Path, tmp_path: Path) -> None:
    from cxr_edge.export.models.resnet import ResNet50

    torch.manual_seed(0)
    state = {**ResNet50().state_dict(), "fc.weight": torch.zeros(1000, 2048)}
    torch.save(state, tmp_path / "resnet50.pth")
    recipe = replace(
        recipe_for("resnet50").resized(32).shortened(1), ngrams=100, views=1, dimension=16
    )
    out = run_dcclip(tiny_data, recipe, tmp_path / "run", init=tmp_path / "resnet50.pth")
    weights = load_weights(out)
    assert weights.model.config.channels == 3
    with torch.inference_mode():
        embedding, probabilities = weights.model.image(torch.randn(2, 3, 32, 32))
    assert embedding.shape == (2, 16)
    assert bool(((probabilities > 0) & (probabilities < 1)).all())


def test_init_that_does_not_fit_is_refused(
    tiny_data: Path, tiny_recipe: Recipe, tmp_path: Path
) -> None:
    torch.save({"stem.0.weight": torch.zeros(1)}, tmp_path / "other.pth")
    with pytest.raises(CheckpointError, match="does not fit the small trunk"):
        run_dcclip(tiny_data, tiny_recipe, tmp_path / "run", init=tmp_path / "other.pth")
