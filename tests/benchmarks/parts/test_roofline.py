"""``cxr-bench roofline`` on the embedded network, from the measurement to the picture."""

import json
from pathlib import Path

import jsonschema
import numpy as np
import pytest
from click.testing import CliRunner

from cxr_edge.benchmarks.cli import bench
from cxr_edge.benchmarks.gpu.rates import Copies, Products
from cxr_edge.benchmarks.pictures.gallery import draw
from cxr_edge.benchmarks.record import read_record

ROOT = Path(__file__).resolve().parents[3]


def test_limits_and_networks_come_from_one_run(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib", reason="matplotlib is not installed: pip install .[bench]")
    out = tmp_path / "roofline.json"
    given = ["roofline", "--network", "dcclip", "--batch", "2", "--batch", "1", "--samples", "3"]
    done = CliRunner().invoke(bench, [*given, "--json", str(out)], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    record = read_record(out)
    schema = json.loads((ROOT / "docs" / "benchmark.schema.json").read_text())
    jsonschema.validate(record, schema)
    series = record["samples"]
    names = {"copies", "products", "dcclip / batch 1", "dcclip / batch 2"}
    assert series.keys() == names
    assert {(one["group"], len(one["values"])) for one in series.values()} == {("turns", 3)}
    results = record["results"]
    rates, network = results["rates"], results["networks"]["dcclip"]
    quickest = min(series["copies"]["values"]) / 1e3  # the record holds microseconds
    assert rates["device"] == pytest.approx(2 * (512 << 20) / quickest, rel=1e-3)
    one, two = network["work"]["1"], network["work"]["2"]
    assert two["operations"] == 2 * one["operations"]
    assert one["bytes"] < two["bytes"] < 2 * one["bytes"], "weights are read once"
    row = network["engines"]["cpu fp32"]["batches"]["1"]
    least = max(one["operations"] / rates["operations"], one["bytes"] / rates["device"]) * 1e3
    assert row["p50"] == pytest.approx(np.median(series["dcclip / batch 1"]["values"]), abs=1e-3)
    assert row["of_roofline"] == pytest.approx(least / row["p50"])
    assert (
        f"dcclip | 2 | {network['engines']['cpu fp32']['batches']['2']['p50']:.1f}" in done.stdout
    )
    shown = CliRunner().invoke(bench, ["roofline", "--table", str(out)], catch_exceptions=False)
    assert shown.stdout == done.stdout
    [picture] = draw(record, "machine").pictures
    assert picture.name == "machine-roofline"


def test_what_is_counted_is_done() -> None:
    copies = Copies(3, 2)
    for there, _ in copies._parts:
        there[:] = 7
    copies()
    assert all((there == here).all() for there, here in copies._parts)
    assert copies.bytes == 2 * sum(there.nbytes for there, _ in copies._parts) == 2 * (3 << 20)
    copies.close()
    products = Products("cpu", 16, "float32", 1)
    products()
    assert products.operations == 8 * 2 * 16**3
    products.close()
