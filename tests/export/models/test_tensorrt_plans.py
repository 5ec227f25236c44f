"""Every kind of network at reduced width becomes a plan, its layers in the precision asked for."""

from pathlib import Path

import onnx
import pytest

pytest.importorskip("tensorrt_rtx_bindings", reason="tensorrt-rtx-cu13-bindings is not installed")

from reduced_networks import reduced_spec

from cxr_edge.engines.tensorrt_build import build
from cxr_edge.engines.tensorrt_library import TENSORRT_RTX
from cxr_edge.export.precision import fold_casts, trace

# ResNet-50, ViT-B/32, BERT, EVA02, and the decoder with its two graphs.
NETWORKS = {
    "medclip-rn50": ["image"],
    "cxr-repair-vit-b32": ["image"],
    "chexbert": ["labels"],
    "llm2clip4cxr-vision": ["image"],
    "dcrrg-decoder": ["image", "prefill", "step"],
}


def count(model: onnx.ModelProto, *kinds: str) -> int:
    return sum(node.op_type in kinds for node in model.graph.node)


@pytest.mark.parametrize(
    ("name", "half"),
    [("medclip-rn50", False), ("cxr-repair-vit-b32", False), *((name, True) for name in NETWORKS)],
)
def test_layers_are_in_the_precision_asked_for(name: str, half: bool, tmp_path: Path) -> None:
    spec = reduced_spec(name, tmp_path)
    assert [graph.role for graph in spec.graphs] == NETWORKS[name]
    for graph in spec.graphs:
        traced = trace(graph, half=half)
        if half:
            traced = fold_casts(traced, graph.role)
        plan = build(TENSORRT_RTX, traced.model, {})
        assert len(plan.content) > 0
        assert plan.precision == ("fp16" if half else "fp32")
        products = {"HALF"} if half else {"FLOAT"}
        model = onnx.load_from_string(traced.model)
        for kind, wanted, nodes in (
            ("CONVOLUTION", products, ("Conv",)),
            ("MATRIX_MULTIPLY", products, ("MatMul", "Gemm")),
            ("NORMALIZATION", {"FLOAT"}, ("LayerNormalization",)),
            ("SOFTMAX", {"FLOAT"}, ("Softmax",)),
        ):
            layers = plan.types.get(kind, {})
            # None is lost: as many layers as the ONNX graph has nodes.
            assert sum(layers.values()) == count(model, *nodes), kind
            assert set(layers) <= wanted, kind
