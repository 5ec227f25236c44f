"""``cxr-bench``: what it costs and how good it is, measured on this machine."""

from typing import Any

import click
from click.core import ParameterSource

from cxr_edge import __version__
from cxr_edge.benchmarks.claims.options import main_options
from cxr_edge.benchmarks.load.command import load
from cxr_edge.benchmarks.parts.blas import blas
from cxr_edge.benchmarks.parts.compression import compression
from cxr_edge.benchmarks.parts.engines import engines
from cxr_edge.benchmarks.parts.entries import entries
from cxr_edge.benchmarks.parts.exports import exports
from cxr_edge.benchmarks.parts.graph import graph
from cxr_edge.benchmarks.parts.index_peers import index
from cxr_edge.benchmarks.parts.int8 import int8
from cxr_edge.benchmarks.parts.labeler import labeler
from cxr_edge.benchmarks.parts.opening import opening
from cxr_edge.benchmarks.parts.roofline import roofline
from cxr_edge.benchmarks.parts.stages import stages
from cxr_edge.benchmarks.parts.startup import startup
from cxr_edge.benchmarks.pictures.commands import pictures, readme
from cxr_edge.benchmarks.quality.command import quality
from cxr_edge.benchmarks.record.compare_command import compare


@click.group(invoke_without_command=True, no_args_is_help=True)
@main_options
@click.version_option(__version__, prog_name="cxr-bench")
@click.pass_context
def bench(context: click.Context, /, **given: Any) -> None:  # noqa: ANN401
    """Measure speed and quality on this machine, beside the papers and what else could be used.

    Without a COMMAND the report path is measured from the file of a study to the written draft, at
    levels of compression of the corpus: cxr-bench --compression 0.15
    """
    if context.invoked_subcommand is not None:
        if stray := [name for name in given if _was_given(context, name)]:
            shown = context.command.params
            names = [one.opts[0] for one in shown if one.name in stray]
            raise click.UsageError(
                f"{', '.join(names)}: options of the main command; give those of "
                f"{context.invoked_subcommand} after its name"
            )
        return
    from cxr_edge.benchmarks.claims.writing import deliver

    deliver(given)


def _was_given(context: click.Context, name: str) -> bool:
    return context.get_parameter_source(name) is ParameterSource.COMMANDLINE


bench.add_command(stages)
bench.add_command(roofline)
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
bench.add_command(load)
bench.add_command(quality)
bench.add_command(pictures)
bench.add_command(readme)
