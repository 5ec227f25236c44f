"""The list of architectures: complete, cheap to print, and true to the published shapes."""

import json
import subprocess
import sys
from importlib import import_module
from inspect import signature
from math import prod
from pathlib import Path

import pytest
import torch
from click.testing import CliRunner

from cxr_edge.errors import CheckpointError
from cxr_edge.export.cli import main
from cxr_edge.export.registry import ARCHITECTURES, KEYS, spec_builder

NAMES = {
    "cxr-repair-vit-b32",
    "cxr-repair-vit-b16-320",
    "chexzero",
    "chexbert",
    "dcclip",
    "dcrrg-decoder",
    "llm2clip4cxr-vision",
    "llm2vec4cxr-text",
    "liu2019",
    "medclip-rn50",
    "gloria",
    "biovil",
    "biovil-t",
    "albef-xrem",
    "resnet18-baseline",
    "convirt",
}
KEY_LISTS = {
    "albef-xrem": "albef-xrem-visual-256",
    "biovil": "biovil-resnet50",
    "biovil-t": "biovil-t-image",
    "chexbert": "chexbert",
    "chexzero": "cxr-repair-vit-b32",
    "cxr-repair-vit-b16-320": "cxr-repair-vit-b16-320",
    "cxr-repair-vit-b32": "cxr-repair-vit-b32",
    "gloria": "gloria",
    "medclip-rn50": "medclip-rn50",
}


def test_every_architecture_is_listed() -> None:
    assert set(ARCHITECTURES) == NAMES
    assert all(entry.keys in KEYS for entry in ARCHITECTURES.values())


@pytest.mark.parametrize("name", sorted(NAMES))
def test_every_builder_takes_a_checkpoint_and_a_tokenizer(name: str) -> None:
    builder = spec_builder(name)
    further = ["language_model"] if ARCHITECTURES[name].language_model else []
    assert list(signature(builder).parameters) == ["checkpoint", "tokenizer", *further]
    if name != "dcclip":
        with pytest.raises(CheckpointError, match=f"{name} needs --checkpoint"):
            builder(None, None)


@pytest.mark.parametrize("name", sorted(KEY_LISTS))
def test_the_count_of_parameters_is_that_of_the_published_keys(
    name: str, shared_data: Path
) -> None:
    shapes = published(shared_data, KEY_LISTS[name])
    module = import_module(ARCHITECTURES[name].builder.partition(":")[0])
    network = module.load({k: torch.empty(s, device="meta") for k, s in shapes.items()})
    assert sum(p.numel() for p in network.parameters()) == ARCHITECTURES[name].parameters
    assert ARCHITECTURES[name].verified


def test_the_count_of_the_eva_tower_is_that_of_its_keys(shared_data: Path) -> None:
    shapes = published(shared_data, "llm2clip4cxr-vision")
    assert len(shapes) == 562
    counted = sum(prod(shape) for key, shape in shapes.items() if "freqs_" not in key)
    assert counted == ARCHITECTURES["llm2clip4cxr-vision"].parameters


def published(shared_data: Path, name: str) -> dict[str, tuple[int, ...]]:
    path = shared_data.parent / "reference" / "checkpoint-keys" / f"{name}.tsv"
    if not path.is_file():
        pytest.skip(f"the published keys are not here: {path} is missing")
    rows = (line.split("\t") for line in path.read_text().splitlines()[1:])
    return {
        key: () if shape == "scalar" else tuple(int(n) for n in shape.split("x"))
        for key, shape, *_ in rows
    }


def test_a_name_that_is_not_known() -> None:
    with pytest.raises(CheckpointError, match="expected one of albef-xrem"):
        spec_builder("nosuch")


def test_the_list_says_what_is_unverified() -> None:
    shown = CliRunner().invoke(main, ["--list"])
    told = CliRunner().invoke(main, ["--list", "--json"])
    entries = {entry["name"]: entry for entry in json.loads(told.output)}
    assert set(entries) == NAMES
    paragraphs = {text.split("\n")[0]: text for text in shown.output.split("\n\n")}
    for name, entry in entries.items():
        assert ("unverified" in paragraphs[name]) is not entry["verified"]
        assert entry["paper"] in paragraphs[name]
        assert entry["files"] in paragraphs[name]
    assert {n for n, e in entries.items() if not e["verified"]} == {
        "convirt",
        "dcrrg-decoder",
        "liu2019",
        "llm2vec4cxr-text",
        "resnet18-baseline",
    }


def test_a_language_model_is_refused_where_none_is_taken() -> None:
    given = ["--model", "chexbert", "--language-model", "x.bin", "--out", "nowhere"]
    refused = CliRunner().invoke(main, given)
    assert refused.exit_code == 1
    assert "chexbert takes no --language-model" in refused.output


def test_listing_loads_no_torch() -> None:
    code = (
        "import sys; from click.testing import CliRunner; from cxr_edge.export.cli import main\n"
        "assert CliRunner().invoke(main, ['--list']).exit_code == 0\n"
        "assert CliRunner().invoke(main, ['--help']).exit_code == 0\n"
        "assert not {'torch', 'onnx', 'onnxruntime'} & set(sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_every_architecture_has_its_page() -> None:
    pages = Path(__file__).resolve().parents[2] / "docs" / "models"
    assert {page.stem for page in pages.glob("*.md")} == NAMES
    for name, entry in ARCHITECTURES.items():
        text = (pages / f"{name}.md").read_text()
        assert f"cxr-export --model {name}" in text
        assert ("nverified" in text) is not entry.verified
