"""Labelers: a text in, what it says about each of the fourteen observations out.

The registry holds import paths as strings, so that listing the names loads nothing.
"""

from importlib import import_module
from typing import Protocol, cast

import numpy as np
from numpy.typing import NDArray

from cxr_edge.errors import CorpusError

LABELERS: dict[str, str] = {"rules": "cxr_edge.labelers.rules:RuleLabeler"}
"""Name of each labeler and where its class is, as ``module:class``."""


class Labeler(Protocol):
    """Says what a text asserts about each observation."""

    name: str

    def label(self, text: str) -> NDArray[np.int8]:
        """Label one sentence or one whole report.

        Args:
            text: Any text; an empty one mentions nothing.

        Returns:
            int8 (14,): values of ``Mention``, in ``OBSERVATIONS`` order.
        """
        ...


def get_labeler(name: str) -> Labeler:
    """Load a labeler by its registered name.

    Raises:
        CorpusError: No labeler has this name.
    """
    if name not in LABELERS:
        known = ", ".join(sorted(LABELERS))
        raise CorpusError(f"unknown labeler {name!r}: expected one of {known}; choose one of them")
    module, _, attribute = LABELERS[name].partition(":")
    return cast(Labeler, getattr(import_module(module), attribute)())
