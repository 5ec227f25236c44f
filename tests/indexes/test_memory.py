"""What opening and searching cost in private memory."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from synthetic_index import synthetic_clusters, synthetic_columns

from cxr_edge.indexes.search import SentenceIndex

Writer = Callable[..., Path]

MEASURE = """
import json, re, sys
import numpy as np
from cxr_edge.indexes.search import SentenceIndex
from cxr_edge.types import Encoding
index = SentenceIndex.open(sys.argv[1])
def mebibytes(key):
    with open("/proc/self/smaps_rollup") as lines:
        return int(re.search(key + r":\\s+(\\d+)", lines.read())[1]) / 1024
opened = mebibytes("Anonymous"), mebibytes("Private_Dirty")
query = np.zeros(index.vectors.shape[1], np.float32)
for seed in range(5):
    query[seed] = 1
    index.search(Encoding(query, index.space, np.full(14, .5, np.float32)), 10)
print(json.dumps({"opened": opened, "searched": mebibytes("Anonymous"), "rss": mebibytes("Rss")}))
"""


@pytest.mark.skipif(not Path("/proc/self/smaps_rollup").exists(), reason="no smaps_rollup here")
@pytest.mark.parametrize("dtype", ["float32", "float16"])
def test_twenty_mebibytes_after_opening(write_index: Writer, dtype: str) -> None:
    """Python and numpy included. Mapped pages are shared by all readers and can be evicted."""
    rows = 40_000
    columns = synthetic_columns(rows, 384)
    path = write_index(columns, clusters=synthetic_clusters(rows), dtype=dtype)
    done = subprocess.run(
        [sys.executable, "-c", MEASURE, str(path)], capture_output=True, text=True, check=True
    )
    measured = json.loads(done.stdout)
    assert measured["rss"] > columns.vectors.astype(dtype).nbytes / 2**20  # it was really read
    assert max(measured["opened"]) <= 20, measured
    assert measured["searched"] <= 22, measured


@pytest.mark.skipif(not Path("/proc/self/smaps_rollup").exists(), reason="no smaps_rollup here")
def test_two_processes_share_the_pages(write_index: Writer) -> None:
    """While this process has the index open, another one's pages of it count as shared."""
    columns = synthetic_columns(20_000, 384)
    path = write_index(columns)
    first = SentenceIndex.open(path)
    code = MEASURE.replace("Anonymous", "Shared_Clean")
    done = subprocess.run(
        [sys.executable, "-c", code, str(path)], capture_output=True, text=True, check=True
    )
    assert json.loads(done.stdout)["searched"] > first.vectors.nbytes / 2**20
