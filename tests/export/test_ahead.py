"""Plans ahead of time with the real TensorRT for RTX, which builds them without a GPU."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest
from click.testing import CliRunner
from onnx import TensorProto, helper, numpy_helper

pytest.importorskip("tensorrt_rtx_bindings", reason="tensorrt-rtx-cu13-bindings is not installed")

from cxr_edge.bundle import Bundle, write_bundle
from cxr_edge.engines.resident import Resident
from cxr_edge.engines.tensorrt_build import build
from cxr_edge.engines.tensorrt_library import TENSORRT_RTX
from cxr_edge.errors import BundleError, EngineUnavailable
from cxr_edge.export.ahead import build_ahead
from cxr_edge.export.cli import main
from cxr_edge.indexes.search import SentenceIndex
from cxr_edge.pipeline import locate

Change = Callable[..., Bundle]


@pytest.fixture
def embedded() -> Bundle:
    return Bundle.load(locate("bundle", None))


@pytest.fixture
def changed(tmp_path: Path, embedded: Bundle) -> Change:
    """The embedded bundle with its image network stated, or replaced, otherwise."""

    def change(precision: str, image: bytes | None = None) -> Bundle:
        manifest = {k: v for k, v in embedded.manifest.items() if k not in ("files", "digest")}
        network = {**manifest["networks"]["image"], "precision": precision}
        manifest |= {"networks": {"image": network}}
        files = {name: embedded.read(name) for name in embedded.manifest["files"]}
        if image is not None:
            files[network["file"]] = image
        return write_bundle(tmp_path / "changed", manifest, files)

    return change


def network(nodes: list, weights: dict[str, np.ndarray], axes: list) -> onnx.ModelProto:
    graph = helper.make_graph(
        nodes,
        "small",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, axes)],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)],
        [numpy_helper.from_array(array, name) for name, array in weights.items()],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10)


def half_product(name: str, given: str, made: str) -> list:
    return [
        helper.make_node("Cast", [given], [f"{name}_in"], to=TensorProto.FLOAT16),
        helper.make_node("MatMul", [f"{name}_in", name], [f"{name}_out"]),
        helper.make_node("Cast", [f"{name}_out"], [made], to=TensorProto.FLOAT),
    ]


HALF = {"half": np.eye(16, dtype=np.float16)}


def test_every_network_is_built_once(embedded: Bundle, tmp_path: Path) -> None:
    built = build_ahead("tensorrt-rtx", embedded, tmp_path / "plans")
    assert [(plan.role, plan.state) for plan in built] == [
        ("image", "missing"),
        ("text", "missing"),
    ]
    assert all(set(kinds) == {"FLOAT"} for plan in built for kinds in plan.layers.values())
    contents = [plan.plan.read_bytes() for plan in built]
    again = build_ahead("tensorrt-rtx", embedded, tmp_path / "plans")
    assert [plan.state for plan in again] == ["hit", "hit"]
    assert [plan.plan.read_bytes() for plan in again] == contents


def test_damaged_and_outdated_plans_are_built_again(embedded: Bundle, tmp_path: Path) -> None:
    image, text = build_ahead("tensorrt-rtx", embedded, tmp_path)
    image.plan.write_bytes(image.plan.read_bytes()[:-1])
    side = text.plan.with_suffix(".json")
    record = json.loads(side.read_text())
    version = record["key"]["version"]
    record["key"]["version"] = "1.0"
    side.write_text(json.dumps(record))
    again = build_ahead("tensorrt-rtx", embedded, tmp_path)
    assert [plan.state for plan in again] == ["corrupt", "stale"]
    assert again[1].why == f"version was '1.0', now '{version}'"
    assert {plan.state for plan in build_ahead("tensorrt-rtx", embedded, tmp_path)} == {"hit"}


@pytest.mark.parametrize(
    ("precision", "reason"),
    [("fp16", "would run in fp32, the bundle says fp16"), ("int8", "in INT8, which is for proc")],
)
def test_another_precision_than_stated_is_refused(
    changed: Change, tmp_path: Path, precision: str, reason: str
) -> None:
    bundle = changed(precision)
    with pytest.raises(BundleError, match=reason):
        build_ahead("tensorrt-rtx", bundle, tmp_path / "plans")
    assert not (tmp_path / "plans").exists()


def test_half_products_with_one_in_float_are_refused(changed: Change, tmp_path: Path) -> None:
    nodes = [*half_product("half", "x", "z"), helper.make_node("MatMul", ["z", "whole"], ["y"])]
    model = network(nodes, {**HALF, "whole": np.eye(16, dtype=np.float32)}, ["n", 16])
    bundle = changed("fp16", model.SerializeToString())
    with pytest.raises(BundleError, match="products would run in FLOAT and HALF"):
        build_ahead("tensorrt-rtx", bundle, tmp_path / "plans")
    assert not (tmp_path / "plans").exists()


@pytest.mark.parametrize("delicate", ["Softmax", "LayerNormalization"])
def test_delicate_layers_in_half_are_refused(delicate: str) -> None:
    weights = dict(HALF)
    if delicate == "LayerNormalization":
        weights["scale"] = np.ones(16, np.float16)
    nodes = [
        helper.make_node("Cast", ["x"], ["h"], to=TensorProto.FLOAT16),
        helper.make_node("MatMul", ["h", "half"], ["p"]),
        helper.make_node(delicate, ["p", *(["scale"] if "scale" in weights else [])], ["s"]),
        helper.make_node("Cast", ["s"], ["y"], to=TensorProto.FLOAT),
    ]
    model = network(nodes, weights, ["n", 16])
    with pytest.raises(BundleError, match="normalisations and softmax would run in HALF"):
        build(TENSORRT_RTX, model.SerializeToString(), {})


def test_weights_outside_are_those_that_were_checked() -> None:
    inside = network(half_product("half", "x", "y"), HALF, ["n", 16])
    outside = network(half_product("half", "x", "y"), HALF, ["n", 16])
    (tensor,) = outside.graph.initializer
    content = bytes(tensor.raw_data)
    tensor.ClearField("raw_data")
    tensor.data_location = TensorProto.EXTERNAL
    for key, value in (("location", "image.data"), ("offset", "0"), ("length", str(len(content)))):
        tensor.external_data.add(key=key, value=value)
    model = outside.SerializeToString()
    plan = build(TENSORRT_RTX, model, {"image.data": content})
    assert plan.precision == "fp16"
    assert plan.types == build(TENSORRT_RTX, inside.SerializeToString(), {}).types
    with pytest.raises(BundleError, match="cannot read the network"):
        build(TENSORRT_RTX, model, {"image.data": content[:-2]})
    with pytest.raises(BundleError, match="cannot read the network"):
        build(TENSORRT_RTX, model, {})


def test_an_axis_without_a_profile_is_named() -> None:
    model = network([helper.make_node("Relu", ["x"], ["y"])], {}, ["n", "width"])
    with pytest.raises(BundleError, match="input x has an open axis 1 called 'width'"):
        build(TENSORRT_RTX, model.SerializeToString(), {})


def test_what_is_no_graph_is_one_line() -> None:
    with pytest.raises(BundleError, match="tensorrt-rtx cannot read the network") as caught:
        build(TENSORRT_RTX, b"no graph", {})
    assert "\n" not in str(caught.value)


def test_the_command(tmp_path: Path, embedded: Bundle) -> None:
    arguments = ["--engine", "tensorrt-rtx", "--bundle", str(embedded.directory)]
    done = CliRunner().invoke(main, [*arguments, "--out", str(tmp_path / "plans"), "--json"])
    assert done.exit_code == 0, done.output
    listed = json.loads(done.stdout)
    assert [entry["role"] for entry in listed] == ["image", "text"]
    assert all(Path(entry["plan"]).is_file() for entry in listed)
    done = CliRunner().invoke(main, [*arguments, "--out", str(tmp_path / "plans")])
    assert done.stdout.split() == [entry["plan"] for entry in listed]
    assert "image: was there" in done.stderr


def test_a_plan_with_an_index_beside_the_encoder(embedded: Bundle, tmp_path: Path) -> None:
    """What the pipeline would build for a GPU: the same key, the encoder's layers as they were."""
    arguments = ["--engine", "tensorrt-rtx", "--bundle", str(embedded.directory)]
    arguments += ["--index", str(locate("index", None)), "--out", str(tmp_path / "plans")]
    done = CliRunner().invoke(main, [*arguments, "--json"])
    assert done.exit_code == 0, done.output
    image, text = json.loads(done.stdout)
    alone = build_ahead("tensorrt-rtx", embedded, tmp_path / "alone")
    assert image["layers"] == alone[0].layers
    assert image["plan"].rpartition("/")[2] != alone[0].plan.name
    assert text["plan"].rpartition("/")[2] == alone[1].plan.name
    rows = SentenceIndex.open(locate("index", None)).vectors
    again = build_ahead("tensorrt-rtx", embedded, tmp_path / "plans", resident=Resident.of(rows, 6))
    assert [plan.state for plan in again] == ["hit", "hit"]


def test_a_text_network_is_built_for_the_lengths_of_its_tokenizer(
    embedded: Bundle, tmp_path: Path
) -> None:
    """Those stand in the bundle; without them, 512 tokens are the most."""
    manifest = {k: v for k, v in embedded.manifest.items() if k not in ("files", "digest")}
    files = {name: embedded.read(name) for name in embedded.manifest["files"]}
    said = []
    for name, tokenizer in (("said", {"length": 77}), ("unsaid", {})):
        changed = {**manifest, "tokenizer": {**manifest["tokenizer"], **tokenizer}}
        bundle = write_bundle(tmp_path / name, changed, files)
        (plan, *_) = build_ahead("tensorrt-rtx", bundle, tmp_path / f"{name}-plans")
        side = json.loads(plan.plan.with_suffix(".json").read_text())
        said.append(side["key"]["profiles"])
    assert said[0]["length"] == [1, 77, 77]
    assert said[1]["length"] == [1, 128, 512]
    assert [said[0][f"batch {k}"] for k in range(3)] == [[1, 1, 1], [2, 8, 8], [9, 64, 64]]


def test_rtx_has_no_further_options(embedded: Bundle, tmp_path: Path) -> None:
    arguments = ["--engine", "tensorrt-rtx", "--bundle", str(embedded.directory)]
    arguments += ["--out", str(tmp_path / "plans"), "--hardware", "ampere-plus"]
    done = CliRunner().invoke(main, arguments)
    assert done.exit_code == 1
    assert "plans of tensorrt-rtx are for SM80, " in done.stderr
    assert done.stderr.count("\n") == 1
    assert not (tmp_path / "plans").exists()


@pytest.mark.parametrize(
    "arguments",
    [
        ["--engine", "tensorrt-rtx"],
        ["--engine", "tensorrt-rtx", "--out", "plans"],
        ["--bundle", "somewhere", "--out", "plans"],
        ["--engine", "tensorrt", "--bundle", "b", "--out", "plans", "--model", "dcclip"],
        ["--engine", "openvino", "--bundle", "b", "--out", "plans"],
    ],
)
def test_wrong_use(arguments: list[str]) -> None:
    assert CliRunner().invoke(main, arguments).exit_code == 2


def test_without_tensorrt_nothing_is_built(embedded: Bundle, tmp_path: Path) -> None:
    try:
        import tensorrt  # noqa: F401
    except ImportError:
        with pytest.raises(EngineUnavailable, match=r"tensorrt is not installed; run: pip install"):
            build_ahead("tensorrt", embedded, tmp_path / "plans")
        assert not (tmp_path / "plans").exists()
    else:
        pytest.skip("tensorrt is installed here")
