"""How every command of this project fails: one line on standard error, exit code 1."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager

import click

from cxr_edge.errors import CxrEdgeError


@contextmanager
def one_line_errors(program: str, extra: str) -> Iterator[None]:
    """Turn a problem the user can act on into one line; a bug of ours keeps its traceback.

    Args:
        program: begins the line.
        extra: the extra that installs what the program imports only when it needs it.
    """
    try:
        yield
    except CxrEdgeError as problem:
        click.echo(f"{program}: {problem}", err=True)
        sys.exit(1)
    except ModuleNotFoundError as problem:
        package = (problem.name or "").partition(".")[0]
        if package in ("", "cxr_edge"):
            raise
        click.echo(
            f"{program}: the package {package} is not installed; "
            f"run: pip install 'cxr-edge[{extra}]'",
            err=True,
        )
        sys.exit(1)
