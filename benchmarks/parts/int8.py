"""``cxr-bench int8``: what the embedded default loses and gains in INT8, judged on the task.

It is exported in FP32 and in INT8, and both draft for the studies of ``valid``: are the sentences
that come first as good, are the same observations asserted and denied, and what does it cost in
AUROC. ``cxr-train evaluate`` gives the same AUROC for a bundle on disk.
"""

import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click
import numpy as np
from numpy.typing import NDArray

from cxr_edge.benchmarks.record import new_record, write_record
from cxr_edge.benchmarks.record.options import json_option, table_option
from cxr_edge.bundle import Bundle
from cxr_edge.engines import load_network, probe_all
from cxr_edge.errors import CorpusError, ParityError
from cxr_edge.indexes.search import SentenceIndex
from cxr_edge.pipeline import locate
from cxr_edge.preprocess import apply

REGRET = 0.005
"""Most that the mean FP32 score of the ten sentences chosen may fall short of the ten best."""
SAME = 0.95
"""Least share of observations that must be asserted, denied or passed over alike."""
AUROC_LOSS = 0.005
"""Most that the mean AUROC of the scored observations may lose."""

Array = NDArray[np.float32]
Encoded = tuple[Array, Array]
"""Embeddings (N, D) and probabilities (N, 14)."""


@click.command()
@click.option(
    "--calibration",
    type=click.Path(exists=True, path_type=Path),
    required=True,
    help="Folder of real chest radiographs; none of the studies that are judged.",
)
@click.option(
    "--data",
    type=click.Path(exists=True, path_type=Path),
    required=True,
    help="Studies as cxr-train takes them; those of split 'valid' judge.",
)
@json_option()
@table_option(lambda record: table(record["results"]))
def int8(calibration: Path, data: Path, out: Path | None) -> None:
    """Export the embedded default in INT8 and judge it against FP32."""
    from cxr_edge.export.calibration import calibration_pictures
    from cxr_edge.export.exporter import export_bundle
    from cxr_edge.export.models.dcclip import export_spec

    spec = export_spec(None)
    pictures = calibration_pictures(calibration, spec.recipe)
    with tempfile.TemporaryDirectory() as folder:
        whole = export_bundle(spec, Path(folder, "fp32"))
        small = export_bundle(spec, Path(folder, "int8"), precision="int8", calibration=pictures)
        studies, truth = _studies(data)
        encoded = {
            (precision, engine): _encode(bundle, engine, studies)
            for precision, bundle in (("fp32", whole), ("int8", small))
            for engine, answer in probe_all().items()
            if answer.available
        }
        sizes = {
            precision: len(bundle.read(bundle.network("image").file))
            for precision, bundle in (("fp32", whole), ("int8", small))
        }
        gates = whole.manifest["observations"]
    rows = _judge(encoded, truth, gates)
    results = {
        "studies": len(studies),
        "calibrated_on": len(pictures[::2]),
        "limits": {"score_regret": REGRET, "same": SAME, "auroc_loss": AUROC_LOSS},
        "image_bytes": sizes,
        "rows": rows,
    }
    click.echo(table(results))
    if out is not None:
        about = {"bundle": whole.name, "bundle_sha256": whole.digest}
        write_record(out, new_record("int8", subject=about, runs={}, samples={}, results=results))
    failed = [f"{row['precision']} on {row['engine']}" for row in rows if not row["passed"]]
    if failed:
        raise ParityError(f"the limits are not kept by {', '.join(failed)}; see the lines above")


def table(results: Mapping[str, Any]) -> str:
    """The figures as Markdown, one line for each precision and engine."""
    lines = [
        "| precision | engine | image network, bytes | mean AUROC | loss | score regret, worst | "
        "observations alike |",
        "|---|---|---|---|---|---|---|",
    ]
    for row in results["rows"]:
        lines.append(
            f"| {row['precision']} | `{row['engine']}` "
            f"| {results['image_bytes'][row['precision']]:,} | {row['auroc']:.4f} "
            f"| {row['auroc_loss']:.4f} | {row['score_regret']:.4f} | {row['same']:.2%} |"
        )
    limits = results["limits"]
    lines.append(
        f"| limit |  |  |  | {limits['auroc_loss']:g} | {limits['score_regret']:g} "
        f"| {limits['same']:.0%} |"
    )
    return "\n".join(lines)


def _studies(data: Path) -> tuple[list[Path], NDArray[np.bool_]]:
    """The first frontal picture of each study of ``valid``, and what its report asserts (N, 14)."""
    from cxr_edge.benchmarks.quality.matrices import positives
    from cxr_edge.training.studies import read_studies
    from cxr_edge.training.targets import label_reports

    studies = [s for s in read_studies(data) if s.split == "valid" and s.frontals]
    if not studies:
        raise CorpusError(f"{data} holds no study with split 'valid' and a frontal picture")
    truth = positives(label_reports([study.report for study in studies]))
    return [study.frontals[0] for study in studies], truth


def _encode(bundle: Bundle, name: str, pictures: list[Path]) -> Encoded:
    from cxr_edge.training.pictures import load_picture

    engine = load_network(bundle, "image", name)
    input_ = bundle.network("image").inputs[0]
    rows = [engine.run({input_: apply(bundle.recipe, load_picture(path))}) for path in pictures]
    engine.close()
    embeddings = np.concatenate([row["embedding"] for row in rows])
    return embeddings, np.concatenate([row["probabilities"] for row in rows])


def _judge(
    encoded: Mapping[tuple[str, str], Encoded],
    truth: NDArray[np.bool_],
    gates: Mapping[str, Mapping[str, Any]],
) -> list[dict[str, Any]]:
    """One row for each precision and engine, against FP32 on ONNX Runtime."""
    from cxr_edge.export.agreement import same_observations, score_regret
    from cxr_edge.training.evaluate import headline

    index = SentenceIndex.open(locate("index", None))
    vectors = np.asarray(index.vectors, np.float32)
    embeddings, probabilities = encoded["fp32", "cpu"]
    scored = headline(truth, probabilities, 100)
    if scored is None:
        raise CorpusError("the studies of split 'valid' have too few positives for an AUROC")
    rows = []
    for (precision, engine), (vector, probability) in encoded.items():
        regret = score_regret(embeddings, vector, vectors, "embedded index")["value"]
        same = same_observations(probabilities, probability, gates)["value"]
        found = headline(truth, probability, 100)
        assert found is not None
        loss = scored["auroc"] - found["auroc"]
        rows.append(
            {
                "precision": precision,
                "engine": engine,
                "auroc": found["auroc"],
                "auroc_loss": loss,
                "score_regret": regret,
                "same": same,
                "passed": regret <= REGRET and same >= SAME and loss <= AUROC_LOSS,
            }
        )
    return rows
