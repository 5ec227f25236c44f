"""Labelers: a text in, what it says about each of the fourteen observations out.

The registry holds import paths as strings, so that listing the names loads nothing.
"""

from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import Protocol, cast, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from cxr_edge.errors import CorpusError

LABELERS: dict[str, str] = {
    "chexbert": "cxr_edge.labelers.chexbert:CheXbertLabeler",
    "rules": "cxr_edge.labelers.rules:RuleLabeler",
}
"""Name of each labeler and where its class is, as ``module:class``."""


class Labeler(Protocol):
    """Says what texts assert about each observation. One thread at a time."""

    name: str
    """Name in the registry."""
    source: str
    """What exactly labels, for an index to record: the name, and a hash of weights if any."""

    def label(self, text: str) -> NDArray[np.int8]:
        """Label one sentence or one whole report.

        Args:
            text: Any text; an empty one mentions nothing.

        Returns:
            int8 (14,): values of ``Mention``, in ``OBSERVATIONS`` order.
        """
        ...

    def label_all(self, texts: Sequence[str]) -> NDArray[np.int8]:
        """Label many texts, as fast as the labeler can.

        Returns:
            int8 (N, 14), one row a text, in the order given.
        """
        ...

    def close(self) -> None:
        """Give the memory back; the labeler cannot be used afterwards."""
        ...


@runtime_checkable
class EmbeddingLabeler(Labeler, Protocol):
    """A labeler that also turns a text into a vector, which an index is compressed by."""

    dimension: int
    """D, the size of an embedding."""

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Embed texts.

        Returns:
            float32 (N, D), one row a text, in the order given; not normalised.
        """
        ...

    def label_and_embed(self, texts: Sequence[str]) -> tuple[NDArray[np.int8], NDArray[np.float32]]:
        """Both, for the price of one."""
        ...


class _LabelerClass(Protocol):
    """What the registry points to."""

    def open(self, bundle: str | Path | None, engine: str, threads: int | None) -> Labeler: ...


def get_labeler(
    name: str,
    *,
    bundle: str | Path | None = None,
    engine: str = "auto",
    threads: int | None = None,
) -> Labeler:
    """Load a labeler by its registered name.

    Args:
        name: A key of ``LABELERS``.
        bundle: Directory of the network that labels, for a labeler that is one.
        engine: Runs that network.
        threads: Processors for it; default all that this process may use.

    Raises:
        CorpusError: No labeler has this name, or it needs a bundle and got none, or the reverse.
        BundleError: The bundle is missing, damaged, or holds another network.
        EngineUnavailable: The engine cannot run here.
    """
    if name not in LABELERS:
        known = ", ".join(sorted(LABELERS))
        raise CorpusError(f"unknown labeler {name!r}: expected one of {known}; choose one of them")
    module, _, attribute = LABELERS[name].partition(":")
    chosen = cast(_LabelerClass, getattr(import_module(module), attribute))
    return chosen.open(bundle, engine, threads)
