"""The mapped file: what was written is what is read, and no damage passes."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from cxr_edge.errors import SentenceIndexError, SpaceMismatch
from cxr_edge.indexes.container import ALIGNMENT, DATA, MANIFEST
from cxr_edge.indexes.search import SentenceIndex
from cxr_edge.manifest import canonical, digest_of
from cxr_edge.types import Encoding

Writer = Callable[..., Path]
Arrays = dict[str, np.ndarray]


def encoding(vector: np.ndarray, space: str = "tiny/1") -> Encoding:
    return Encoding(vector.astype(np.float32), space, np.full(14, 0.5, np.float32))


def test_round_trip(write_index: Writer, arrays: Arrays) -> None:
    index = SentenceIndex.open(write_index(arrays))
    assert len(index) == 200
    for name in ("vectors", "labels", "attributes", "cluster_size"):
        np.testing.assert_array_equal(getattr(index, name), arrays[name])
    hit = index.hit(17, 0.25)
    assert (hit.text, hit.source, hit.cluster_size) == ("Sentence 17: größer.", "report-17", 18)
    assert hit.labels == tuple(arrays["labels"][17])


def test_sections_are_aligned_and_mapped(write_index: Writer) -> None:
    index = SentenceIndex.open(write_index())
    assert all(s["offset"] % ALIGNMENT == 0 for s in index.manifest["sections"].values())
    assert not index.vectors.flags.writeable
    assert index.vectors.base is not None


@pytest.mark.parametrize("k", [1, 6, 199, 200, 500])
def test_search_is_the_full_sort(write_index: Writer, arrays: Arrays, k: int) -> None:
    index = SentenceIndex.open(write_index(arrays))
    for seed in range(5):
        query = np.random.default_rng(seed).standard_normal(8).astype(np.float32)
        scores = arrays["vectors"] @ query
        expected = sorted(range(200), key=lambda row: (-scores[row], row))[:k]
        assert [hit.row for hit in index.search(encoding(query), k)] == expected


def test_ties_go_to_the_lower_row(write_index: Writer, arrays: Arrays) -> None:
    arrays["vectors"][:] = arrays["vectors"][0]
    index = SentenceIndex.open(write_index(arrays))
    query = arrays["vectors"][0]
    assert [hit.row for hit in index.search(encoding(query), 4)] == [0, 1, 2, 3]
    scores = index.scores(encoding(query))
    assert list(index.best(scores, 2, np.array([9, 40, 41]))) == [9, 40]
    assert index.best(scores, 2, np.array([], np.intp)).size == 0


def test_another_space_is_refused(write_index: Writer) -> None:
    index = SentenceIndex.open(write_index())
    with pytest.raises(SpaceMismatch, match="tiny/1"):
        index.scores(encoding(np.ones(8), space="other/2"))
    with pytest.raises(SpaceMismatch, match="inner_product"):
        index.require_space("tiny/1", "inner_product")


def test_flips_truncation_and_growth_end_in_a_clear_error(write_index: Writer) -> None:
    """Each in a process of its own, so that a crash would show as a signal and not as an error."""
    directory = write_index()
    path = directory / DATA
    good = path.read_bytes()
    rng = np.random.default_rng(1)
    damaged = [
        *(
            bytes([*good[:p], good[p] ^ 0x10, *good[p + 1 :]])
            for p in rng.integers(0, len(good), 4)
        ),
        good[: len(good) // 2],
        good[:-1],
        good + b"\0",
        b"",
    ]
    code = (
        "import sys; from cxr_edge.indexes.search import SentenceIndex\n"
        "from cxr_edge.errors import SentenceIndexError\n"
        "try:\n    SentenceIndex.open(sys.argv[1])\n"
        "except SentenceIndexError as problem:\n    print(problem); sys.exit(7)\n"
    )
    for data in damaged:
        path.write_bytes(data)
        done = subprocess.run(
            [sys.executable, "-c", code, str(directory)], capture_output=True, text=True
        )
        assert done.returncode == 7, done.stderr
        assert done.stdout.count("\n") == 1
        assert "restore" in done.stdout or "build" in done.stdout


@pytest.mark.parametrize(
    ("section", "change"),
    [
        ("vectors", {"offset": 0}),
        ("vectors", {"offset": 2**40}),
        ("vectors", {"offset": 4097}),
        ("vectors", {"dtype": "float16"}),
        ("labels", {"shape": [200, 13]}),
        ("text", {"shape": [10]}),
        ("text_offsets", {"offset": 4096}),
    ],
)
def test_a_manifest_forged_with_its_digest_cannot_point_outside(
    write_index: Writer, section: str, change: dict[str, object]
) -> None:
    directory = write_index()
    manifest = json.loads((directory / MANIFEST).read_text())
    manifest["sections"][section].update(change)
    manifest["digest"] = digest_of(manifest)
    (directory / MANIFEST).write_bytes(canonical(manifest))
    with pytest.raises(SentenceIndexError, match="geometry"):
        SentenceIndex.open(directory)


def test_two_processes_share_one_file(write_index: Writer) -> None:
    """A second reader opens the index while the first holds it; both see the same rows."""
    directory = write_index()
    first = SentenceIndex.open(directory)
    code = (
        "import sys; from cxr_edge.indexes.search import SentenceIndex\n"
        "print(SentenceIndex.open(sys.argv[1]).hit(3, 0.0).text)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(directory)], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == first.hit(3, 0.0).text
