"""No damage passes: a clear error, never a crash and never a silent answer.

Each case runs in a process of its own (forked from one that has everything loaded), so that a crash
shows as a signal. In-place truncation of a file while it is mapped ends every reader with SIGBUS;
that is documented and not tested.
"""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from synthetic_index import exact_graph, synthetic_clusters, synthetic_columns

from cxr_edge.errors import SentenceIndexError
from cxr_edge.indexes.container import CLUSTERS, DATA, MANIFEST
from cxr_edge.indexes.search import SentenceIndex
from cxr_edge.manifest import canonical, digest_of

Writer = Callable[..., Path]

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="this system cannot fork")

# Applies each case to a copy, opens and uses the copy in a child, and prints one JSON line a case.
DRIVER = """
import hashlib, json, os, shutil, sys
from pathlib import Path
import numpy as np
from cxr_edge.errors import SentenceIndexError
from cxr_edge.indexes.search import SentenceIndex
from cxr_edge.indexes.verifying import verify_values
from cxr_edge.manifest import canonical, digest_of
from cxr_edge.types import Encoding

good, root = Path(sys.argv[1]), Path(sys.argv[2])

def spoil(copy, case):
    path = copy / case["file"]
    kind = case["kind"]
    if kind == "remove":
        path.unlink()
        return
    if kind == "directory":
        path.unlink()
        path.mkdir()
        return
    data = bytearray(path.read_bytes()) if path.exists() else bytearray()
    if kind == "set":
        for at, value in case["bytes"]:
            data[at] = value
    elif kind == "flip":
        data[case["at"]] ^= 1 << case["bit"]
    elif kind == "cut":
        del data[case["at"]:]
    elif kind == "append":
        data += bytes(case["count"])
    elif kind == "create":
        data = b"x"
    path.write_bytes(data)
    if case.get("resign"):
        manifest = json.loads((copy / "index.json").read_text())
        entry = manifest["files"][case["file"]]
        entry["bytes"], entry["sha256"] = len(data), hashlib.sha256(data).hexdigest()
        manifest["digest"] = digest_of(manifest)
        (copy / "index.json").write_bytes(canonical(manifest))

def use(copy):
    index = SentenceIndex.open(copy, budget_ms=0.0)
    query = Encoding(index.vectors[0].astype(np.float32), index.space, np.full(14, .5, np.float32))
    hits = index.search(query, 5)
    for row in range(0, len(index), 7):
        index.hit(row, 0.0)
        index.sources[row]
        index.members(row)
    verify_values(index)
    return [hit.text for hit in hits]

for number, case in enumerate(json.load(sys.stdin)):
    copy = root / str(number)
    shutil.copytree(good, copy)
    spoil(copy, case)
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            answer = {"found": use(copy)}
        except SentenceIndexError as problem:
            answer = {"error": str(problem)}
        except BaseException as problem:
            answer = {"escaped": repr(problem)}
        os.write(writer, json.dumps(answer).encode())
        os._exit(0)
    os.close(writer)
    with os.fdopen(reader, "rb") as stream:
        said = stream.read()
    status = os.waitpid(child, 0)[1]
    answer = json.loads(said) if said else {"signal": status}
    print(json.dumps({"case": case, **answer}))
    shutil.rmtree(copy)
"""


def run(good: Path, tmp_path: Path, cases: list[dict[str, object]]) -> list[dict[str, object]]:
    root = tmp_path / "copies"
    root.mkdir()
    done = subprocess.run(
        [sys.executable, "-c", DRIVER, str(good), str(root)],
        input=json.dumps(cases),
        capture_output=True,
        text=True,
        check=True,
    )
    results = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(results) == len(cases)
    return results


@pytest.fixture
def good(write_index: Writer) -> Path:
    columns = synthetic_columns(60)
    return write_index(
        columns,
        graph=exact_graph(columns.vectors, recall=1.0, ef=60),
        clusters=synthetic_clusters(60),
        dtype="float16",
    )


def section_ends(good: Path) -> Iterator[tuple[str, int, int]]:
    """File, first byte and one past the last byte of every section, and of the headers."""
    manifest = json.loads((good / MANIFEST).read_text())
    for file, key in ((DATA, "sections"), (CLUSTERS, "clusters")):
        yield file, 0, 32
        for record in manifest[key].values():
            size = int(np.prod(record["shape"])) * np.dtype(record["dtype"]).itemsize
            yield file, record["offset"], record["offset"] + size


def test_the_sound_index_is_used(good: Path, tmp_path: Path) -> None:
    (result,) = run(good, tmp_path, [{"file": DATA, "kind": "append", "count": 0}])
    assert len(result["found"]) == 5, result


def test_flips_in_every_section_are_noticed(good: Path, tmp_path: Path) -> None:
    cases = [
        {"file": file, "kind": "flip", "at": at, "bit": at % 8}
        for file, begin, end in section_ends(good)
        for at in sorted({begin, (begin + end) // 2, end - 1})
    ]
    cases += [{"file": DATA, "kind": "flip", "at": at, "bit": 0} for at in (40, 4095)]  # padding
    assert len(cases) > 70
    for result in run(good, tmp_path, cases):
        assert "error" in result, result
        assert "\n" not in result["error"]
        assert "restore" in result["error"]


def test_other_lengths_and_other_files_are_noticed(good: Path, tmp_path: Path) -> None:
    cases: list[dict[str, object]] = []
    for file, begin, end in section_ends(good):
        cases += [{"file": file, "kind": "cut", "at": at} for at in (begin, end - 1)]
    for file in (DATA, CLUSTERS):
        size = (good / file).stat().st_size
        cases += [
            {"file": file, "kind": "cut", "at": size - 1},
            {"file": file, "kind": "append", "count": 1},
            {"file": file, "kind": "append", "count": 4096},
            {"file": file, "kind": "remove"},
            {"file": file, "kind": "directory"},
        ]
    cases += [{"file": name, "kind": "create"} for name in ("notes.txt", "CURRENT", ".hidden")]
    for result in run(good, tmp_path, cases):
        assert "error" in result, result
        assert "restore" in result["error"] or "remove" in result["error"]


def test_forged_contents_with_true_digests_never_crash(good: Path, tmp_path: Path) -> None:
    """Whoever can sign a manifest can lie about sentences, but not make a reader crash."""
    rng = np.random.default_rng(3)
    cases = []
    for file, begin, end in section_ends(good):
        for count in (1, 3, 40):
            places = rng.integers(begin, end, count)
            spoilt = [[int(at), int(rng.choice([0, 1, 60, 127, 255]))] for at in places]
            cases.append({"file": file, "kind": "set", "bytes": spoilt, "resign": True})
    cases += [
        {"file": file, "kind": "cut", "at": begin, "resign": True}
        for file, begin, _ in section_ends(good)
    ]
    results = run(good, tmp_path, cases)
    for result in results:
        assert "error" in result or "found" in result, result
    assert sum("error" in result for result in results) > len(results) // 2


def test_two_files_of_different_indexes_do_not_mix(good: Path, write_index: Writer) -> None:
    other = write_index(synthetic_columns(60, seed=1), name="other", dtype="float16")
    (good / DATA).write_bytes((other / DATA).read_bytes())
    with pytest.raises(SentenceIndexError, match="damaged"):
        SentenceIndex.open(good)


def test_every_changed_digit_of_the_manifest_is_noticed(good: Path) -> None:
    path = good / MANIFEST
    sound = path.read_bytes()
    digits = [at for at, byte in enumerate(sound) if chr(byte).isdigit()]
    for at in sorted({*digits, *range(0, len(sound), 7)}):
        spoilt = bytearray(sound)
        spoilt[at] ^= 1
        path.write_bytes(spoilt)
        with pytest.raises(SentenceIndexError):
            SentenceIndex.open(good)
    path.write_bytes(sound)
    assert len(SentenceIndex.open(good)) == 60


@pytest.mark.parametrize(
    "change",
    [
        {"count": "60"},
        {"count": -1},
        {"count": 2**70},
        {"dimension": None},
        {"dtype": "float32"},
        {"sections": None},
        {"sections": []},
        {"clusters": {}},
        {"graph": []},
        {"graph": {"expansion_search": True}},
        {"space": None},
        {"metric": "euclidean"},
        {"unit": 3},
        {"graph": {"expansion_search": 64, "recall": {"image": 1.5}}},
        {"files": {"index.bin": 3, "clusters.bin": 3}},
        {"files": {"index.bin": {}, "clusters.bin": {}}},
    ],
)
def test_a_manifest_that_lies_is_refused(good: Path, change: dict[str, object]) -> None:
    manifest = json.loads((good / MANIFEST).read_text()) | change
    manifest["digest"] = digest_of(manifest)
    (good / MANIFEST).write_bytes(canonical(manifest))
    with pytest.raises(SentenceIndexError):
        SentenceIndex.open(good).members(0)
