"""``cxr-index``: its commands, one file a group of them."""

import click

from cxr_edge import __version__
from cxr_edge.indexes.cli_build import build
from cxr_edge.indexes.cli_encode import encode
from cxr_edge.indexes.cli_inspect import inspect, publish, rollback, search, verify


@click.group()
@click.version_option(__version__, prog_name="cxr-index")
def index() -> None:
    """Build, look at, verify, search and publish sentence indexes."""


for command in (build, encode, inspect, verify, search, publish, rollback):
    index.add_command(command)
