"""A small synthetic index, written and opened for real."""

from collections.abc import Callable
from pathlib import Path

import pytest
from synthetic_index import synthetic_columns

from cxr_edge.indexes.contents import Clusters, Columns, Graph
from cxr_edge.indexes.writing import write_index as write


@pytest.fixture
def columns() -> Columns:
    return synthetic_columns()


@pytest.fixture
def write_index(tmp_path: Path) -> Callable[..., Path]:
    def make(
        columns: Columns | None = None,
        *,
        name: str = "index",
        space: str = "tiny/1",
        unit: str = "sentence",
        graph: Graph | None = None,
        clusters: Clusters | None = None,
        dtype: str | None = None,
    ) -> Path:
        out = tmp_path / name
        write(
            out,
            synthetic_columns() if columns is None else columns,
            manifest={"name": "synthetic", "unit": unit, "metric": "cosine", "space": space},
            graph=graph,
            clusters=clusters,
            dtype=dtype,
        )
        return out

    return make
