"""``cxr-bench exports``: time and peak memory of exporting each architecture at its full size.

The weights are made up: neither time nor memory depends on their values. Where the weights decide
the size, it is the one ``cxr-export --check`` assumes.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import click
import numpy as np
from numpy.typing import NDArray

from cxr_edge.benchmarks.record import machine, write_json
from cxr_edge.export.fingerprints import FINGERPRINTS
from cxr_edge.export.registry import ARCHITECTURES

_BERT_WORDS = 30522
_OWN = ("dcclip", "dcrrg-decoder", "liu2019", "convirt", "resnet18-baseline")
"""Of no published size; only dcclip is measured, with the weights of this package."""


def _made_up(name: str, shape: tuple[int, ...], chance: np.random.Generator) -> NDArray[np.float32]:
    """Values with which activations keep their size from layer to layer."""
    if name.endswith("running_var") or (len(shape) == 1 and name.endswith("weight")):
        return np.ones(shape, np.float32)
    drawn = chance.standard_normal(shape, dtype=np.float32)
    scale = 1.0 if len(shape) < 2 else float(np.prod(shape[1:])) ** -0.5
    return np.asarray(drawn * np.float32(0.1 if len(shape) < 2 else scale))


def _checkpoint(architecture: str, folder: Path) -> Path:
    from safetensors.numpy import save_file

    chance = np.random.default_rng(0)
    shapes = FINGERPRINTS[architecture].expected({})
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
    if merges is not None and architecture.startswith(("cxr-repair", "chexzero")):
        return ["--tokenizer", str(merges)]
    return []


def _measure(arguments: list[str]) -> dict[str, Any]:
    """Run ``cxr-export`` and ask the system what that one process used.

    Raises:
        click.ClickException: it failed.
    """
    command = [str(Path(sys.executable).with_name("cxr-export")), *arguments, "--json"]
    started = time.perf_counter()
    with tempfile.TemporaryFile() as said, tempfile.TemporaryFile() as complaint:
        process = subprocess.Popen(command, stdout=said, stderr=complaint)
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        seconds = time.perf_counter() - started
        said.seek(0)
        complaint.seek(0)
        if process.returncode:
            raise click.ClickException(complaint.read().decode().strip()[-300:])
        parity = json.loads(said.read())["parity"]
    return {
        "seconds": round(seconds, 1),
        "peak_mib": round(usage.ru_maxrss / 1024),
        "graphs": {
            role: {
                "status": record["status"],
                "max_abs_error": {k: v["max_abs_error"] for k, v in record["outputs"].items()},
            }
            for role, record in parity.items()
        },
    }


@click.command()
@click.argument("architectures", nargs=-1)
@click.option("--precision", type=click.Choice(["fp32", "fp16"]), default="fp32", show_default=True)
@click.option("--calibration", type=click.Path(exists=True), help="Real pictures, for fp16.")
@click.option(
    "--merges",
    type=click.Path(exists=True, path_type=Path),
    help="CLIP's merges; without them its text network is left out.",
)
@click.option("--json", "out", type=click.Path(path_type=Path), help="Also write the figures here.")
def exports(
    architectures: tuple[str, ...],
    precision: str,
    calibration: str | None,
    merges: Path | None,
    out: Path | None,
) -> None:
    """Export ARCHITECTURES (default: all of published size) one after the other, and throw away."""
    names = architectures or tuple(n for n in ARCHITECTURES if n not in _OWN[1:])
    rows: dict[str, Any] = {}
    click.echo("| architecture | seconds | peak MiB | gate |\n|---|---|---|---|")
    for name in names:
        with tempfile.TemporaryDirectory() as folder:
            arguments = ["--model", name, "--precision", precision, "--out", f"{folder}/bundle"]
            if name != "dcclip":
                arguments += ["--checkpoint", str(_checkpoint(name, Path(folder)))]
            arguments += _tokenizer(name, Path(folder), merges)
            arguments += ["--calibration", calibration] if calibration else []
            row = rows[name] = _measure(arguments)
        gates = ", ".join(f"{role} {g['status']}" for role, g in row["graphs"].items())
        click.echo(f"| {name} | {row['seconds']:.0f} | {row['peak_mib']:,} | {gates} |")
        if out is not None:
            write_json(out, {"machine": machine(), "precision": precision, "rows": rows})
