"""Tokenizers: sentences in, the arrays a bundle's text network reads out. No torch.

A bundle names its tokenizer by ``kind`` and keeps the tokenizer's data in one of its files. The
registry holds import paths as strings, so that listing the kinds loads nothing.
"""

from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import Any, Protocol, cast

import numpy as np
from numpy.typing import NDArray

from cxr_edge.errors import BundleError

TOKENIZERS: dict[str, str] = {
    "clip-bpe": "cxr_edge.tokenizers.clip_bpe:ClipBpeTokenizer",
    "ngrams": "cxr_edge.tokenizers.ngrams:NgramTokenizer",
    "wordpiece": "cxr_edge.tokenizers.wordpiece:WordPieceTokenizer",
}
"""Kind of each tokenizer and where its class is, as ``module:class``."""


class Tokenizer(Protocol):
    """Turns texts into the inputs of a text network."""

    def encode(self, texts: list[str]) -> dict[str, NDArray[np.generic]]:
        """Encode a batch.

        Args:
            texts: sentences or reports, any language, any case; an empty one is allowed.

        Returns:
            One array per input of the text network, by its name, the batch first.
        """
        ...


def get_tokenizer(spec: Mapping[str, Any], directory: Path) -> Tokenizer:
    """Open the tokenizer of a bundle.

    Args:
        spec: the ``tokenizer`` entry of the manifest: ``kind``, ``file`` and what the kind needs.
        directory: the bundle.

    Raises:
        BundleError: the kind is unknown, or its file is missing or damaged.
    """
    kind = str(spec.get("kind"))
    if kind not in TOKENIZERS:
        known = ", ".join(sorted(TOKENIZERS))
        raise BundleError(
            f"tokenizer kind {kind!r} is unknown: expected one of {known}; export the bundle again"
        )
    module, _, name = TOKENIZERS[kind].partition(":")
    return cast(Tokenizer, getattr(import_module(module), name).open(spec, directory))
