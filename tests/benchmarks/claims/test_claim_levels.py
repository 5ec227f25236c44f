"""The levels of an index: what is left of its own vectors, and what is refused."""

from pathlib import Path

import numpy as np
import pytest

from cxr_edge.benchmarks.claims.levels import PAPER_COUNTS, made_up, of_corpus, of_index
from cxr_edge.bundle import Bundle
from cxr_edge.errors import SentenceIndexError
from cxr_edge.indexes.search import SentenceIndex
from cxr_edge.pipeline import locate


@pytest.fixture(scope="module")
def bundle() -> Bundle:
    return Bundle.load(locate("bundle", None))


@pytest.fixture(scope="module")
def embedded() -> Path:
    return locate("index", None)


def leaders(vectors: np.ndarray, level: float) -> tuple[list[int], list[int]]:
    """The definition, row by row in float64: representatives, and how many each stands for."""
    unit = vectors.astype(np.float64)
    unit /= np.linalg.norm(unit, axis=1, keepdims=True)
    found: list[int] = []
    sizes: list[int] = []
    for row in range(len(unit)):
        near = np.flatnonzero(unit[found] @ unit[row] > 1 - level) if found else []
        if len(near):
            sizes[near[0]] += 1
        else:
            found.append(row)
            sizes.append(1)
    return found, sizes


def test_an_index_is_compressed_by_its_own_vectors(
    bundle: Bundle, embedded: Path, tmp_path: Path
) -> None:
    levels = of_index(embedded, bundle, (0.4,), tmp_path)
    assert list(levels.places) == [0.0, 0.4]
    assert "not by CheXbert" in levels.about
    whole, left = (SentenceIndex.open(levels.places[level]) for level in (0.0, 0.4))
    rows, sizes = leaders(np.asarray(whole.vectors), 0.4)
    assert [left.texts[row] for row in range(len(left))] == [whole.texts[row] for row in rows]
    np.testing.assert_array_equal(left.cluster_size, sizes)
    np.testing.assert_array_equal(left.labels, whole.labels[rows])


def test_a_directory_of_levels_is_taken_as_it_stands(
    bundle: Bundle, embedded: Path, tmp_path: Path
) -> None:
    report = tmp_path / "reports.csv"
    report.write_text(
        "study,findings,impression\n1,The heart is large. There is an effusion.,Effusion.\n"
        "2,The lungs are clear.,No acute disease.\n"
    )
    built = of_corpus(report, None, bundle, (0.15, 0.25), tmp_path)
    assert list(built.places) == [0.0, 0.15, 0.25]
    again = of_index(tmp_path / "levels", bundle, (0.25,), tmp_path / "elsewhere")
    assert again.places == {0.0: built.places[0.0], 0.25: built.places[0.25]}
    assert not (tmp_path / "elsewhere").exists()
    with pytest.raises(SentenceIndexError, match=r"holds the levels 0, 0\.15, 0\.25, asked .*0\.4"):
        of_index(tmp_path / "levels", bundle, (0.4,), tmp_path / "elsewhere")


def test_synthetic_levels_have_the_papers_proportions(bundle: Bundle, tmp_path: Path) -> None:
    made = made_up(bundle, 3310, (0.05, 0.15), tmp_path)
    opened = {level: SentenceIndex.open(place) for level, place in made.places.items()}
    assert {level: len(index) for level, index in opened.items()} == {0: 3310, 0.05: 615, 0.15: 75}
    assert PAPER_COUNTS[0.0] / PAPER_COUNTS[0.15] == pytest.approx(44, abs=0.1)
    assert made.synthetic
    assert of_index(tmp_path / "levels", bundle, (0.15,), tmp_path).synthetic
    for index in opened.values():
        index.require_space(bundle.space, bundle.metric)
