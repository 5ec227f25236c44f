"""Small DCCLIP weights, written and opened like real ones."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from cxr_edge.export.models.dcclip import Dcclip, DcclipConfig, save_weights
from cxr_edge.labels import OBSERVATIONS
from cxr_edge.tokenizers.ngrams import NgramTokenizer
from cxr_edge.training.pictures import runtime_recipe

NGRAMS = ("clear", "effusion", "heart", "left", "left effusion", "lungs", "no", "no effusion")


def small_model(seed: int = 0) -> Dcclip:
    """A DCCLIP of a few thousand parameters, its BatchNorms away from their initial state."""
    torch.manual_seed(seed)
    model = Dcclip(
        DcclipConfig(image_size=32, width=8, dimension=16, vocabulary=len(NGRAMS), hidden=12)
    )
    for module in model.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            torch.nn.init.normal_(module.running_mean, 0, 0.1)
            torch.nn.init.uniform_(module.running_var, 0.5, 1.5)
    return model.eval()


def write_weights(path: Path, model: Dcclip) -> Path:
    """The weights file of a model."""
    entry = {"auroc": None, "gate": 0.5, "clear": 0.5, "muted": True, "attributes": []}
    save_weights(
        path,
        model,
        NgramTokenizer.of(NGRAMS, np.linspace(1, 2, len(NGRAMS))),
        runtime_recipe(32, 1).to_json(),
        dict.fromkeys(OBSERVATIONS, entry),
        {"seed": 0},
    )
    return path


@pytest.fixture(scope="session")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Path of a small weights file."""
    return write_weights(tmp_path_factory.mktemp("weights") / "small.safetensors", small_model())


@pytest.fixture
def model() -> Dcclip:
    """The model of ``weights``, afresh."""
    return small_model()


@pytest.fixture
def rewrite(tmp_path: Path) -> Callable[[Dcclip], Path]:
    """Write the weights file of a changed model."""
    return lambda changed: write_weights(tmp_path / "changed.safetensors", changed)
