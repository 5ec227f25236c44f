"""``cxr-bench``: what it costs and how good it is, measured on this machine."""

import sys

import click

from cxr_edge import __version__
from cxr_edge.benchmarks.labeler import labeler
from cxr_edge.benchmarks.stages import stages
from cxr_edge.benchmarks.startup import startup
from cxr_edge.errors import CxrEdgeError


@click.group()
@click.version_option(__version__, prog_name="cxr-bench")
def bench() -> None:
    """Measure speed and quality on this machine."""


bench.add_command(stages)
bench.add_command(startup)
bench.add_command(labeler)


def main() -> None:
    """Entry point of ``cxr-bench``."""
    try:
        bench(prog_name="cxr-bench")
    except CxrEdgeError as problem:
        click.echo(f"cxr-bench: {problem}", err=True)
        sys.exit(1)
