"""A small synthetic index, written and opened for real."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from cxr_edge.indexes.container import DATA, MANIFEST, SCHEMA, pack_strings, parts, plan
from cxr_edge.manifest import write_directory

Arrays = dict[str, np.ndarray]


def synthetic_arrays(rows: int = 200, dimension: int = 8, seed: int = 0) -> Arrays:
    rng = np.random.default_rng(seed)
    vectors = rng.standard_normal((rows, dimension)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    text, text_offsets = pack_strings([f"Sentence {n}: größer." for n in range(rows)])
    source, source_offsets = pack_strings([f"report-{n}" for n in range(rows)])
    return {
        "vectors": vectors,
        "text": text,
        "text_offsets": text_offsets,
        "source": source,
        "source_offsets": source_offsets,
        "labels": rng.integers(0, 4, (rows, 14)).astype(np.int8),
        "attributes": np.zeros(rows, np.uint8),
        "section": np.ones(rows, np.uint8),
        "cluster_size": np.arange(1, rows + 1, dtype=np.uint32),
    }


@pytest.fixture
def arrays() -> Arrays:
    return synthetic_arrays()


@pytest.fixture
def write_index(tmp_path: Path) -> Callable[..., Path]:
    def write(
        arrays: Arrays | None = None, *, space: str = "tiny/1", unit: str = "sentence"
    ) -> Path:
        arrays = synthetic_arrays() if arrays is None else arrays
        out = tmp_path / "index"
        sections, _ = plan(arrays)
        manifest = {
            "schema": SCHEMA,
            "name": "synthetic",
            "unit": unit,
            "count": arrays["vectors"].shape[0],
            "dimension": arrays["vectors"].shape[1],
            "dtype": "float32",
            "metric": "cosine",
            "space": space,
            "sections": sections,
        }
        write_directory(out, MANIFEST, manifest, {DATA: parts(arrays)})
        return out

    return write
