"""P@K on CheXpert 5x200: every image asks for reports, and a report of its category is right."""

from contextlib import closing

import numpy as np

from cxr_edge.benchmarks.quality.bootstrap import interval, mean_of
from cxr_edge.benchmarks.quality.cases import Case
from cxr_edge.benchmarks.quality.ranking import precisions_at_k
from cxr_edge.benchmarks.quality.scores import Score
from cxr_edge.errors import BundleError
from cxr_edge.networks import Networks
from cxr_edge.pipeline import Pipeline
from cxr_edge.tokenizers import get_tokenizer

DEPTHS = (1, 2, 5, 10)
"""The papers' K."""
_BATCH = 32


def retrieval_scores(
    pipeline: Pipeline, cases: tuple[Case, ...], *, resamples: int = 1000, seed: int = 0
) -> list[Score]:
    """``P@1``, ``P@2``, ``P@5`` and ``P@10`` of the pipeline's encoders.

    The pool is the reports of the cases, the query's own among them. Ties go to the earlier report.

    Args:
        pipeline: its bundle has a text network beside the image network, else there is no value.
        cases: studies with a report and a category.
        resamples: of the queries, for the intervals.
        seed: of the resamples.

    Raises:
        StudyError: an image cannot be read.
    """
    bundle = pipeline.bundle
    try:
        bundle.network("text")
    except BundleError:
        return [Score(f"P@{k}", None, None, None, "needs a text network") for k in DEPTHS]
    images = np.stack([pipeline.encode(pipeline.read(case.images[0])).vector for case in cases])
    tokenizer = get_tokenizer(bundle.manifest["tokenizer"], bundle.directory)
    texts = [case.reference() for case in cases]
    with closing(Networks(bundle)) as networks:
        network = networks.open("text")
        runs = (texts[start : start + _BATCH] for start in range(0, len(texts), _BATCH))
        vectors = [network.run(tokenizer.encode(run))["embedding"] for run in runs]
    reports = np.concatenate(vectors).astype(np.float32)
    if bundle.metric == "cosine":
        reports /= np.linalg.norm(reports, axis=1, keepdims=True)
    order = np.argsort(-(images @ reports.T), axis=1, kind="stable")[:, : max(DEPTHS)]
    categories = [case.category for case in cases]
    found = [[categories[row] for row in rows] for rows in order]
    scores = []
    for k in DEPTHS:
        each = precisions_at_k(categories, found, k)
        bounds = interval(mean_of(each), len(each), resamples, seed)
        scores.append(Score(f"P@{k}", float(each.mean()), *bounds))
    return scores
