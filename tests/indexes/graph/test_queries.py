"""Sample pictures: files of embeddings, and real ones of Open-I from picture to graph."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result

from cxr_edge.bundle import Bundle
from cxr_edge.errors import CorpusError, CxrEdgeError, OutputError, SpaceMismatch
from cxr_edge.indexes.building.encoding import embed
from cxr_edge.indexes.cli import index
from cxr_edge.indexes.contents import Graph
from cxr_edge.indexes.corpora import CorpusOptions, open_corpus
from cxr_edge.indexes.graph import base
from cxr_edge.indexes.graph.build import build_graph
from cxr_edge.indexes.graph.queries import Queries, encode_pictures, read_queries
from cxr_edge.indexes.native import MISSING, reader
from cxr_edge.indexes.querying import image_query
from cxr_edge.indexes.scan import scan, walk
from cxr_edge.pipeline import locate


@pytest.fixture(scope="module")
def bundle() -> Bundle:
    return Bundle.load(locate("bundle", None))


def some(bundle: Bundle, count: int = 600) -> np.ndarray:
    return np.random.default_rng(0).standard_normal((count, bundle.dimension)).astype(np.float32)


def test_saved_queries_come_back(bundle: Bundle, tmp_path: Path) -> None:
    vectors = some(bundle)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    saved = Queries(vectors, bundle.space)
    saved.save(tmp_path / "queries.npz")
    again = read_queries(tmp_path / "queries.npz", bundle)
    np.testing.assert_allclose(again.vectors, vectors, atol=1e-7)
    assert again.space == bundle.space


def test_a_plain_array_is_normalised_for_cosine(bundle: Bundle, tmp_path: Path) -> None:
    np.save(tmp_path / "queries.npy", 3 * some(bundle).astype(np.float16))
    lengths = np.linalg.norm(read_queries(tmp_path / "queries.npy", bundle).vectors, axis=1)
    np.testing.assert_allclose(lengths, 1, atol=1e-6)


def test_embeddings_of_another_encoder_are_refused(bundle: Bundle, tmp_path: Path) -> None:
    Queries(some(bundle), "other/1").save(tmp_path / "other.npz")
    with pytest.raises(SpaceMismatch, match="other/1"):
        read_queries(tmp_path / "other.npz", bundle)
    np.save(tmp_path / "narrow.npy", some(bundle)[:, 1:])
    with pytest.raises(SpaceMismatch, match=str(bundle.dimension)):
        read_queries(tmp_path / "narrow.npy", bundle)


def test_what_is_no_file_of_embeddings_ends_in_one_line(bundle: Bundle, tmp_path: Path) -> None:
    broken = some(bundle)
    broken[3, 4] = np.nan
    np.save(tmp_path / "nan.npy", broken)
    np.save(tmp_path / "objects.npy", np.array([{}, 1], object))
    np.save(tmp_path / "numbers.npy", np.zeros((5, bundle.dimension), np.int32))
    np.savez(tmp_path / "nameless.npz", vectors=broken)
    (tmp_path / "text.npy").write_text("no array")
    (tmp_path / "text.npz").write_text("no archive")
    (tmp_path / "empty.npy").touch()
    (tmp_path / "folder").mkdir()
    names = [path.name for path in tmp_path.iterdir()] + ["nothing.npy", "nothing"]
    assert len(names) == 10
    for name in names:
        with pytest.raises(CxrEdgeError) as problem:
            read_queries(tmp_path / name, bundle)
        assert len(str(problem.value).splitlines()) == 1, name


def test_held_out_pictures_are_whole_runs(bundle: Bundle) -> None:
    numbered = np.repeat(np.arange(1000, dtype=np.float32)[:, None], bundle.dimension, 1)
    shaping, held = Queries(numbered, bundle.space).split()
    assert len(held) == 200
    assert not set(held[:, 0]) & set(shaping[:, 0])
    assert int((np.diff(held[:, 0]) != 1).sum()) == 9  # ten runs of twenty


def test_real_pictures_find_real_sentences(
    bundle: Bundle, shared_data: Path, tmp_path: Path
) -> None:
    """Open-I, from the files on: sentences of all reports, 600 frontal pictures."""
    if reader is None or not base.available():
        pytest.skip(MISSING or base.MISSING)
    folder = shared_data / "openi"
    studies = [json.loads(line) for line in (folder / "studies.jsonl").open(encoding="utf-8")]
    names = [
        image["file"]
        for study in studies
        for image in study["images"]
        if image["projection"] == "Frontal"
    ]
    paths = [path for name in names if (path := folder / "images" / name).is_file()][:700]
    pictures = encode_pictures([*paths[:600], tmp_path], bundle)
    assert len(pictures.vectors) == 600
    assert sum(pictures.left_out.values()) == 1  # the empty folder
    np.testing.assert_allclose(
        pictures.vectors[5], image_query(bundle, str(paths[5])).vector, atol=1e-5
    )
    corpus = open_corpus(str(folder / "studies.jsonl"), CorpusOptions(split="train"))
    sentences = embed(list(dict.fromkeys(one.text for one in corpus))[:4000], bundle)
    built = build_graph(sentences, pictures, space=bundle.space)
    assert isinstance(built, Graph), built
    for path in paths[600:]:
        shutil.copy(path, tmp_path)
    unseen = read_queries(tmp_path, bundle).vectors
    assert len(unseen) == 100
    found = walk(sentences, built, unseen, 10, ef=built.about["expansion_search"]).rows
    best = scan(sentences, unseen, 10).rows
    shares = [len(set(a) & set(b)) / 10 for a, b in zip(found, best, strict=True)]
    assert np.mean(shares) >= 0.98  # of a hundred pictures: two standard errors below 0.99


def run(*arguments: object) -> Result:
    return CliRunner().invoke(index, ["encode", *map(str, arguments), "--threads", "1"])


def test_pictures_are_encoded_once(bundle: Bundle, shared_data: Path, tmp_path: Path) -> None:
    """The file of ``cxr-index encode`` is what ``--queries`` would have made of the folder."""
    pictures = tmp_path / "pictures"
    pictures.mkdir()
    for path in sorted((shared_data / "openi" / "images").glob("*.jpg"))[:4]:
        shutil.copy(path, pictures)
    (pictures / "broken.dcm").write_bytes(bytes(200))
    done = run(pictures, "--out", tmp_path / "queries.npz", "--json")
    assert done.exit_code == 0, done.output
    told = json.loads(done.stdout)
    direct = read_queries(pictures, bundle)
    assert (told["pictures"], told["space"]) == (len(direct.vectors), bundle.space)
    assert told["left_out"] == dict(direct.left_out)
    np.testing.assert_allclose(
        read_queries(tmp_path / "queries.npz", bundle).vectors, direct.vectors, atol=1e-6
    )
    again = run(pictures, "--out", tmp_path / "queries.npz")
    assert isinstance(again.exception, OutputError)
    assert "exists" in str(again.exception)


def test_encoding_says_before_the_work_where_it_cannot_write(tmp_path: Path) -> None:
    done = run(tmp_path, "--out", tmp_path / "none" / "queries.npz")
    assert isinstance(done.exception, OutputError)
    done = run(tmp_path, "--out", tmp_path / "queries.npy")
    assert done.exit_code == 2
    assert "has to end in .npz" in done.output
    done = run(tmp_path, "--out", tmp_path / "queries.npz")
    assert isinstance(done.exception, CorpusError)
    assert not list(tmp_path.iterdir())


def test_a_missing_folder_is_said(bundle: Bundle, tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match="is not there"):
        read_queries(tmp_path / "nowhere", bundle)
