"""Studies, pictures, targets and texts: what is read, and that ``valid`` is never learnt from."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from cxr_edge.errors import CorpusError
from cxr_edge.labels import OBSERVATIONS
from cxr_edge.preprocess import apply
from cxr_edge.training.augment import Jitter, jittered, standardise
from cxr_edge.training.material import Material, gather
from cxr_edge.training.observation import ImageObservation, prepared
from cxr_edge.training.pictures import load_picture, load_pictures, runtime_recipe
from cxr_edge.training.recipe import Recipe
from cxr_edge.training.run import new_model
from cxr_edge.training.studies import read_studies
from cxr_edge.training.targets import targets_of


@pytest.fixture(scope="module")
def material(tiny_data: Path, tiny_recipe: Recipe, tmp_path_factory) -> Material:
    return gather(tiny_data, tiny_recipe, tmp_path_factory.mktemp("material"))


def test_training_sees_what_the_runtime_will_see(tiny_data: Path, tmp_path: Path) -> None:
    paths = sorted((tiny_data / "images").glob("*.png"))[:5]
    for channels in (1, 3):
        got = prepared(load_pictures(paths, 24, tmp_path), 24, channels).numpy()
        recipe = runtime_recipe(24, channels)
        want = np.concatenate([apply(recipe, load_picture(path)) for path in paths])
        np.testing.assert_allclose(got, want, atol=1e-3)


def test_training_sees_open_i_as_the_runtime_does(shared_data: Path, tmp_path: Path) -> None:
    paths = sorted((shared_data / "openi" / "images").glob("*.jpg"))[:4]
    got = prepared(load_pictures(paths, 128, tmp_path), 128, 1).numpy()
    recipe = runtime_recipe(128, 1)
    want = np.concatenate([apply(recipe, load_picture(path)) for path in paths])
    np.testing.assert_allclose(got, want, atol=1e-3)


def test_the_cache_follows_the_files(tiny_data: Path, tmp_path: Path) -> None:
    path = tmp_path / "one.png"
    Image.fromarray(np.arange(4096, dtype=np.uint16).reshape(64, 64).astype(np.uint8)).save(path)
    first = load_pictures([path], 16, tmp_path / "cache")
    np.testing.assert_array_equal(load_pictures([path], 16, tmp_path / "cache"), first)
    Image.fromarray(np.eye(64, dtype=np.uint8) * 255).save(path)
    assert (load_pictures([path], 16, tmp_path / "cache") != first).any()


def test_only_train_is_learnt_from(material: Material, tiny_recipe: Recipe) -> None:
    model = new_model(tiny_recipe, material.tokenizer, None, 0)
    task = ImageObservation(model, material.pictures, material.targets, tiny_recipe)
    chance = torch.Generator().manual_seed(0)
    for stage in tiny_recipe.observation:
        rows = np.concatenate([b.numpy() for b in task.batches(stage, chance)])
        assert material.pictures.train[rows].all()
        assert material.pictures.frontal[rows].all() != stage.laterals
    held = material.studies
    for text, study in zip(material.texts.text, material.texts.study, strict=True):
        assert study < 0 or text in held[study].report
    learnt = material.text_train
    assert not any(
        held[study].split == "valid" for study in material.texts.study[learnt] if study >= 0
    )


def test_targets_follow_report_and_codes(tiny_data: Path) -> None:
    studies = read_studies(tiny_data)
    targets = targets_of(studies * 3)  # often enough for the coded terms to get a head
    heart = OBSERVATIONS.index("Cardiomegaly")
    assert targets.values[0, heart] == 1
    assert targets.values[2, heart] == 0
    assert targets.values[2, OBSERVATIONS.index("No Finding")] == 1
    assert {"Cardiomegaly", "Cardiomegaly/mild", "Pleural Effusion/left"} <= set(targets.names)
    column = targets.names.index("Pleural Effusion/left")
    assert targets.values[:3, column].tolist() == [0, 1, 0]


def test_an_uncoded_study_is_left_out_of_the_coded_loss(tiny_data: Path) -> None:
    studies = read_studies(tiny_data) * 3
    studies[0] = replace(studies[0], mesh=None)
    targets = targets_of(studies)
    width = len(OBSERVATIONS)
    assert not targets.mask[0, width:].any()
    assert targets.mask[1, width:].all()


def test_teachers_soften_only_those_they_were_asked_about(tiny_data: Path) -> None:
    targets = targets_of(read_studies(tiny_data))
    opinion = np.full(targets.values.shape, 0.25, np.float32)
    opinion[1] = np.nan
    soft = targets.softened(opinion, 0.5)
    known = targets.mask[0] > 0
    np.testing.assert_allclose(soft.values[0, known], targets.values[0, known] / 2 + 0.125)
    np.testing.assert_array_equal(soft.values[1], targets.values[1])
    np.testing.assert_array_equal(soft.mask[1], targets.mask[1])


def test_jitter_without_amplitude_changes_nothing() -> None:
    still = Jitter(degrees=0, scale=0, shift=0, gamma=0, noise=0, erase=0)
    pictures = torch.rand(3, 1, 32, 32).clamp_min(1e-3)
    moved = jittered(pictures, 32, still, torch.Generator().manual_seed(0))
    torch.testing.assert_close(moved, standardise(pictures), atol=1e-4, rtol=1e-4)


def test_jitter_shifts_by_what_it_says() -> None:
    picture = torch.zeros(64, 1, 64, 64)
    picture[:, :, 32, 32] = 1.0
    jitter = Jitter(degrees=0, scale=0, shift=0.1, gamma=0, noise=0, erase=0)
    moved = jittered(picture, 64, jitter, torch.Generator().manual_seed(1))
    place = moved.flatten(1).argmax(1)
    offset = torch.stack([place // 64, place % 64], 1) - 32
    assert int(offset.abs().max()) <= 7
    assert int(offset.abs().max()) >= 4


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("{", "line 1 is not a study"),
        ('{"uid": "1", "images": [], "split": "test"}', "split is 'test'"),
        ('{"uid": "1", "images": [{"projection": "Frontal"}], "split": "train"}', "file"),
        ('{"uid": "1", "images": [], "findings": "", "split": "train"}', "nothing can be learnt"),
    ],
)
def test_bad_listings_are_one_line(tmp_path: Path, line: str, message: str) -> None:
    (tmp_path / "studies.jsonl").write_text(line + "\n")
    with pytest.raises(CorpusError, match=message) as caught:
        read_studies(tmp_path)
    assert "\n" not in str(caught.value)


def test_a_missing_folder_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match="is missing"):
        read_studies(tmp_path / "nowhere")


def test_a_bare_listing_reads_like_the_folder(tiny_data: Path) -> None:
    assert read_studies(tiny_data / "studies.jsonl") == read_studies(tiny_data)
