"""The measurements of a GPU, as far as they run without one: all of the code, on the processor."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from cxr_edge.benchmarks.gpu.__main__ import _wrong
from cxr_edge.benchmarks.gpu.work import joined_weights, work_of
from cxr_edge.benchmarks.record import read_record
from cxr_edge.engines.libraries import locate

ROOT = Path(__file__).resolve().parents[3]
SCRIPT = ROOT / "benchmarks" / "gpu.sh"


@pytest.fixture(scope="module")
def record(tmp_path_factory: pytest.TempPathFactory) -> dict:
    out = tmp_path_factory.mktemp("gpu") / "gpu.json"
    command = [sys.executable, "-m", "cxr_edge.benchmarks.gpu", "--cpu", "--network", "dcclip"]
    command += ["--batch", "1", "--batch", "2", "--samples", "2", "--rows", "2500"]
    done = subprocess.run(
        [*command, "--json", str(out)],
        capture_output=True,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    assert done.returncode == 0, done.stderr
    return read_record(out)


def test_the_record_is_one_of_the_schema(record: dict) -> None:
    jsonschema = pytest.importorskip("jsonschema", reason="jsonschema is not installed")
    schema = json.loads((ROOT / "docs" / "benchmark.schema.json").read_text())
    jsonschema.validate(record, schema)
    assert record["schema"] == schema["properties"]["schema"]["const"]


def test_every_engine_is_compared_and_timed(record: dict) -> None:
    results = record["results"]
    assert results["device"] == "processor"
    engines = results["networks"]["dcclip"]["engines"]
    for name in ("cpu fp32", "cpu fp16"):
        assert engines[name]["parity"] is True
        assert engines[name]["batches"].keys() == {"1", "2"}
    for batch in ("1", "2"):
        spans = record["samples"][f"dcclip / cpu fp16 / batch {batch}"]
        assert len(spans["values"]) == 2
        torch = record["samples"][f"dcclip / torch eager fp32 / batch {batch}"]
        assert torch["group"] == spans["group"], "taken in one run, so that neighbours compare"
    assert results["chain"]["drafts"]["cpu"]["rows"] == 2500
    assert results["chain"]["throughput"]["dcclip"]["cpu fp16"]["workers"].keys() == {
        "1",
        "2",
        "4",
    }
    pixels = results["chain"]["from_pixels"]["dcclip"]["cpu fp32"]
    assert pixels["workers"].keys() == {"1", "2", "4"}
    for probe in ("tensorrt", "tensorrt-rtx", "cuda"):
        assert results["probes"][probe]["detail"]
    assert _wrong(results) == []


def test_what_computes_wrong_is_named(record: dict) -> None:
    results = json.loads(json.dumps(record["results"]))
    network = results["networks"]["dcclip"]
    network["engines"]["cpu fp16"] |= {"parity": False, "min_cosine": 0.5}
    network["types"]["fp16"] |= {"products": ["FLOAT"], "as_asked": False}
    assert _wrong(results) == [
        "dcclip on cpu fp16: cosine 0.50000",
        "dcclip in fp16 computes in FLOAT",
    ]


def test_work_is_that_of_the_formulas() -> None:
    """2 * outputs * length of each sum: 5 channels of 3 by 3 over 4, then 20 to 7."""
    weights = {
        "kernel": np.zeros((5, 4, 3, 3), np.float32),
        "matrix": np.zeros((5, 7), np.float32),
    }
    nodes = [
        helper.make_node("Conv", ["x", "kernel"], ["c"]),
        helper.make_node("GlobalAveragePool", ["c"], ["p"]),
        helper.make_node("Flatten", ["p"], ["f"]),
        helper.make_node("MatMul", ["f", "matrix"], ["y"]),
    ]
    graph = helper.make_graph(
        nodes,
        "small",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", 4, 10, 8])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["n", 7])],
        [numpy_helper.from_array(array, name) for name, array in weights.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10)
    work = work_of(model.SerializeToString(), 3)
    convolution = 2 * (3 * 5 * 8 * 6) * (4 * 3 * 3)
    assert work.operations == convolution + 2 * (3 * 7) * 5
    assert work.bytes == 4 * (5 * 4 * 9 + 5 * 7 + 3 * 4 * 10 * 8 + 3 * 7)
    assert work.products == ("FLOAT",)
    assert work.least_ms(convolution + 210, 1e15) == 1e3


def test_weights_outside_count_as_well() -> None:
    matrix = np.arange(12, dtype=np.float16).reshape(3, 4)
    tensor = numpy_helper.from_array(matrix, "matrix")
    content = b"\0" * 8 + bytes(tensor.raw_data)
    tensor.ClearField("raw_data")
    tensor.data_location = TensorProto.EXTERNAL
    for key, value in (("location", "w.data"), ("offset", "8"), ("length", str(matrix.nbytes))):
        tensor.external_data.add(key=key, value=value)
    graph = helper.make_graph(
        [helper.make_node("MatMul", ["x", "matrix"], ["y"])],
        "small",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT16, ["n", 3])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT16, ["n", 4])],
        [tensor],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10)
    inside = joined_weights(model.SerializeToString(), {"w.data": content})
    (read,) = onnx.load_from_string(inside).graph.initializer
    np.testing.assert_array_equal(numpy_helper.to_array(read), matrix)
    assert work_of(inside, 2).operations == 2 * 2 * 4 * 3


def test_without_a_gpu_the_script_says_so_and_writes_nothing(tmp_path: Path) -> None:
    if locate("libcuda.so.1") is not None:
        pytest.skip("this machine has an NVIDIA driver")
    if shutil.which("bash") is None:
        pytest.skip("bash is not installed")
    before = sorted((ROOT / "benchmarks" / "results").iterdir())
    done = subprocess.run(
        ["bash", str(SCRIPT)],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHON": sys.executable, "ENVIRONMENT": str(tmp_path / "made")},
    )
    assert done.returncode == 1
    assert done.stdout == ""
    assert done.stderr.startswith("gpu.sh: no NVIDIA GPU and driver here")
    assert done.stderr.count("\n") == 1
    assert list(tmp_path.iterdir()) == []
    assert sorted((ROOT / "benchmarks" / "results").iterdir()) == before


def test_without_a_gpu_the_command_says_so() -> None:
    if locate("libcuda.so.1") is not None:
        pytest.skip("this machine has an NVIDIA driver")
    command = [sys.executable, "-m", "cxr_edge.benchmarks.gpu"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
    assert "no NVIDIA driver here" in done.stderr
