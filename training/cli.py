"""``cxr-train``: recipes that turn image-report pairs into weights, and figures about them."""

import json
import os
from dataclasses import replace
from pathlib import Path

import click

from cxr_edge.training.tune import drafts_command, tune_command


@click.group()
def train() -> None:
    """Train the networks of cxr-edge and measure them."""


@train.command()
@click.option(
    "--data",
    type=click.Path(path_type=Path),
    required=True,
    help="Folder with studies.jsonl and images/, or a JSONL file of that shape.",
)
@click.option(
    "--arch", type=click.Choice(["small", "resnet50"]), default="small", show_default=True
)
@click.option("--out", type=click.Path(path_type=Path), required=True, help="Folder of the run.")
@click.option(
    "--init", type=click.Path(path_type=Path), help="State dict of the trunk to start from."
)
@click.option("--resume", is_flag=True, help="Go on with the run that --out holds.")
@click.option("--seed", type=int, help="Instead of the recipe's.")
@click.option("--folds", type=click.IntRange(0, 10), help="Teachers; 0 or 1 trains without.")
@click.option("--epochs", type=click.IntRange(1), help="At most so many per stage: a trial run.")
@click.option("--image-size", type=click.IntRange(32, 1024), help="Instead of the recipe's.")
@click.option(
    "--threads",
    type=click.IntRange(1),
    default=None,
    help="Processors to use. [default: those this process may use]",
)
def dcclip(
    data: Path,
    arch: str,
    out: Path,
    init: Path | None,
    resume: bool,
    seed: int | None,
    folds: int | None,
    epochs: int | None,
    image_size: int | None,
    threads: int | None,
) -> None:
    """Train DCCLIP: observation prompts, then calibrated matching.

    Writes metrics.jsonl, a checkpoint after each epoch, and at the end the weights that
    `cxr-export --model dcclip --checkpoint FILE` turns into a bundle.
    """
    import torch

    from cxr_edge.training.recipe import recipe_for
    from cxr_edge.training.run import run_dcclip

    torch.set_num_threads(threads or len(os.sched_getaffinity(0)))
    recipe = recipe_for(arch)
    if image_size is not None:
        recipe = recipe.resized(image_size)
    if epochs is not None:
        recipe = recipe.shortened(epochs)
    if seed is not None:
        recipe = replace(recipe, seed=seed)
    if folds is not None:
        recipe = replace(recipe, folds=folds)
    click.echo(run_dcclip(data, recipe, out, init=init, resume=resume))


@train.command()
@click.option("--bundle", type=click.Path(path_type=Path), required=True)
@click.option(
    "--data",
    type=click.Path(path_type=Path),
    required=True,
    help="Folder with studies.jsonl and images/, or a JSONL file of that shape.",
)
@click.option("--split", type=click.Choice(["valid", "train"]), default="valid", show_default=True)
@click.option("--resamples", type=click.IntRange(100), default=1000, show_default=True)
@click.option("--json", "as_json", is_flag=True, help="JSON on standard output, not a table.")
def evaluate(bundle: Path, data: Path, split: str, resamples: int, as_json: bool) -> None:
    """AUROC per observation of a bundle, with bootstrap intervals."""
    from cxr_edge.training.evaluate import evaluate_bundle, markdown

    result = evaluate_bundle(bundle, data, split, resamples)
    click.echo(json.dumps(result, indent=2) if as_json else markdown(result))


train.add_command(tune_command)
train.add_command(drafts_command)
