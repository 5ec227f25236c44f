"""The synthetic vectors, and the comparison of index libraries on a small one."""

from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from cxr_edge.benchmarks.parts.index_peers import index
from cxr_edge.benchmarks.parts.peers import PEERS
from cxr_edge.benchmarks.parts.vectors import Cones
from cxr_edge.benchmarks.record import read_record


def test_the_cones_are_what_they_are_said_to_be() -> None:
    cones = Cones()
    sentences, pictures = cones.sentences(3000, 0), cones.pictures(300, 0)
    for vectors in (sentences, pictures):
        assert vectors.dtype == np.float32
        np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)
    assert np.median(pictures @ sentences.T) == pytest.approx(-0.11, abs=0.01)
    # Sentences lie among sentences: nearer to each other than any picture is to them.
    assert np.median(sentences[:300] @ sentences[300:].T) > (pictures @ sentences.T).max()


def test_the_cones_repeat_themselves_and_others_do_not() -> None:
    cones = Cones(dimension=64, meanings=16)
    np.testing.assert_array_equal(cones.sentences(100, 3), cones.sentences(100, 3))
    assert not np.array_equal(cones.sentences(100, 3), cones.sentences(100, 4))


def test_exact_search_finds_everything_and_shares_its_file(tmp_path: Path) -> None:
    only = [part for name in ("ours, exact", "numpy, exact") for part in ("--only", name)]
    out = tmp_path / "index.json"
    done = CliRunner().invoke(index, ["--rows", "1000", *only, "--json", str(out)])
    assert done.exit_code == 0, done.output
    record = read_record(out)
    results = record["results"]["sizes"]["1000"]
    assert list(results) == ["ours, exact", "numpy, exact"]
    for name, result in results.items():
        taken = record["samples"][f"{name} / 1000 rows / image / ef 0"]["values"]
        assert len(taken) == 500
        assert result["curves"]["image"][0]["p50_ms"] == pytest.approx(np.median(taken), abs=1e-3)
        assert [result["curves"][kind][0]["recall"] for kind in ("image", "text")] == [1.0, 1.0]
        assert result["file_mb"] > 1.9  # 1000 x 512 x 4 bytes
        assert len(result["two_processes"]) == 2
        for process in result["two_processes"]:
            assert process["private_by_index_mb"] < 20
            assert process["shared_mb"] >= 1.9


@pytest.mark.parametrize("name", [name for name, peer in PEERS.items() if not peer.exact])
def test_every_peer_finds_its_own_rows(name: str, tmp_path: Path) -> None:
    peer = PEERS[name]
    if reason := peer.missing():
        pytest.skip(reason)
    cones = Cones(dimension=64, meanings=16)
    vectors = cones.sentences(1000, 0)
    built = peer.build(tmp_path, vectors, cones.pictures(500, 0))
    assert built.startswith("float")
    search = peer.open(tmp_path, *vectors.shape)
    found = [int(search(vectors[row], 10, 200)[0]) for row in range(0, 1000, 20)]
    assert np.mean(np.array(found) == np.arange(0, 1000, 20)) >= 0.98


def test_what_is_kept_is_measured_again_and_an_interrupted_build_is_not(tmp_path: Path) -> None:
    asked = ["--rows", "1000", "--only", "numpy, exact", "--keep", str(tmp_path)]
    assert CliRunner().invoke(index, asked).exit_code == 0
    (folder,) = tmp_path.iterdir()
    note, vectors = folder / "built.json", folder / "files" / "vectors.npy"
    first = vectors.stat().st_mtime_ns
    assert CliRunner().invoke(index, asked).exit_code == 0
    assert vectors.stat().st_mtime_ns == first
    note.unlink()
    vectors.write_bytes(vectors.read_bytes()[:1000])
    assert CliRunner().invoke(index, asked).exit_code == 0
    assert np.load(vectors).shape == (1000, 512)
