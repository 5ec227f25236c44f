"""``cxr-export``: a checkpoint in, a verified bundle out."""

import hashlib
import json
import sys
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import click

from cxr_edge.bundle import MANIFEST
from cxr_edge.cli.guard import one_line_errors
from cxr_edge.engines.resident import MOST, Resident
from cxr_edge.engines.tensorrt_build import Options
from cxr_edge.errors import CheckpointError
from cxr_edge.export.opening import refuse_pipe
from cxr_edge.export.registry import ARCHITECTURES, listing, spec_builder
from cxr_edge.indexes.search import SentenceIndex
from cxr_edge.manifest import require_place

if TYPE_CHECKING:
    from cxr_edge.engines.tensorrt_build import Hardware
    from cxr_edge.export.precision import Precision

_FILE = click.Path(path_type=Path)


@dataclass(frozen=True)
class Sources:
    """The user's files."""

    checkpoint: Path | None
    tokenizer: Path | None
    language_model: Path | None

    def further(self, model: str) -> tuple[Path | None, ...]:
        """What a model takes beside checkpoint and tokenizer.

        Raises:
            CheckpointError: there is a language model, which this model does not take.
        """
        if model in ARCHITECTURES and ARCHITECTURES[model].language_model:
            return (self.language_model,)
        if self.language_model is not None:
            raise CheckpointError(
                f"{model} takes no --language-model; leave it out, or choose another --model"
            )
        return ()

    def require_files(self) -> None:
        """Refuse what would be waited for in vain.

        Raises:
            CheckpointError: one of them is a pipe or a device.
        """
        for path in (self.checkpoint, self.tokenizer, self.language_model):
            if path is not None:
                refuse_pipe(path)

    def named(self) -> dict[str, str]:
        """Names and SHA-256 of the files with weights, for the provenance."""
        origin: dict[str, str] = {}
        for kind in ("checkpoint", "language_model"):
            path: Path | None = getattr(self, kind)
            if path is not None:
                with path.open("rb") as stream:
                    digest = hashlib.file_digest(stream, "sha256").hexdigest()
                origin |= {kind: path.name, f"{kind}_sha256": digest}
        return origin


@click.command()
@click.option("--model", help="Architecture, see --list; or a .py file of your own.")
@click.option(
    "--checkpoint", type=_FILE, help="Trained weights. Without it, those this package carries."
)
@click.option("--tokenizer", type=_FILE, help="Vocabulary of the text network; see --list.")
@click.option(
    "--language-model", type=_FILE, help="Second file of a model that needs one; see --list."
)
@click.option("--out", type=_FILE, help="Directory of the bundle to create.")
@click.option(
    "--precision", type=click.Choice(["fp32", "fp16", "int8"]), default="fp32", show_default=True
)
@click.option(
    "--calibration", type=_FILE, help="Folder of real chest radiographs; needed below fp32."
)
@click.option(
    "--images",
    type=_FILE,
    multiple=True,
    help="Real pictures (DICOM, PNG, JPEG) to compare on as well; may be repeated.",
)
@click.option("--force", is_flag=True, help="Write the bundle, stamped, though the gate failed.")
@click.option(
    "--replace", "overwrite", is_flag=True, help="Put the bundle in the place of an older one."
)
@click.option(
    "--sign", type=_FILE, metavar="KEY.pem", help="Sign the bundle; alone with --out, an older one."
)
@click.option(
    "--engine",
    type=click.Choice(["tensorrt", "tensorrt-rtx"]),
    help="Instead of an export, build the plans of --bundle into the folder --out, which "
    "CXR_EDGE_ENGINES then names. tensorrt-rtx needs no GPU for it; tensorrt needs the very one.",
)
@click.option("--bundle", type=_FILE, help="With --engine: the bundle.")
@click.option(
    "--index",
    type=_FILE,
    help="With --engine: the index that cxr-run will search beside the encoder, with its --k.",
)
@click.option("--k", type=click.IntRange(1, MOST), help="With --index (default: as cxr-run).")
@click.option(
    "--later-versions", is_flag=True, help="With --engine tensorrt: later 11.x take the plans too."
)
@click.option(
    "--hardware",
    type=click.Choice(["same-capability", "ampere-plus"]),
    help="With --engine tensorrt: other GPUs of this compute capability, or all from Ampere on, "
    "take the plans too.",
)
@click.option("--list", "listed", is_flag=True, help="Name the architectures and stop.")
@click.option("--check", type=_FILE, metavar="FILE", help="Say what a checkpoint is and stop.")
@click.option("--json", "as_json", is_flag=True, help="The result as JSON.")
def main(
    model: str | None,
    checkpoint: Path | None,
    tokenizer: Path | None,
    language_model: Path | None,
    out: Path | None,
    precision: str,
    calibration: Path | None,
    images: tuple[Path, ...],
    force: bool,
    overwrite: bool,
    sign: Path | None,
    engine: str | None,
    bundle: Path | None,
    index: Path | None,
    k: int | None,
    later_versions: bool,
    hardware: str | None,
    listed: bool,
    check: Path | None,
    as_json: bool,
) -> None:
    """Export a network to ONNX, compare it with its torch reference, and write a bundle.

    A bundle is written only when every output agrees; the comparison is kept in bundle.json.
    """
    with one_line_errors("cxr-export", "export"):
        if listed:
            entries = [entry.to_json() for entry in ARCHITECTURES.values()]
            click.echo(json.dumps(entries, indent=2) if as_json else listing())
        elif check is not None:
            _check(check, as_json)
        elif engine is not None or bundle is not None:
            if engine is None or bundle is None or out is None or model is not None:
                raise click.UsageError("plans take --engine, --bundle and --out, and no --model")
            options = Options(later_versions, cast("Hardware", hardware or ""))
            _build_ahead(engine, bundle, index, k, options, out, as_json)
        elif model is not None and out is not None:
            chosen = cast("Precision", precision)
            _require_key(sign)
            sources = Sources(checkpoint, tokenizer, language_model)
            _export(model, sources, out, chosen, calibration, images, force, overwrite)
            _finish(out, sign, as_json)
        elif sign is not None and out is not None:
            _finish(out, sign, as_json)
        else:
            raise click.UsageError("--model and --out are needed; --list names the models")


def _check(path: Path, as_json: bool) -> None:
    from cxr_edge.export.check import describe, render

    found = describe(path)
    click.echo(json.dumps(found, indent=2) if as_json else render(found))
    if not found["fits"]:
        sys.exit(1)


def _build_ahead(
    engine: str,
    bundle: Path,
    index: Path | None,
    k: int | None,
    options: Options,
    out: Path,
    as_json: bool,
) -> None:
    from cxr_edge.bundle import Bundle
    from cxr_edge.export.ahead import build_ahead

    opened, resident = Bundle.load(bundle), None
    if index is not None:
        # Not above: the pipeline's reader of pictures is of no use to an export.
        from cxr_edge.pipeline import DEFAULT_K

        rows = SentenceIndex.open(index)
        rows.require_space(opened.space, opened.metric)
        resident = Resident.of(rows.vectors, k or DEFAULT_K)
    built = build_ahead(engine, opened, out, resident=resident, options=options)
    if as_json:
        click.echo(json.dumps([plan.to_json() for plan in built], indent=2))
        return
    for plan in built:
        did = "was there" if plan.state == "hit" else f"built ({plan.why})"
        layers = "; ".join(
            f"{kind} {', '.join(f'{count} {name}' for name, count in sorted(counts.items()))}"
            for kind, counts in sorted(plan.layers.items())
        )
        click.echo(f"{plan.role}: {did}{f'; layers: {layers}' if layers else ''}", err=True)
        click.echo(plan.plan)


def _require_key(key: Path | None) -> None:
    """Find out before the export, not behind it, that a key cannot sign."""
    if key is not None:
        from cxr_edge.export.sign import private_key

        private_key(key)


def _export(
    model: str,
    sources: Sources,
    out: Path,
    precision: "Precision",
    calibration: Path | None,
    images: tuple[Path, ...],
    force: bool,
    overwrite: bool,
) -> None:
    build = spec_builder(model)
    sources.require_files()
    # The exporter would find out too, but only after minutes of tracing.
    require_place(out, MANIFEST, replace=overwrite)
    from cxr_edge.export.calibration import calibration_pictures, preprocessed
    from cxr_edge.export.exporter import export_bundle

    spec = build(sources.checkpoint, sources.tokenizer, *sources.further(model))
    if sources.tokenizer is not None and not spec.tokenizer:
        raise CheckpointError(f"{model} takes no --tokenizer; leave it out")
    spec = replace(spec, provenance={**spec.provenance, **sources.named()})
    bundle = export_bundle(
        spec,
        out,
        preprocessed(images, spec.recipe) if images else None,
        precision=precision,
        calibration=calibration_pictures(calibration, spec.recipe) if calibration else None,
        force=force,
        replace=overwrite,
    )
    for role, record in sorted(bundle.manifest["parity"].items()):
        _show(role, record)
    for warning in bundle.warnings:
        click.echo(f"warning: {warning}", err=True)


def _show(role: str, record: dict[str, Any]) -> None:
    """One line on standard error for each thing that was compared."""
    for output, figures in sorted(record["outputs"].items()):
        if figures["comparable"]:
            cosine = f", min cosine {figures['min_cosine']:.7f}" if "min_cosine" in figures else ""
            click.echo(
                f"{role}.{output}: {figures['status']}, max abs error "
                f"{figures['max_abs_error']:.2g}, max relative error "
                f"{figures['max_relative_error']:.2g}{cosine}, spread {figures['spread']:.2g}",
                err=True,
            )
    for output, figures in sorted(record["agreement"].items()):
        click.echo(
            f"{role}.{output}: {figures['status']}, {figures['check']} {figures['value']:.4g} "
            f"(limit {figures['limit']:g})",
            err=True,
        )
    if "range" in record:
        widest = record["range"]
        click.echo(
            f"{role}: largest FP16 value {widest['largest']:.4g} in {widest['tensor']} "
            f"(limit {widest['limit']:g})",
            err=True,
        )


def _finish(out: Path, key: Path | None, as_json: bool) -> None:
    from cxr_edge.bundle import Bundle

    if key is not None:
        from cxr_edge.export.sign import sign_bundle

        sign_bundle(out, key)
    bundle = Bundle.load(out)
    if as_json:
        about = {name: bundle.manifest[name] for name in ("name", "space", "precision", "parity")}
        written = {"bundle": str(bundle.directory), "sha256": bundle.digest, **about}
        click.echo(json.dumps(written, indent=2))
    else:
        click.echo(bundle.directory)
