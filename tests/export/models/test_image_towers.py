"""What is asked of every image tower: each form of checkpoint, refusals, FP16, the graph."""

import pytest
import torch
from half_precision import DELICATE, under_autocast
from image_towers import agree
from torch.nn import functional as F
from tower_table import TOWERS, without_counters

from cxr_edge.errors import CheckpointError
from cxr_edge.preprocess import Recipe

FORMS = [(name, form) for name, tower in TOWERS.items() for form in tower.forms(tower.state())]


def embedding(answer):
    return answer[0] if isinstance(answer, tuple) else answer


@pytest.mark.parametrize(("name", "form"), FORMS)
def test_every_form_is_read_from_its_file(name, form, tmp_path):
    """Saved as trainers save it. The space is a hash of all tensors: one space is one network."""
    tower = TOWERS[name]
    state = tower.state()
    torch.save({"state_dict": tower.forms(state)[form], "epoch": 3}, tmp_path / "saved.pt")
    spec = tower.module.export_spec(tmp_path / "saved.pt")
    network = spec.graphs[0].module
    assert not any(module.training for module in network.modules())
    assert {p.dtype for p in network.parameters()} == {torch.float32}
    assert tower.module.read(tower.forms(state)[form]) == tower.config
    wanted = tower.module.load(state).state_dict()
    for key, tensor in network.state_dict().items():
        if not key.endswith("num_batches_tracked"):
            assert (tensor - wanted[key]).abs().max() <= (2e-3 if "fp16" in form else 0.0), key
    torch.save(state, tmp_path / "bare.pt")
    same = tower.module.export_spec(tmp_path / "bare.pt").space == spec.space
    changed = form == "in part fp16" or without_counters(state).keys() != state.keys()
    assert same or (changed and form in ("in part fp16", "no counters"))


@pytest.mark.parametrize(
    ("name", "number"), [(n, k) for n, tower in TOWERS.items() for k in range(len(tower.changes))]
)
def test_what_does_not_fit_is_refused_in_one_line(name, number):
    change, words = TOWERS[name].changes[number]
    changed = TOWERS[name].state()
    change(changed)
    with pytest.raises(CheckpointError) as refused:
        TOWERS[name].module.load(changed)
    message = str(refused.value)
    assert words in message
    assert name in message
    assert "\n" not in message


@pytest.mark.parametrize("name", TOWERS)
def test_without_a_checkpoint_it_is_asked_for(name):
    with pytest.raises(CheckpointError, match=f"{name} needs --checkpoint"):
        TOWERS[name].module.export_spec(None)


@pytest.mark.parametrize("name", TOWERS)
def test_under_autocast_what_is_delicate_stays_fp32(name):
    tower = TOWERS[name]
    network = tower.module.load(tower.state())
    pixels = torch.rand(2, 3, tower.size, tower.size, generator=torch.Generator().manual_seed(40))
    answer, kinds = under_autocast(lambda: network(pixels))
    assert kinds["convolution"] == {torch.float16}
    assert set(DELICATE) & set(kinds)
    for kind in set(DELICATE) & set(kinds):
        assert kinds[kind] == {torch.float32}, kind
    with torch.inference_mode():
        wanted = embedding(network(pixels))
    assert embedding(answer).dtype == torch.float32
    assert F.cosine_similarity(embedding(answer), wanted).min() > 0.9999


@pytest.mark.parametrize("name", TOWERS)
def test_the_graph_says_what_torch_says_in_any_batch(name, exported):
    tower = TOWERS[name]
    spec, bundle = exported(name, "fp32")
    assert (spec.dimension, spec.metric) == (tower.dimension, "cosine")
    assert spec.architecture == name
    (graph,) = spec.graphs
    assert graph.outputs == tower.outputs
    agree(graph, bundle.read("image.onnx"))
    assert all(entry["muted"] and entry["auroc"] is None for entry in spec.observations.values())
    assert Recipe.from_json(spec.recipe).to_json() == spec.recipe
