"""A bundle and an index around the tiny network, written and opened for real."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from cxr_edge.bundle import Bundle, write_bundle
from cxr_edge.indexes.contents import Columns, Sources, Strings
from cxr_edge.indexes.search import SentenceIndex
from cxr_edge.indexes.writing import write_index
from cxr_edge.labels import OBSERVATIONS
from cxr_edge.types import Attribute

TINY = Path(__file__).resolve().parents[1] / "data" / "tiny.onnx"
SPACE = "tiny/1"


def manifest(**changes: Any) -> dict[str, Any]:
    gate = {"gate": 0.5, "clear": 0.2, "muted": False, "auroc": 0.8, "attributes": []}
    return {
        "name": "tiny",
        "architecture": "tiny",
        "space": SPACE,
        "metric": "cosine",
        "dimension": 8,
        "precision": "fp32",
        "networks": {
            "image": {
                "file": "image.onnx",
                "inputs": ["pixels"],
                "outputs": ["embedding", "probabilities"],
            }
        },
        "recipe": {
            "tone": "voi",
            "steps": [
                {"op": "resize", "height": 16, "width": 16, "kernel": "area"},
                {"op": "standardise"},
            ],
        },
        "tokenizer": {},
        "observations": {name: dict(gate) for name in OBSERVATIONS},
        "parity": {},
        "provenance": {},
        **changes,
    }


@pytest.fixture
def make_bundle(tmp_path: Path) -> Callable[..., Bundle]:
    def make(name: str = "bundle", **changes: Any) -> Bundle:
        return write_bundle(tmp_path / name, manifest(**changes), {"image.onnx": TINY})

    return make


Row = tuple[str, dict[str, int], Attribute]


@pytest.fixture
def make_index(tmp_path: Path) -> Callable[..., SentenceIndex]:
    def make(rows: list[Row], *, unit: str = "sentence", space: str = SPACE) -> SentenceIndex:
        count = len(rows)
        labels = np.zeros((count, 14), np.int8)
        for number, (_, says, _) in enumerate(rows):
            for name, mention in says.items():
                labels[number, OBSERVATIONS.index(name)] = mention
        vectors = np.random.default_rng(5).standard_normal((count, 8)).astype(np.float32)
        vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
        columns = Columns(
            vectors=vectors,
            texts=Strings.of(row[0] for row in rows),
            sources=Sources.of([f"s{n}"] for n in range(count)),
            labels=labels,
            attributes=np.array([int(row[2]) for row in rows], np.uint8),
            section=np.zeros(count, np.uint8),
            frequency=np.ones(count, np.uint32),
            cluster_size=np.ones(count, np.uint32),
        )
        out = tmp_path / f"index-{len(list(tmp_path.iterdir()))}"
        about = {"name": "rows", "unit": unit, "metric": "cosine", "space": space}
        return write_index(out, columns, manifest=about)

    return make
