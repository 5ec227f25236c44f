"""``cxr-bench load``: how long drafts take when studies arrive at a rate of their own."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TypeVar

import click
import numpy as np
from click.core import ParameterSource

from cxr_edge.benchmarks.load.doors import Library, Opener
from cxr_edge.benchmarks.load.step import Step, saturation
from cxr_edge.benchmarks.load.sweep import most, search, sweep
from cxr_edge.benchmarks.load.table import plot, table
from cxr_edge.benchmarks.load.workers import KINDS, WARM_UP, Kind, Workers
from cxr_edge.benchmarks.record import Samples, new_record, write_record
from cxr_edge.benchmarks.record.options import json_option, plot_option, table_option
from cxr_edge.benchmarks.record.samples import ENOUGH
from cxr_edge.engines import ENGINES, default_threads

Given = TypeVar("Given", float, tuple[float, ...])


def _numbers(_: click.Context, __: click.Parameter, given: Given) -> Given:
    """A range of floats lets through what is no number."""
    if not np.isfinite(given).all():
        raise click.BadParameter("expected a number")
    return given


@click.command()
@click.argument("studies", nargs=-1, required=True, type=click.Path(exists=True, path_type=Path))
@click.option(
    "--rate",
    "rates",
    multiple=True,
    type=click.FloatRange(0.001, 1e6),
    callback=_numbers,
    help="Studies a second; may be repeated. Default: around what the workers can do at most.",
)
@click.option(
    "--requests",
    default=200,
    show_default=True,
    type=click.IntRange(min=2),
    help="Studies at each rate.",
)
@click.option("--seed", default=0, show_default=True, help="Of the arrivals.")
@click.option("--workers", type=click.IntRange(min=1), help="Default: one for each processor.")
@click.option(
    "--as",
    "kind",
    type=click.Choice(KINDS),
    default="processes",
    show_default=True,
    help="What the workers are.",
)
@click.option(
    "--threads",
    default=1,
    show_default=True,
    type=click.IntRange(min=1),
    help="Processors for the encoder of each worker.",
)
@click.option(
    "--url",
    help="Post the files to this running service instead, http://HOST:PORT/PATH or https://...: "
    "the bytes of the studies leave this process, and this machine if HOST is another.",
)
@click.option(
    "--timeout",
    type=click.FloatRange(0.001, 86400),
    callback=_numbers,
    default=60.0,
    show_default=True,
    help="With --url: seconds to wait for a connection or an answer.",
)
@click.option("--bundle", type=click.Path(path_type=Path), help="Default: the embedded one.")
@click.option("--index", type=click.Path(path_type=Path), help="Default: the embedded one.")
@click.option("--engine", type=click.Choice(["auto", *ENGINES]), default="auto", show_default=True)
@json_option()
@table_option(table)
@plot_option()
@click.pass_context
def load(
    context: click.Context,
    /,
    studies: tuple[Path, ...],
    rates: tuple[float, ...],
    requests: int,
    seed: int,
    workers: int | None,
    kind: Kind,
    threads: int,
    url: str | None,
    timeout: float,
    bundle: Path | None,
    index: Path | None,
    engine: str,
    out: Path | None,
    picture: Path | None,
) -> None:
    """Offer STUDIES at rising rates: latency, queue and saturation point.

    They are drafted by the library, in workers of this program, or posted to the service at --url,
    over one connection for each worker.

    Arrivals are a Poisson process that waits for nobody, and a latency is counted from the moment
    at which its study was meant to arrive.
    """
    count = workers or default_threads()
    opener: Opener = Library(studies, bundle, index, engine, threads)
    if url is not None:
        opener = _service(context, url, studies, timeout)
    with Workers(opener, count, kind) as ready:
        say = partial(click.echo, err=True)
        capacity = None if rates else most(ready)
        if capacity is None:
            steps = list(sweep(ready, rates, requests, seed, say))
        else:
            steps = list(search(ready, capacity, requests, seed, say))
        about = {**ready.about, "studies": len(studies), "workers": count, "as": kind}
    highest, reached = saturation(steps)
    record = new_record(
        "load",
        subject=about,
        runs={"warm_up": WARM_UP, "rounds": requests, "seed": seed},
        samples=samples(steps),
        results={
            "steps": [step.figures() for step in steps],
            "closed_loop_per_second": capacity,
            "saturation_per_second": highest,
            "saturated": reached,
        },
    )
    click.echo(table(record))
    if requests < ENOUGH:
        click.echo(f"warning: {requests} studies a rate, fewer than {ENOUGH}", err=True)
    if out is not None:
        write_record(out, record)
    if picture is not None:
        plot(record, picture)


_OF_THE_LIBRARY = ("threads", "bundle", "index", "engine")


def _service(context: click.Context, url: str, studies: Sequence[Path], timeout: float) -> Opener:
    from cxr_edge.serving.client import Service, ServiceError, address

    given = [
        f"--{name}"
        for name in _OF_THE_LIBRARY
        if context.get_parameter_source(name) is ParameterSource.COMMANDLINE
    ]
    if given:
        raise click.UsageError(f"{', '.join(given)}: with --url the service decides")
    folders = [study for study in studies if not study.is_file()]
    if folders:
        raise click.UsageError(f"{folders[0]} is no file; with --url name the files to post")
    try:
        address(url)
    except ServiceError as problem:
        raise click.UsageError(str(problem)) from None
    return Service(url, tuple(study.absolute() for study in studies), timeout)


def samples(steps: Sequence[Step]) -> dict[str, Samples]:
    """Every latency and every time of work, by rate."""
    series = {}
    for step in steps:
        series[f"latency / {step.rate:g} a second"] = Samples("ms", step.latency_ms)
        series[f"work / {step.rate:g} a second"] = Samples("ms", step.service_ms)
    return series
