"""How every command of this project fails: one line on standard error and an exit code.

Nothing but the standard library is imported here, so that an entry point can hold the guard before
anything else loads: an interrupt is most likely while the large packages are imported.
"""

import contextlib
import io
import os
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, NoReturn, TextIO, cast

from cxr_edge.errors import CxrEdgeError, OutputError

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]+")

INTERRUPTED = 130
"""Exit code after Ctrl-C, as shells give it: 128 and the number of SIGINT."""


class _Output(io.FileIO):
    """Standard output whose failures are the user's: a full disk, not a bug."""

    def write(self, data: "ReadableBuffer", /) -> int:
        try:
            return super().write(data)
        except BrokenPipeError:
            raise  # click ends quietly: the reader, such as head, has seen enough
        except OSError as problem:
            # What the buffer holds would fail again when Python ends, with an exit code of its own.
            os.dup2(os.open(os.devnull, os.O_WRONLY), self.fileno())
            raise OutputError(f"cannot write to standard output: {problem.strerror}") from None


class _ClosedOutput:
    """Stands for a standard output that was closed from the start, where Python has none at all.

    Without it click would drop a result in silence, and the command would seem to have worked.
    """

    encoding = "utf-8"
    errors = "strict"
    closed = True

    def write(self, _: str) -> int:
        raise OutputError("cannot write to standard output: it is closed")

    def flush(self) -> None:
        """Nothing is held."""

    def isatty(self) -> bool:
        return False


def _watch_output() -> None:
    """Let standard output fail as an ``OutputError``; a terminal, or a stream of tests, stays."""
    untouched = sys.stdout is sys.__stdout__
    own = cast(TextIO | None, sys.stdout)
    if own is None:
        sys.stdout = cast(TextIO, _ClosedOutput())
    elif untouched and not own.isatty():
        raw = _Output(own.fileno(), "wb", closefd=False)
        sys.stdout = io.TextIOWrapper(io.BufferedWriter(raw), own.encoding, own.errors)


@contextmanager
def one_line_errors(program: str, extra: str) -> Iterator[None]:
    """Turn a problem the user can act on into one line; a bug of ours keeps its traceback.

    Args:
        program: begins the line.
        extra: the extra that installs what the program imports only when it needs it.
    """
    _watch_output()
    try:
        yield
    except CxrEdgeError as problem:
        _end(program, str(problem))
    except ModuleNotFoundError as problem:
        package = (problem.name or "").partition(".")[0]
        if package in ("", "cxr_edge"):
            raise
        missing = f"the package {package} is not installed; run: pip install 'cxr-edge[{extra}]'"
        _end(program, missing)
    except KeyboardInterrupt:
        _end(program, "interrupted", INTERRUPTED)
    except Exception as problem:
        _end_as_click_says(program, problem)
        raise


def _end(program: str, line: str, code: int = 1) -> NoReturn:
    with contextlib.suppress(OSError, AttributeError):  # standard error may be full or closed too
        # Names of files and what a manifest says may hold line ends and what moves a terminal.
        sys.stderr.write(f"{program}: {_CONTROL.sub(' ', line)}\n")
        sys.stderr.flush()
    sys.exit(code)


def _end_as_click_says(program: str, problem: Exception) -> None:
    """Wrong use and an interrupt, as click raises them outside its stand-alone mode."""
    from click import Abort, ClickException

    if isinstance(problem, Abort):
        _end(program, "interrupted", INTERRUPTED)
    if isinstance(problem, ClickException):
        problem.show()
        sys.exit(problem.exit_code)
