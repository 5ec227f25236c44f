"""``cxr-bench exports``: what it costs to export each architecture at its full size.

The weights are made up: neither time nor memory depends on their values. Sizes are those of the
published networks; where none are published, they are the ones below.
"""

import json
import math
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from importlib.resources import as_file, files
from pathlib import Path
from typing import Any

import click
import numpy as np
from numpy.typing import NDArray

from cxr_edge.benchmarks.parts.exports_table import table
from cxr_edge.benchmarks.record import new_record, read_record, today, write_record
from cxr_edge.benchmarks.record.options import json_option, table_option
from cxr_edge.export.archive import read_listing
from cxr_edge.export.fingerprints import FINGERPRINTS
from cxr_edge.export.layouts import Shapes, affine, eva02_large, prefixed
from cxr_edge.export.registry import ARCHITECTURES

PRECISIONS = ("fp32", "fp16", "int8")

_BERT_WORDS = 30522
_ASSUMED: Mapping[str, Shapes] = {
    "convirt": {"projection.0.weight": (2048, 2048), "projection.2.weight": (512, 2048)},
    "dcrrg-decoder": {
        "embedding.weight": (10_000, 512),
        "layers.0.linear1.weight": (2048, 512),
        "prefix": (20, 2048),
        "image.trunk.conv1.weight": (64, 3, 7, 7),
        "image.head.project.weight": (512, 2062),
    },
    "liu2019": {"embeddings.weight": (10_000, 256), "image_proj2.weight": (256, 1024)},
}
"""Sizes that no owner has published: vocabularies of 10,000, a prefix of 20, ConVIRT's two layers,
and for the report decoder the ResNet-50 of its paper."""

_ELSEWHERE: Mapping[str, Shapes] = {
    "llm2vec4cxr-text": {
        **affine("text.projection.0", 2048),
        **affine("text.projection.1", 1280, 2048),
    }
}
"""What belongs to a network and stands in another file than the one it is known by."""

_BESIDE: Mapping[str, Shapes] = {
    "llm2vec4cxr-text": prefixed("visual.", eva02_large(1025, 1280)),
}
"""What the checkpoint of an architecture holds besides its own network."""

_TEXTS = ("chexbert", "llm2vec4cxr-text")
"""Networks of texts alone, which take no pictures."""

_STATISTICS = ("running_mean", "running_var", "num_batches_tracked", "tokenizer.weights")
"""What a checkpoint holds beside its parameters."""


def shapes_of(architecture: str) -> Shapes:
    """Tensors of the network of an architecture that has a fingerprint."""
    known = FINGERPRINTS[architecture].expected(dict(_ASSUMED.get(architecture, {})))
    return known | _ELSEWHERE.get(architecture, {})


def parameters(shapes: Mapping[str, tuple[int, ...]]) -> int:
    """Numbers that training would change."""
    return sum(math.prod(s) for name, s in shapes.items() if not name.endswith(_STATISTICS))


def _made_up(name: str, shape: tuple[int, ...], chance: np.random.Generator) -> NDArray[np.float32]:
    """Values with which activations keep their size from layer to layer."""
    if name.endswith("running_var") or (len(shape) == 1 and name.endswith("weight")):
        return np.ones(shape, np.float32)
    drawn = chance.standard_normal(shape, dtype=np.float32)
    scale = 1.0 if len(shape) < 2 else float(np.prod(shape[1:])) ** -0.5
    return np.asarray(drawn * np.float32(0.1 if len(shape) < 2 else scale))


def made_up_checkpoint(shapes: Shapes, folder: Path) -> Path:
    """Write a checkpoint of such tensors into a folder and return its path."""
    from safetensors.numpy import save_file

    chance = np.random.default_rng(0)
    path = folder / "made-up.safetensors"
    save_file({name: _made_up(name, shape, chance) for name, shape in shapes.items()}, path)
    return path


def _tokenizer(architecture: str, folder: Path, merges: Path | None) -> list[str]:
    if architecture == "chexbert":
        vocabulary = folder / "vocab.txt"
        special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
        words = [f"word{k}" for k in range(_BERT_WORDS - len(special))]
        vocabulary.write_text("\n".join([*special, *words, ""]))
        return ["--tokenizer", str(vocabulary)]
    if architecture == "llm2vec4cxr-text":
        content = {"model": {"vocab": {"word": 0}}, "added_tokens": []}
        (folder / "tokenizer.json").write_text(json.dumps(content))
        return ["--tokenizer", str(folder / "tokenizer.json")]
    if merges is not None and architecture.startswith(("cxr-repair", "chexzero")):
        return ["--tokenizer", str(merges)]
    return []


def measure(architecture: str, arguments: list[str], folder: Path) -> dict[str, Any]:
    """Export one architecture and ask the system what that one process used.

    Args:
        architecture: its registry name.
        arguments: of ``cxr-export`` beside the architecture, the output and the checkpoint.
        folder: for the checkpoint and the bundle; holds nothing yet.

    Returns:
        A row: ``parameters``, ``seconds``, ``cpu_seconds``, ``peak_mib`` of the process, ``bytes``
        of each graph, and ``graphs`` with each role's gate; or ``refused``, the exporter's line.
    """
    if architecture == "dcclip":
        with as_file(files("cxr_edge.export.weights") / "dcclip-small.safetensors") as own:
            listing = read_listing(own)
        shapes = {name: tensor.shape for name, tensor in listing.tensors.items()}
        given = []
    else:
        shapes = shapes_of(architecture)
        held = {**shapes, **_BESIDE.get(architecture, {})}
        given = ["--checkpoint", str(made_up_checkpoint(held, folder))]
    out = folder / "bundle"
    command = [str(Path(sys.executable).with_name("cxr-export")), "--model", architecture]
    command += [*given, *arguments, "--out", str(out), "--json"]
    load, started = os.getloadavg()[0], time.perf_counter()
    with tempfile.TemporaryFile() as said, tempfile.TemporaryFile() as complaint:
        process = subprocess.Popen(command, stdout=said, stderr=complaint)
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        seconds = time.perf_counter() - started
        said.seek(0)
        complaint.seek(0)
        row: dict[str, Any] = {
            "date": today(),
            "load_average": round(load, 1),
            "parameters": parameters(shapes),
            "seconds": round(seconds, 1),
            "cpu_seconds": round(usage.ru_utime + usage.ru_stime, 1),
            "peak_mib": round(usage.ru_maxrss / 1024),
        }
        if process.returncode:
            lines = complaint.read().decode().strip().splitlines() or ["it was killed"]
            return {**row, "refused": lines[-1][:400]}
        parity = json.loads(said.read())["parity"]
    row["bytes"] = {role: _size(out, role) for role in parity}
    row["graphs"] = {role: _gate(record) for role, record in parity.items()}
    return row


def _size(bundle: Path, role: str) -> int:
    """Bytes of a network: its graph, and its weights where they stand beside it."""
    return sum(path.stat().st_size for path in bundle.glob(f"{role}.*"))


def _gate(record: Mapping[str, Any]) -> dict[str, Any]:
    outputs = record["outputs"]
    return {
        "status": record["status"],
        "max_abs_error": {name: figures["max_abs_error"] for name, figures in outputs.items()},
        "decisions": {
            name: {key: figures[key] for key in ("check", "value", "status")}
            for name, figures in record["agreement"].items()
        },
        "real_images": record["real_images"],
    }


@click.command()
@click.argument("architectures", nargs=-1)
@click.option(
    "--precision",
    "precisions",
    type=click.Choice(PRECISIONS),
    multiple=True,
    default=("fp32",),
    show_default=True,
    help="May be repeated.",
)
@click.option(
    "--calibration", type=click.Path(exists=True), help="Real pictures; needed below fp32."
)
@click.option(
    "--merges",
    type=click.Path(exists=True, path_type=Path),
    help="CLIP's merges; without them its text network is left out.",
)
@json_option("Add the figures to this record, in the place of older ones of the same export.")
@table_option(lambda record: table(record["results"]["rows"], list(ARCHITECTURES)))
def exports(
    architectures: tuple[str, ...],
    precisions: tuple[str, ...],
    calibration: str | None,
    merges: Path | None,
    out: Path | None,
) -> None:
    """Export ARCHITECTURES (default: all) one after the other, and throw the bundles away."""
    known = ("dcclip", *FINGERPRINTS)
    for name in architectures:
        if name not in known:
            raise click.UsageError(f"{name} has no known sizes; choose from {', '.join(known)}")
    rows: dict[str, Any] = {}
    if out is not None and out.is_file():
        rows = read_record(out)["results"]["rows"]
    for name in architectures or [name for name in ARCHITECTURES if name in known]:
        for precision in precisions:
            with tempfile.TemporaryDirectory() as folder:
                arguments = ["--precision", precision]
                arguments += _tokenizer(name, Path(folder), merges)
                if calibration and precision != "fp32" and name not in _TEXTS:
                    arguments += ["--calibration", calibration]
                row = measure(name, arguments, Path(folder))
            rows.setdefault(name, {})[precision] = row
            click.echo(f"{name} {precision}: {row['seconds']:.0f} s, {row['peak_mib']:,} MiB")
            if out is not None:
                results = {"rows": rows}
                record = new_record("exports", subject={}, runs={}, samples={}, results=results)
                write_record(out, record)
    click.echo(table(rows, [name for name in ARCHITECTURES if name in rows]))
