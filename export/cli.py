"""``cxr-export``: a checkpoint in, a verified bundle out."""

import sys
from pathlib import Path

import click

from cxr_edge.errors import CxrEdgeError
from cxr_edge.export.registry import ARCHITECTURES, spec_builder


@click.command()
@click.option("--model", help="Architecture; see --list.")
@click.option(
    "--checkpoint",
    type=click.Path(path_type=Path),
    help="Trained weights. Without it, the weights this package carries.",
)
@click.option("--out", type=click.Path(path_type=Path), help="Directory of the bundle to create.")
@click.option(
    "--images",
    type=click.Path(path_type=Path),
    multiple=True,
    help="Real pictures (DICOM, PNG, JPEG) to compare on as well; may be repeated.",
)
@click.option("--replace", is_flag=True, help="Put the bundle in the place of an older one.")
@click.option("--list", "listing", is_flag=True, help="Name the architectures and stop.")
def main(
    model: str | None,
    checkpoint: Path | None,
    out: Path | None,
    images: tuple[Path, ...],
    replace: bool,
    listing: bool,
) -> None:
    """Export a network to ONNX, compare it with its torch reference, and write a bundle.

    A bundle is written only when every output agrees; the comparison is kept in bundle.json.
    """
    if listing:
        for name, (_, summary) in sorted(ARCHITECTURES.items()):
            click.echo(f"{name:12} {summary}")
        return
    if model is None or out is None:
        raise click.UsageError("--model and --out are needed; --list names the models")
    try:
        _export(model, checkpoint, out, images, replace)
    except CxrEdgeError as error:
        click.echo(f"cxr-export: {error}", err=True)
        sys.exit(1)


def _export(
    model: str, checkpoint: Path | None, out: Path, images: tuple[Path, ...], replace: bool
) -> None:
    from cxr_edge.export.exporter import export_bundle, preprocessed

    spec = spec_builder(model)(checkpoint)
    pictures = preprocessed(images, spec.recipe) if images else None
    bundle = export_bundle(spec, out, pictures, replace=replace)
    for role, record in sorted(bundle.manifest["parity"].items()):
        for output, figures in sorted(record["outputs"].items()):
            click.echo(
                f"{role}.{output}: max abs error {figures['max_abs_error']:.2g}, "
                f"min cosine {figures['min_cosine']:.7f}, spread {figures['spread']:.2g}",
                err=True,
            )
    click.echo(bundle.directory)
