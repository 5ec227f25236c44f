"""``cxr-bench``: what it costs and how good it is, measured on this machine."""

import click

from cxr_edge import __version__
from cxr_edge.benchmarks.blas import blas
from cxr_edge.benchmarks.compression import compression
from cxr_edge.benchmarks.engines import engines
from cxr_edge.benchmarks.entries import entries
from cxr_edge.benchmarks.exports import exports
from cxr_edge.benchmarks.graph import graph
from cxr_edge.benchmarks.index_peers import index
from cxr_edge.benchmarks.int8 import int8
from cxr_edge.benchmarks.labeler import labeler
from cxr_edge.benchmarks.opening import opening
from cxr_edge.benchmarks.record.compare_command import compare
from cxr_edge.benchmarks.stages import stages
from cxr_edge.benchmarks.startup import startup


@click.group()
@click.version_option(__version__, prog_name="cxr-bench")
def bench() -> None:
    """Measure speed and quality on this machine."""


bench.add_command(stages)
bench.add_command(blas)
bench.add_command(startup)
bench.add_command(labeler)
bench.add_command(exports)
bench.add_command(graph)
bench.add_command(index)
bench.add_command(engines)
bench.add_command(int8)
bench.add_command(compression)
bench.add_command(opening)
bench.add_command(entries)
bench.add_command(compare)
