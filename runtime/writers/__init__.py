"""Output formats: a report in, the bytes of a file out.

A writer is a module with ``name``, ``suffix`` and ``render``. The registry holds import paths as
strings, so that listing the formats loads none of them and only ``sr`` ever loads pydicom.
"""

from importlib import import_module
from typing import Protocol, cast

from cxr_edge.errors import OutputError
from cxr_edge.types import Report

__all__ = ["WRITERS", "Writer", "get_writer"]

WRITERS: dict[str, str] = {
    "text": "cxr_edge.writers.text",
    "json": "cxr_edge.writers.json_report",
    "html": "cxr_edge.writers.html",
    "sr": "cxr_edge.writers.sr",
}


class Writer(Protocol):
    """What every output format provides."""

    name: str
    """Key in ``WRITERS``."""
    suffix: str
    """File name suffix, dot included."""

    def render(self, report: Report) -> bytes:
        """Return the whole file.

        Raises:
            StudyError: if this format cannot carry a report of this study.
        """
        ...


def get_writer(name: str) -> Writer:
    """Load one output format.

    Args:
        name: a key of ``WRITERS``.

    Raises:
        OutputError: if there is no format of that name.
    """
    if name not in WRITERS:
        raise OutputError(f"there is no output format '{name}'; choose one of {', '.join(WRITERS)}")
    return cast(Writer, import_module(WRITERS[name]))
