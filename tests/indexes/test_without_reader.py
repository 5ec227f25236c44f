"""Installed without a C compiler: everything works but the graph, and doctor says what is lost."""

import json
import os
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from synthetic_index import exact_graph, synthetic_columns

ROOT = Path(__file__).resolve().parents[2]
ROOMS = ("runtime", "export", "indexes", "benchmarks", "serving", "training")

SEARCH = """
import json, sys
import numpy as np
from cxr_edge.indexes.native import reader
from cxr_edge.indexes.search import SentenceIndex
from cxr_edge.types import Encoding
assert reader is None
index = SentenceIndex.open(sys.argv[1], budget_ms=0.0)
query = np.load(sys.argv[2])
hits = index.search(Encoding(query, index.space, np.full(14, .5, np.float32)), 5)
print(json.dumps([index.plan, [hit.row for hit in hits]]))
"""


@pytest.fixture(scope="module", params=["broken compiler", "not asked for"])
def site(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built from a copy of the sources where no C can be compiled, and unpacked."""
    folder = tmp_path_factory.mktemp("wheel")
    source = folder / "source"
    source.mkdir()
    for name in ("setup.py", "pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source)
    for room in ROOMS:
        shutil.copytree(
            ROOT / room, source / room, ignore=shutil.ignore_patterns("__pycache__", "*.so")
        )
    switch = {"CC": "false"} if request.param == "broken compiler" else {"CXR_EDGE_NO_NATIVE": "1"}
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "-w", str(folder)]
    built = subprocess.run(
        [*command, "--no-build-isolation", str(source)],
        env={**os.environ, **switch},
        capture_output=True,
        text=True,
    )
    assert built.returncode == 0, built.stderr
    (wheel,) = folder.glob("*.whl")
    assert "py3-none-any" in wheel.name or switch == {"CC": "false"}
    with zipfile.ZipFile(wheel) as archive:
        assert not [name for name in archive.namelist() if "_native" in name and ".pyi" not in name]
        archive.extractall(folder / "site")
    return folder / "site"


def run(site: Path, code: str, *arguments: Path) -> str:
    done = subprocess.run(
        [sys.executable, "-c", code, *map(str, arguments)],
        env={**os.environ, "PYTHONPATH": str(site)},
        cwd="/",
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("dtype", ["float32", "float16"])
def test_exact_search_works_and_says_why_the_graph_does_not(
    site: Path, write_index: Callable[..., Path], tmp_path: Path, dtype: str
) -> None:
    import numpy as np

    columns = synthetic_columns()
    path = write_index(columns, graph=exact_graph(columns.vectors), dtype=dtype)
    query = np.random.default_rng(4).standard_normal(8).astype(np.float32)
    np.save(tmp_path / "query.npy", query)
    plan, rows = json.loads(run(site, SEARCH, path, tmp_path / "query.npy"))
    scores = columns.vectors.astype(dtype).astype(np.float64) @ query
    assert rows == list(np.argsort(-scores, kind="stable")[:5])
    assert plan.startswith("exact: the compiled reader is not installed")


def test_doctor_says_what_is_missing_and_what_it_costs(site: Path) -> None:
    code = "from cxr_edge.cli.doctor import doctor; doctor(['--json'])"
    search = json.loads(run(site, code))["search"]
    assert search["exact"] == {"available": True, "detail": "every row is scored, by numpy"}
    assert not search["graph"]["available"]
    assert "C compiler" in search["graph"]["detail"]
    assert "graphs are not followed" in search["graph"]["detail"]
