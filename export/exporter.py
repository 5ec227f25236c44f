"""From an ``ExportSpec`` to a bundle: trace, check, write."""

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cxr_edge.bundle import Bundle, write_bundle
from cxr_edge.errors import CheckpointError, ParityError
from cxr_edge.export.agreement import checks_of
from cxr_edge.export.calibration import Feed, largest_in_half, require_half_range
from cxr_edge.export.generation import ROLE, check_decoding
from cxr_edge.export.graph import Graph
from cxr_edge.export.parity import LOWERED, check_parity
from cxr_edge.export.precision import Precision, data_file, fold_casts, trace
from cxr_edge.export.quantisation import quantise
from cxr_edge.export.spec import ExportSpec, GraphSpec

Images = NDArray[np.float32]


def export_bundle(
    spec: ExportSpec,
    out: Path,
    images: Images | None = None,
    *,
    precision: Precision = "fp32",
    calibration: Images | None = None,
    force: bool = False,
    replace: bool = False,
) -> Bundle:
    """Trace every network, pass the parity gate, and write the bundle whole or not at all.

    Args:
        spec: what to export.
        out: directory to create.
        images: float32 (N, C, S, S), real pictures preprocessed by the recipe, for the gate.
        precision: of the networks. INT8 is the image network's alone: calibrating it takes real
            inputs, and there are no texts among them; the others stay in FP32.
        calibration: as ``images``, needed below FP32. For FP16 all of them must stay within its
            range. For INT8 every second one sets the scales and the gate judges by the rest.
        force: write the bundle although the gate failed, and stamp it so that every report says so;
            not one whose outputs are not finite or have another shape.
        replace: put the bundle in the place of an older one.

    Raises:
        ParityError: everything in which a graph does not agree with its reference, or a tensor that
            FP16 cannot hold; nothing was written.
        CheckpointError: INT8 was asked of an architecture without an image network, or a precision
            below FP32 without pictures.
        OutputError: ``out`` exists or cannot be written.
    """
    _require_possible(spec, precision, calibration)
    judged = _judged_by(images, calibration, precision)
    files: dict[str, bytes | Iterable[bytes]] = dict(spec.files)
    networks: dict[str, Any] = {}
    parity: dict[str, Any] = {}
    graphs: dict[str, Graph] = {}
    for graph in spec.graphs:
        made = "fp32" if precision == "int8" and graph.role != "image" else precision
        content, record = _made(graph, made, calibration)
        graphs[graph.role] = content
        tolerance = LOWERED.get(made, spec.tolerance)
        checked = check_parity(graph, content, tolerance, judged, checks_of(spec, graph, made))
        parity[graph.role] = {**checked, **record}
        file = f"{graph.role}.onnx"
        files[file] = content.model
        networks[graph.role] = {
            "file": file,
            "inputs": list(graph.inputs),
            "outputs": list(graph.outputs),
            "precision": made,
        }
        if content.weights:
            networks[graph.role]["data"] = data_file(graph.role)
            files[data_file(graph.role)] = content.data()
    if spec.decoding and spec.tokenizer:
        parity[ROLE] = check_decoding(spec, graphs, judged, precision)
    failures = [line for record in parity.values() for line in record["failures"]]
    usable = all(
        output["comparable"] for record in parity.values() for output in record["outputs"].values()
    )
    if failures and not (force and usable):
        useless = "" if usable else ", with --force either: no draft can come of such a network"
        raise ParityError(f"{'; '.join(failures)}; nothing written{useless}")
    manifest = {
        "name": spec.name,
        "architecture": spec.architecture,
        "space": spec.space,
        "metric": spec.metric,
        "dimension": spec.dimension,
        "precision": precision,
        "networks": networks,
        "recipe": dict(spec.recipe),
        "tokenizer": dict(spec.tokenizer),
        "observations": {name: dict(entry) for name, entry in spec.observations.items()},
        "parity": parity,
        "provenance": dict(spec.provenance),
    }
    if spec.decoding:
        manifest["decoding"] = dict(spec.decoding)
    warnings = [*_wordless(spec), *_stamps(parity, failures)]
    if warnings:
        manifest["warnings"] = warnings
    return write_bundle(out, manifest, files, replace=replace)


def _require_possible(spec: ExportSpec, precision: Precision, calibration: Images | None) -> None:
    pictured = any(graph.role == "image" for graph in spec.graphs)
    if precision == "int8" and not pictured:
        raise CheckpointError(
            f"{spec.architecture} has no image network, which INT8 is for; export it with "
            "--precision fp32 or fp16"
        )
    if precision != "fp32" and pictured and calibration is None:
        raise CheckpointError(
            f"--precision {precision} needs --calibration: a folder of real chest radiographs"
        )


def _judged_by(
    images: Images | None, calibration: Images | None, precision: Precision
) -> Images | None:
    """Real pictures for the gate: never one that INT8 was calibrated on."""
    held_out = None if calibration is None else calibration[1::2]
    kept = calibration if precision != "int8" else held_out
    found = [pictures for pictures in (images, kept) if pictures is not None]
    return np.concatenate(found) if found else None


def _made(
    graph: GraphSpec, precision: Precision, calibration: Images | None
) -> tuple[Graph, dict[str, Any]]:
    """One network in a precision, and what to record of how it was made."""
    if precision == "fp16":
        content = trace(graph, half=True)
        largest = largest_in_half(content, _feeds(graph, calibration))
        return fold_casts(content, graph.role), {"range": require_half_range(graph.role, largest)}
    content = trace(graph)
    if precision == "int8":
        assert calibration is not None
        pictures = calibration[::2]
        return quantise(content, graph.inputs[0], pictures), {"calibrated_on": len(pictures)}
    return content, {}


def _feeds(graph: GraphSpec, calibration: Images | None) -> Iterator[Feed]:
    """Samples, and for the image network real pictures, one run each."""
    yield dict(zip(graph.inputs, graph.samples(4, np.random.default_rng(4)), strict=True))
    if calibration is not None and graph.role == "image":
        for picture in calibration:
            yield {graph.inputs[0]: picture[None]}


def _wordless(spec: ExportSpec) -> Iterator[str]:
    """What a bundle has to say whose decoder's tokens mean nothing to it."""
    if spec.decoding and not spec.tokenizer:
        yield (
            "The bundle was exported without --tokenizer: it has no words for its decoder's tokens "
            "and cannot write reports."
        )


def _stamps(parity: Mapping[str, Mapping[str, Any]], failures: list[str]) -> Iterator[str]:
    """What every report made with the bundle has to say of its gate."""
    if failures:
        yield f"The bundle was exported although its parity gate failed: {'; '.join(failures)}."
    for role, record in parity.items():
        if role == ROLE and record["status"] == "uninformative":
            yield (
                "Whether the bundle writes what its reference writes could not be judged: every "
                "picture gets nearly the same words."
            )
        elif record["not_judged"] and not record["failures"]:
            yield (
                f"The parity of the bundle's {role} network could not be judged: its "
                f"{', '.join(record['not_judged'])} hardly differ from input to input."
            )
