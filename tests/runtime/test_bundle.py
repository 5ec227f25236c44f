"""Bundles: what is refused, and by which line."""

from collections.abc import Callable
from pathlib import Path

import pytest

from cxr_edge.bundle import Bundle, write_bundle
from cxr_edge.errors import BundleError
from cxr_edge.labels import OBSERVATIONS
from cxr_edge.types import Attribute

Maker = Callable[..., Bundle]


def test_round_trip(make_bundle: Maker) -> None:
    written = make_bundle()
    bundle = Bundle.load(written.directory)
    assert bundle == written
    assert (bundle.name, bundle.dimension, bundle.metric) == ("tiny", 8, "cosine")
    assert len(bundle.gates) == len(OBSERVATIONS)
    assert bundle.network("image").outputs == ("embedding", "probabilities")
    assert bundle.read("image.onnx")[:1] == b"\x08"  # field 1 (ir_version) of an ONNX ModelProto


def test_attributes_and_mutes(make_bundle: Maker) -> None:
    gate = {
        "gate": 0.5,
        "clear": 0.2,
        "muted": True,
        "auroc": None,
        "attributes": ["side", "severity"],
    }
    bundle = make_bundle(observations=dict.fromkeys(OBSERVATIONS, gate))
    assert bundle.muted == OBSERVATIONS
    assert bundle.gates[0].attributes == Attribute.SIDE | Attribute.SEVERITY


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"metric": "euclid"}, "euclid"),
        ({"recipe": {"tone": "voi", "steps": [{"op": "sharpen"}]}}, "sharpen"),
        ({"recipe": {"tone": "sepia", "steps": []}}, "tone"),
        ({"observations": {}}, "Enlarged Cardiomediastinum"),
        ({"networks": {"image": {"file": "x", "inputs": [], "outputs": []}}}, "image network"),
    ],
)
def test_what_does_not_make_sense_is_not_written(
    make_bundle: Maker, tmp_path: Path, changes: dict[str, object], named: str
) -> None:
    with pytest.raises(BundleError, match=named):
        make_bundle("bad", **changes)
    assert list(tmp_path.iterdir()) == []


def test_a_gate_below_its_clear_line_is_refused(make_bundle: Maker) -> None:
    gate = {"gate": 0.2, "clear": 0.5, "muted": False, "auroc": 0.8, "attributes": []}
    with pytest.raises(BundleError, match="clear"):
        make_bundle("bad", observations=dict.fromkeys(OBSERVATIONS, gate))


def test_a_changed_network_is_noticed_when_it_is_read(make_bundle: Maker) -> None:
    bundle = make_bundle()
    path = bundle.directory / "image.onnx"
    raw = bytearray(path.read_bytes())
    raw[100] ^= 1
    path.write_bytes(raw)
    opened = Bundle.load(bundle.directory)
    with pytest.raises(BundleError, match="damaged"):
        opened.read("image.onnx")


def test_missing_things_are_named(make_bundle: Maker, tmp_path: Path) -> None:
    bundle = make_bundle()
    with pytest.raises(BundleError, match="no text network; it has image"):
        bundle.network("text")
    with pytest.raises(BundleError, match="not listed"):
        bundle.read("../outside")
    with pytest.raises(BundleError, match="no bundle at"):
        Bundle.load(tmp_path / "nowhere")
    with pytest.raises(BundleError, match=r"lacks or misstates 'name'"):
        write_bundle(tmp_path / "x", {}, {})
