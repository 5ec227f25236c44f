"""Tokenizers: texts in, the arrays a text network reads out; a decoder's ids to words. No torch.

A bundle names its tokenizer by ``kind`` and keeps the tokenizer's data in one of its files. The
registry holds import paths as strings, so that listing the kinds loads nothing.
"""

from collections.abc import Mapping, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any, Protocol, cast

import numpy as np
from numpy.typing import NDArray

from cxr_edge.errors import BundleError
from cxr_edge.tokenizers.prose import Spoken

TOKENIZERS: dict[str, str] = {
    "clip-bpe": "cxr_edge.tokenizers.clip_bpe:ClipBpeTokenizer",
    "llm2vec": "cxr_edge.tokenizers.llm2vec:Llm2VecTokenizer",
    "ngrams": "cxr_edge.tokenizers.ngrams:NgramTokenizer",
    "wordpiece": "cxr_edge.tokenizers.wordpiece:WordPieceTokenizer",
    "words": "cxr_edge.tokenizers.words:WordList",
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


class Detokenizer(Protocol):
    """Turns a decoder's ids into words."""

    def words(self, ids: Sequence[int]) -> list[Spoken]:
        """The words of some ids, with the places they come from.

        Args:
            ids: tokens of one report or sentence; those that are no words, such as the start, the
                end and the padding, are left out, and an unknown one is marked as such.
        """
        ...


def get_tokenizer(spec: Mapping[str, Any], directory: Path) -> Tokenizer:
    """Open the tokenizer of a bundle.

    Args:
        spec: the ``tokenizer`` entry of the manifest: ``kind``, ``file`` and what the kind needs.
        directory: the bundle.

    Raises:
        BundleError: the kind is unknown or only turns ids into words, or its file is missing or
            damaged.
    """
    return cast(Tokenizer, _open(spec, directory, "encode"))


def get_detokenizer(spec: Mapping[str, Any], directory: Path) -> Detokenizer:
    """Open the tokenizer of a bundle that holds a decoder; arguments as for ``get_tokenizer``.

    Raises:
        BundleError: the kind is unknown or only turns words into ids, or its file is missing or
            damaged.
    """
    return cast(Detokenizer, _open(spec, directory, "words"))


def _open(spec: Mapping[str, Any], directory: Path, direction: str) -> object:
    kind = str(spec.get("kind"))
    if kind not in TOKENIZERS:
        known = ", ".join(sorted(TOKENIZERS))
        raise BundleError(
            f"tokenizer kind {kind!r} is unknown: expected one of {known}; export the bundle again"
        )
    module, _, name = TOKENIZERS[kind].partition(":")
    tokenizer = getattr(import_module(module), name)
    if not hasattr(tokenizer, direction):
        purpose = "a text network" if direction == "encode" else "a decoder"
        raise BundleError(
            f"tokenizer kind {kind!r} is not one of {purpose}; export the bundle again"
        )
    return tokenizer.open(spec, directory)
