"""Every architecture at reduced width through the whole exporter, in FP32 and in FP16."""

import pytest
from reduced_networks import STATES

from cxr_edge.export.calibration import LIMIT
from cxr_edge.export.models import llm2clip4cxr_vision
from cxr_edge.export.registry import ARCHITECTURES


def test_none_is_left_out() -> None:
    # chexzero is the network of cxr-repair-vit-b32; dcclip and llm2vec4cxr-text have tests of their
    # own.
    assert set(STATES) | {"chexzero", "dcclip", "llm2vec4cxr-text"} == set(ARCHITECTURES)
    assert llm2clip4cxr_vision.SIZE == 448


@pytest.mark.parametrize("precision", ["fp32", "fp16"])
@pytest.mark.parametrize("name", sorted(STATES))
def test_the_gate_is_passed(name: str, precision: str, exported) -> None:
    spec, bundle = exported(name, precision)
    assert set(bundle.manifest["parity"]) == {graph.role for graph in spec.graphs}
    for role, record in bundle.manifest["parity"].items():
        assert record["failures"] == [], role
        assert record["status"] == "passed", (role, record)
        assert record["engine"].startswith("onnxruntime")
        if precision == "fp16":
            assert 0 < record["range"]["largest"] <= LIMIT
