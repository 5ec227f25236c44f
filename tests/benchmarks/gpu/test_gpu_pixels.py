"""Preprocessing as nodes before the encoder makes what the processor makes."""

from dataclasses import replace

import numpy as np
import onnx
import pytest

from cxr_edge.benchmarks.gpu.pixels import NotOnDevice, OnDevice
from cxr_edge.bundle import Bundle
from cxr_edge.engines import load_engine
from cxr_edge.engines.onnx_bytes import input_, model, node, output, without_input
from cxr_edge.engines.resident import OUTPUTS, Resident
from cxr_edge.pipeline import locate
from cxr_edge.preprocess import Recipe, apply
from cxr_edge.types import LookupTable, SourceImage, Window

IDENTITY = model(
    [
        input_("pixels", "float32", ["batch", "c", "h", "w"]),
        node("Identity", ["pixels"], ["same"], "same"),
        output("same", "float32", ["", "", "", ""]),
    ],
    20,
)
RESIZE = {"op": "resize", "height": 40, "width": 24}
RECIPES = {
    "standardised": ["voi", {"op": "standardise"}],
    "three channels": [
        "minmax",
        {"op": "normalise", "mean": [0.48, 0.45, 0.4], "std": [0.26, 0.27, 0.28]},
    ],
    "repeated": ["minmax", {"op": "scale", "factor": 255.0}, {"op": "repeat", "channels": 3}],
}


def recipe(name: str) -> Recipe:
    tone, *steps = RECIPES[name]
    return Recipe.from_json({"tone": tone, "steps": [RESIZE, *steps]})


def picture(seed: int, dtype: str) -> SourceImage:
    chance = np.random.default_rng(seed)
    most = {"uint8": 255, "uint16": 4095, "int16": 2000}[dtype]
    least = -500 if dtype == "int16" else 0
    stored = chance.integers(least, most, (97, 61)).astype(dtype)
    window = Window(center=most / 2, width=most / 3) if seed % 2 else None
    return SourceImage(stored, bits_stored=12, inverted=seed % 3 == 0, window=window)


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "int16"])
@pytest.mark.parametrize("name", RECIPES)
def test_it_is_what_the_processor_makes(name: str, dtype: str) -> None:
    images = [picture(seed, dtype) for seed in range(5)]
    device = OnDevice(recipe(name), "pixels", 97, 61)
    graph = device.before(IDENTITY, dtype)
    onnx.checker.check_model(onnx.load_from_string(graph))
    engine = load_engine("cpu", graph, 1, resident=device.resident())
    got = engine.run(device.inputs(images))["same"]
    engine.close()
    wanted = np.concatenate([apply(recipe(name), image) for image in images])
    scale = 255.0 if name == "repeated" else 1.0
    np.testing.assert_allclose(got, wanted, atol=5e-5 * scale)


def test_pixels_to_rows_in_one_network() -> None:
    bundle = Bundle.load(locate("bundle", None))
    rows = np.random.default_rng(0).standard_normal((900, bundle.dimension)).astype(np.float16)
    resident = Resident.of(rows, 5)
    plain = load_engine("cpu", bundle.read("image.onnx"), 1)
    device = OnDevice(bundle.recipe, "pixels", 97, 61)
    whole = device.before(bundle.read("image.onnx"), "uint16") + resident.addition()
    onnx.checker.check_model(onnx.load_from_string(whole))
    kept = {**resident.inputs, **device.resident()}
    chain = load_engine("cpu", whole, 1, resident=kept)
    images = [replace(picture(seed, "uint16"), inverted=False) for seed in (2, 4)]
    outputs = chain.run(device.inputs(images))
    pixels = np.concatenate([apply(bundle.recipe, image) for image in images])
    embedding = plain.run({"pixels": pixels})["embedding"]
    np.testing.assert_allclose(outputs["embedding"], embedding, atol=1e-4)
    assert outputs[OUTPUTS[0]].shape == (2, 5)
    chain.close()
    plain.close()


def test_tensorrt_rtx_builds_it() -> None:
    pytest.importorskip(
        "tensorrt_rtx_bindings", reason="tensorrt-rtx-cu13-bindings is not installed"
    )
    from cxr_edge.engines.tensorrt_build import build
    from cxr_edge.engines.tensorrt_library import TENSORRT_RTX

    bundle = Bundle.load(locate("bundle", None))
    graph = OnDevice(bundle.recipe, "pixels", 97, 61).before(bundle.read("image.onnx"), "uint8")
    plan = build(TENSORRT_RTX, graph, {})
    assert plan.types == build(TENSORRT_RTX, bundle.read("image.onnx"), {}).types


def test_what_does_not_fit_says_so() -> None:
    for steps in (
        [{"op": "quantise"}, RESIZE],
        [{"op": "resize", "longest": 40}],
        [RESIZE, {"op": "crop", "height": 8, "width": 8}],
    ):
        with pytest.raises(NotOnDevice, match="use the processor"):
            OnDevice(Recipe.from_json({"tone": "minmax", "steps": steps}), "pixels", 97, 61)
    device = OnDevice(recipe("standardised"), "pixels", 97, 61)
    images = [picture(1, "uint8"), picture(1, "uint16")]
    with pytest.raises(NotOnDevice, match="one size and one type"):
        device.inputs(images)
    padded = replace(picture(2, "uint8"), padding=(0, 3))
    with pytest.raises(NotOnDevice, match="padding"):
        device.inputs([padded])
    table = LookupTable(0, np.linspace(0, 4095, 256).astype(np.uint16), 12)
    with pytest.raises(NotOnDevice, match="a tone by table"):
        device.inputs([replace(picture(2, "uint8"), voi_lut=table)])


def test_an_input_is_taken_out_and_nothing_else_changes() -> None:
    bundle = Bundle.load(locate("bundle", None))
    content = bundle.read("image.onnx")
    less = onnx.load_from_string(without_input(content, "pixels"))
    whole = onnx.load_from_string(content)
    assert [value.name for value in less.graph.input] == []
    less.graph.input.extend(whole.graph.input)
    assert less == whole
    for wrong, why in ((content, "no input grid"), (content[:-9], "ends behind"), (b"\x80", "end")):
        with pytest.raises(ValueError, match=why):
            without_input(wrong, "grid")
