"""Options that many commands of ``cxr-bench`` share."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

import click

from cxr_edge.benchmarks.record.files import RecordError, read_record, require_writable

Command = TypeVar("Command", bound=Callable[..., Any])


def json_option(about: str = "Also write the record here.") -> Callable[[Command], Command]:
    """``--json PATH`` as the parameter ``out``: where the record goes, None for nowhere.

    A place that cannot be written is refused before anything is measured.
    """
    kind = click.Path(dir_okay=False, path_type=Path)
    return click.option("--json", "out", type=kind, callback=_writable, help=about)


def _writable(_: click.Context, __: click.Parameter, path: Path | None) -> Path | None:
    if path is not None:
        require_writable(path)
    return path


def table_option(table: Callable[[Mapping[str, Any]], str]) -> Callable[[Command], Command]:
    """``--table FILE``: print the table of a record of the same command, and do nothing else.

    Args:
        table: makes the text of a whole record.
    """

    def show(context: click.Context, _: click.Parameter, path: Path | None) -> None:
        if path is None or context.resilient_parsing:
            return
        record = read_record(path)
        if record["command"] != context.command.name:
            raise RecordError(
                f"{path} is a record of '{record['command']}', expected one of "
                f"'{context.command.name}'; name a file that this command's --json has written"
            )
        click.echo(table(record))
        context.exit()

    return click.option(
        "--table",
        # Before all others, so that nothing else need be given.
        is_eager=True,
        expose_value=False,
        callback=show,
        type=click.Path(exists=True, dir_okay=False, path_type=Path),
        help="Only print the table of a record that --json has written.",
    )


def plot_option() -> Callable[[Command], Command]:
    """``--plot FILE`` as the parameter ``picture``, refused before anything is measured."""

    def check(_: click.Context, __: click.Parameter, path: Path | None) -> Path | None:
        if path is None:
            return None
        if path.suffix not in (".svg", ".png"):
            raise click.BadParameter(f"{path.name} ends in neither .svg nor .png")
        from cxr_edge.benchmarks.pictures.canvas import require_matplotlib

        require_matplotlib()
        require_writable(path)
        return path

    kind = click.Path(dir_okay=False, path_type=Path)
    return click.option(
        "--plot", "picture", type=kind, callback=check, help="Also draw it: an .svg or .png file."
    )
