"""The gate: plain definitions, decisions, all that is wrong at once, checks that tell nothing."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from torch import nn

from cxr_edge.bundle import Bundle
from cxr_edge.errors import ParityError
from cxr_edge.export import agreement
from cxr_edge.export.agreement import (
    same_classes,
    same_observations,
    same_tokens,
    score_regret,
    text_vectors,
    unit,
)
from cxr_edge.export.exporter import export_bundle
from cxr_edge.export.models.dcclip import export_spec
from cxr_edge.export.parity import check_parity, compare
from cxr_edge.export.precision import trace
from cxr_edge.export.spec import GraphSpec, Tolerance
from cxr_edge.labels import OBSERVATIONS


def rows(count: int, width: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal((count, width)).astype(np.float32)


def test_figures_are_the_plain_definitions() -> None:
    want = [rows(n, 4, n) for n in (1, 3)]
    got = [w + np.float32(1e-5) for w in want]
    record, failures = compare("x", want, got, Tolerance())
    assert failures == []
    assert record["status"] == "passed"
    assert record["max_abs_error"] == pytest.approx(1e-5, rel=0.05)
    pairs = [(a, b) for w, g in zip(want, got, strict=True) for a, b in zip(w, g, strict=True)]
    cosines = [np.dot(a, b) / (np.linalg.norm(a) * np.linalg.norm(b)) for a, b in pairs]
    assert record["min_cosine"] == pytest.approx(min(cosines), abs=1e-6)
    lengths = [np.linalg.norm(a) for a, _ in pairs]
    errors = [np.linalg.norm(a - b) for a, b in pairs]
    assert record["max_relative_error"] == pytest.approx(max(errors) / np.mean(lengths), rel=1e-3)
    column_deviations = np.std([a for a, _ in pairs], axis=0)
    assert record["spread"] == pytest.approx(np.sqrt(np.mean(column_deviations**2)), rel=1e-5)


def test_shape_and_infinity_are_failures() -> None:
    want = [rows(3, 4)]
    assert "shape" in compare("x", want, [want[0][:, :3]], Tolerance())[1][0]
    broken = want[0].copy()
    broken[1, 2] = np.inf
    assert "not finite" in compare("x", want, [broken], Tolerance())[1][0]


def test_rows_that_hardly_differ_prove_nothing() -> None:
    constant = np.ones((6, 4), np.float32)
    want = constant + rows(6, 4) * np.float32(1e-5)
    record, failures = compare("x", [want], [want + np.float32(2e-6)], Tolerance())
    assert failures == []
    assert record["spread_to_error"] < agreement.RATIO
    assert record["status"] == "uninformative"
    record, failures = compare("x", [constant], [constant], Tolerance())
    assert record["status"] == "failed"
    assert "same for every input" in failures[0]


def regret_by_hand(want: np.ndarray, got: np.ndarray, texts: np.ndarray) -> float:
    worst = 0.0
    for truth, mine in zip(want @ texts.T, got @ texts.T, strict=True):
        best = sorted(truth, reverse=True)[:10]
        chosen = [truth[k] for k in sorted(range(len(mine)), key=lambda k: -mine[k])[:10]]
        worst = max(worst, (sum(best) - sum(chosen)) / 10)
    return worst


def test_score_regret_against_the_definition_by_hand() -> None:
    want, texts = unit(rows(5, 16)), unit(rows(200, 16, 1))
    got = unit(want + rows(5, 16, 2) * np.float32(0.05))
    record = score_regret(want, got, texts, "random")
    assert record["value"] == pytest.approx(regret_by_hand(want, got, texts), abs=1e-6)
    assert record["value"] > 0
    same = score_regret(want, want * np.float32(7.0), texts, "random")
    assert (same["value"], same["status"]) == (0.0, "passed")
    swapped = score_regret(want, np.roll(want, 1, axis=0), texts, "random")
    assert swapped["status"] == "failed"


def test_regret_tells_nothing_where_all_pictures_rank_alike() -> None:
    want = unit(np.ones((5, 16), np.float32) + rows(5, 16) * np.float32(1e-4))
    assert score_regret(want, want, unit(rows(200, 16, 1)), "random")["status"] == "uninformative"


def test_observations_are_compared_as_they_are_said() -> None:
    entry = {"gate": 0.6, "clear": 0.2, "muted": False}
    observations = {name: dict(entry) for name in OBSERVATIONS}
    observations[OBSERVATIONS[3]]["muted"] = True
    want = np.full((10, 14), 0.4, np.float32)
    want[::2, 0] = 0.9
    assert same_observations(want, want, observations)["status"] == "passed"
    got = want.copy()
    got[0, 1] = 0.59  # still between both lines
    assert same_observations(want, got, observations)["value"] == 1.0
    got[0, 1], got[1, 1] = 0.61, 0.19
    record = same_observations(want, got, observations)
    assert record["value"] == pytest.approx(1 - 2 / 140)
    assert record["status"] == "failed"
    got = want.copy()
    got[:, 3] = 0.51  # muted: which side of one half
    assert same_observations(want, got, observations)["value"] == pytest.approx(1 - 10 / 140)


def test_classes_and_tokens() -> None:
    spans = [(0, 4), (4, 6)]
    want = np.array([[9, 0, 0, 0, 1, 0], [0, 9, 0, 0, 0, 1]], np.float32)
    assert same_classes(want, want, spans)["status"] == "passed"
    assert same_classes(want, want[:, ::-1], spans)["status"] == "failed"
    assert same_classes(want[:1], want[:1], spans)["status"] == "uninformative"
    assert same_tokens(want, want * 2)["status"] == "passed"
    assert same_tokens(want, want[::-1])["status"] == "failed"


def test_texts_come_from_the_text_network_where_there_is_one(weights: Path) -> None:
    spec = export_spec(weights)
    vectors, kind = text_vectors(spec)
    assert "sentences of the grammar" in kind
    assert vectors.shape == (agreement.TEXTS, spec.dimension)
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1.0, atol=1e-5)
    alone = replace(spec, graphs=spec.graphs[:1])
    vectors, kind = text_vectors(alone)
    assert "random vectors in a cone" in kind
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1.0, atol=1e-5)


def median_cosine(vectors: np.ndarray) -> float:
    return float(np.median((vectors @ vectors.T)[np.triu_indices(len(vectors), 1)]))


@pytest.mark.parametrize("dimension", [24, 128, 1280])
def test_random_texts_crowd_as_sentences_of_a_trained_network_do(dimension: int) -> None:
    sentences, kind = text_vectors(export_spec(None))
    assert "sentences of the grammar" in kind
    drawn = agreement.text_cone(dimension)
    assert drawn.dtype == np.float32
    assert drawn.shape == (agreement.TEXTS, dimension)
    assert abs(median_cosine(drawn) - median_cosine(sentences)) < 0.02


def test_all_failures_are_told_at_once_and_nothing_is_written(
    weights: Path, tmp_path: Path
) -> None:
    spec = replace(export_spec(weights), tolerance=Tolerance(absolute=0.0, cosine=2.0))
    with pytest.raises(ParityError) as caught:
        export_bundle(spec, tmp_path / "out")
    message = str(caught.value)
    assert "\n" not in message
    for output in ("image.embedding", "image.probabilities", "text.embedding"):
        assert output in message
    assert list(tmp_path.iterdir()) == []
    forced = export_bundle(spec, tmp_path / "out", force=True)
    assert "although its parity gate failed: image.embedding" in forced.warnings[0]
    assert forced.manifest["parity"]["image"]["status"] == "failed"
    assert len(Bundle.load(tmp_path / "out").warnings) == 1


def test_a_large_batch_is_not_run_through_a_large_network(weights: Path) -> None:
    spec = export_spec(weights).graphs[1]
    record = check_parity(spec, trace(spec), Tolerance(), None)
    assert record["status"] == "passed"
    assert 1 in record["batches"]
    assert max(record["batches"]) > 1


def test_the_reference_of_one_network_is_not_that_of_another(weights: Path) -> None:
    image = export_spec(weights).graphs[0]
    other = GraphSpec("image", _Scaled(image.module), *_rest(image))
    record = check_parity(other, trace(image), Tolerance(), None)
    assert record["status"] == "failed"
    assert any("image.probabilities" in line for line in record["failures"])


class _Scaled(nn.Module):
    def __init__(self, inner: nn.Module) -> None:
        super().__init__()
        self.inner = inner

    def forward(self, pixels):
        embedding, probabilities = self.inner(pixels)
        return embedding, probabilities * 0.9


def _rest(spec: GraphSpec):
    return spec.inputs, spec.outputs, spec.samples
