"""Export end to end: the graphs say what torch says, and a graph that does not is never written."""

import json
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from click.testing import CliRunner
from PIL import Image

from cxr_edge.bundle import Bundle
from cxr_edge.engines import load_engine
from cxr_edge.errors import ParityError
from cxr_edge.export.cli import main
from cxr_edge.export.exporter import export_bundle
from cxr_edge.export.models.dcclip import Dcclip, export_spec, load_weights
from cxr_edge.export.precision import OPSET, trace
from cxr_edge.export.spec import Tolerance
from cxr_edge.tokenizers import get_tokenizer


@pytest.fixture(scope="module")
def bundle(weights: Path, tmp_path_factory) -> Bundle:
    out = tmp_path_factory.mktemp("export") / "bundle"
    picture = out.parent / "chest.png"
    grey = np.random.default_rng(0).normal(120, 40, (240, 220)).clip(0, 255)
    Image.fromarray(grey.astype(np.uint8)).save(picture)
    arguments = ["--model", "dcclip", "--checkpoint", str(weights), "--out", str(out)]
    done = CliRunner().invoke(main, [*arguments, "--images", str(picture)])
    assert done.exit_code == 0, done.output
    return Bundle.load(out)


@pytest.mark.parametrize("count", [1, 3, 8])
def test_image_graph_says_what_torch_says(bundle: Bundle, weights: Path, count: int) -> None:
    pixels = np.random.default_rng(count).standard_normal((count, 1, 32, 32)).astype(np.float32)
    engine = load_engine("cpu", bundle.read("image.onnx"))
    got = engine.run({"pixels": pixels})
    with torch.inference_mode():
        embedding, probabilities = load_weights(weights).model.image(torch.from_numpy(pixels))
    np.testing.assert_allclose(got["embedding"], embedding, atol=1e-5)
    np.testing.assert_allclose(got["probabilities"], probabilities, atol=1e-5)


def test_text_graph_and_tokenizer_travel_in_the_bundle(bundle: Bundle, weights: Path) -> None:
    texts = ["No effusion.", "The lungs are clear.", "unknown words only"]
    inputs = get_tokenizer(bundle.manifest["tokenizer"], bundle.directory).encode(texts)
    got = load_engine("cpu", bundle.read("text.onnx")).run(inputs)["embedding"]
    opened = load_weights(weights)
    with torch.inference_mode():
        want = opened.model.text(torch.from_numpy(opened.tokenizer.encode(texts)["bag"]))
    np.testing.assert_allclose(got, want, atol=1e-5)
    np.testing.assert_allclose(np.linalg.norm(got, axis=1), 1.0, atol=1e-5)


def test_the_manifest_records_the_comparison(bundle: Bundle) -> None:
    parity = bundle.manifest["parity"]
    assert parity["image"]["real_images"] == 1
    for role in ("image", "text"):
        for figures in parity[role]["outputs"].values():
            assert figures["max_abs_error"] <= Tolerance().absolute
            assert figures["min_cosine"] >= Tolerance().cosine
    assert bundle.recipe.to_json()["steps"][0]["height"] == 32


def test_graphs_have_a_free_batch_and_no_trace_of_the_machine(bundle: Bundle) -> None:
    for file in ("image.onnx", "text.onnx"):
        content = bundle.read(file)
        model = onnx.load_from_string(content)
        onnx.checker.check_model(model, full_check=True)
        assert model.opset_import[0].version == OPSET
        for value in (*model.graph.input, *model.graph.output):
            assert value.type.tensor_type.elem_type == onnx.TensorProto.FLOAT
            assert value.type.tensor_type.shape.dim[0].dim_param
        assert b"site-packages" not in content
        assert os.getcwd().encode() not in content


def test_the_same_weights_give_the_same_graph(weights: Path, bundle: Bundle) -> None:
    image, _ = export_spec(weights).graphs
    assert trace(image).model == bundle.read("image.onnx")


def test_a_constant_network_is_not_written(
    model: Dcclip, rewrite: Callable[[Dcclip], Path], tmp_path: Path
) -> None:
    with torch.no_grad():
        model.image.head.project.weight.zero_()
    with pytest.raises(ParityError, match="same for every input"):
        export_bundle(export_spec(rewrite(model)), tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("force", [False, True])
def test_a_network_that_is_not_finite_is_not_written(
    model: Dcclip, rewrite: Callable[[Dcclip], Path], tmp_path: Path, force: bool
) -> None:
    with torch.no_grad():
        model.image.trunk.stem[0].weight.fill_(float("nan"))  # type: ignore[union-attr]
    with pytest.raises(ParityError, match="not finite"):
        export_bundle(export_spec(rewrite(model)), tmp_path / "out", force=force)
    assert not (tmp_path / "out").exists()


def test_a_graph_that_disagrees_is_not_written(weights: Path, tmp_path: Path) -> None:
    spec = replace(export_spec(weights), tolerance=Tolerance(absolute=0.0, cosine=2.0))
    with pytest.raises(ParityError, match="differs from the torch reference"):
        export_bundle(spec, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_wrong_use_and_bad_input_are_one_line(tmp_path: Path) -> None:
    run = CliRunner().invoke
    assert run(main, []).exit_code == 2
    unknown = run(main, ["--model", "nosuch", "--out", str(tmp_path / "o")])
    assert unknown.exit_code == 1
    assert "unknown model 'nosuch'" in unknown.stderr
    missing = str(tmp_path / "missing.safetensors")
    bad = run(main, ["--model", "dcclip", "--checkpoint", missing, "--out", str(tmp_path / "o")])
    assert bad.exit_code == 1
    assert len(bad.stderr.strip().splitlines()) == 1


def test_manifest_is_json_with_all_fourteen(bundle: Bundle) -> None:
    manifest = json.loads((bundle.directory / "bundle.json").read_text())
    assert len(manifest["observations"]) == 14
    assert manifest["space"] == bundle.space
