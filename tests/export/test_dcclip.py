"""The DCCLIP reference: prompts against the concatenation they stand for, keys, checkpoints."""

import csv
import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch.nn import functional as F

from cxr_edge.errors import CheckpointError
from cxr_edge.export.checkpoints import DESCRIPTION, hash_tensors, read_state_dict
from cxr_edge.export.models.dcclip import Dcclip, PromptedHead, load_weights
from cxr_edge.export.models.resnet import ResNet50
from cxr_edge.labels import OBSERVATIONS


def test_prompts_are_the_papers_concatenation() -> None:
    torch.manual_seed(0)
    head = PromptedHead(6, 5)
    feature = torch.randn(3, 6)
    unprompted = head.unprompted(feature)
    torch.testing.assert_close(
        unprompted, head.project(torch.cat([feature, torch.zeros(3, 14)], 1))
    )
    for k in range(14):
        prompt = F.one_hot(torch.tensor([k] * 3), 14).float()
        prompted = head.project(torch.cat([feature, prompt], 1))
        torch.testing.assert_close(head.prompted(unprompted)[:, k], prompted)
        said = prompted @ head.observe.weight[k] + head.observe.bias[k]
        torch.testing.assert_close(head.logits(unprompted)[:, k], said)


def test_image_tower_gives_unit_embeddings_and_probabilities(model: Dcclip) -> None:
    with torch.inference_mode():
        embedding, probabilities = model.image(torch.randn(4, 1, 32, 32))
    assert embedding.shape == (4, 16)
    assert probabilities.shape == (4, len(OBSERVATIONS))
    torch.testing.assert_close(embedding.norm(dim=1), torch.ones(4))
    assert bool(((probabilities > 0) & (probabilities < 1)).all())


def test_resnet50_has_the_published_keys(shared_data: Path) -> None:
    table = shared_data.parent / "reference" / "checkpoint-keys" / "resnet50-torchvision.tsv"
    if not table.is_file():
        pytest.skip(f"published keys are not here: {table} is missing")
    with table.open() as lines:
        rows = [
            row for row in csv.reader(lines, delimiter="\t") if row and not row[0].startswith("#")
        ]
    published = {row[0] for row in rows if not row[0].startswith("fc.")}
    assert set(ResNet50().state_dict()) == published


def test_weights_survive_the_file(weights: Path, model: Dcclip) -> None:
    opened = load_weights(weights)
    for key, value in model.state_dict().items():
        assert torch.equal(opened.model.state_dict()[key], value), key
    assert opened.model.config == model.config


def test_space_names_the_tensors(weights: Path, model: Dcclip, rewrite) -> None:
    assert load_weights(rewrite(model)).space == load_weights(weights).space
    with torch.no_grad():
        model.image.head.observe.bias[3] += 1e-3
    assert load_weights(rewrite(model)).space != load_weights(weights).space


def test_hash_does_not_depend_on_order() -> None:
    a, b = torch.arange(3), torch.ones(2)
    assert hash_tensors({"a": a, "b": b}) == hash_tensors({"b": b, "a": a})
    assert hash_tensors({"a": a, "b": b}) != hash_tensors({"a": a, "b": b.double()})


def damaged(tmp_path: Path, kind: str, weights: Path) -> Path:
    path = tmp_path / f"{kind}.safetensors"
    tensor = {"x": torch.zeros(2)}
    if kind == "truncated":
        path.write_bytes(weights.read_bytes()[:5000])
    elif kind == "undescribed":
        save_file(tensor, path)
    elif kind == "foreign":
        save_file(tensor, path, {DESCRIPTION: json.dumps({"architecture": "other"})})
    elif kind == "hollow":
        save_file(tensor, path, {DESCRIPTION: json.dumps({"architecture": "dcclip"})})
    return path


@pytest.mark.parametrize(
    ("kind", "message"),
    [
        ("missing", "no such file"),
        ("truncated", "cannot be read"),
        ("undescribed", "does not say what it is"),
        ("foreign", "expected dcclip"),
        ("hollow", "not a whole DCCLIP checkpoint"),
    ],
)
def test_a_bad_checkpoint_is_one_line(
    tmp_path: Path, weights: Path, kind: str, message: str
) -> None:
    with pytest.raises(CheckpointError, match=message) as caught:
        load_weights(damaged(tmp_path, kind, weights))
    assert "\n" not in str(caught.value)


class Hostile:
    """Runs a command when it is unpickled without care."""

    def __reduce__(self):
        return exec, ("raise SystemExit('code of the checkpoint was run')",)


@pytest.mark.parametrize("content", [Hostile(), {"epoch": 3}, [1, 2]])
def test_a_pickle_with_anything_but_tensors_is_refused(tmp_path: Path, content: object) -> None:
    torch.save(content, tmp_path / "bad.pth")
    with pytest.raises(CheckpointError, match="state dict"):
        read_state_dict(tmp_path / "bad.pth")
