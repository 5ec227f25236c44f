"""The decoder that a bundle's ``decoding`` entry describes, around the bundle's networks."""

from collections.abc import Callable, Mapping
from typing import Any, ClassVar, Protocol

import numpy as np
from numpy.typing import NDArray

from cxr_edge.decoding.beam import Decoded
from cxr_edge.decoding.cached import CachedDecoder
from cxr_edge.decoding.sentences import SentenceDecoder
from cxr_edge.engines.base import Engine
from cxr_edge.errors import BundleError


class ReportDecoder(Protocol):
    """Writes reports, as tokens, from what an image network says of pictures."""

    reads: ClassVar[tuple[str, ...]]
    """Outputs of the image network that it needs."""

    def write(self, seen: Mapping[str, NDArray[np.float32]]) -> list[list[Decoded]]:
        """Write N reports.

        Args:
            seen: outputs of the image network by name, float32 (N, ...).

        Returns:
            For each picture what was written, in order: one whole report, or its sentences.
        """
        ...


def open_decoder(
    decoding: Mapping[str, Any], open_network: Callable[[str], Engine]
) -> ReportDecoder:
    """Put a decoder together.

    Args:
        decoding: the manifest's entry: ``kind``, ``start``, ``end``, ``beams``, and for ``cached``
            ``limit``, for ``sentences`` ``sentences`` and ``words``; see docs/bundle.md.
        open_network: gives a network of the bundle by its role.

    Raises:
        BundleError: the kind is unknown, an entry is missing or no number above zero (ids: no
            number from zero on), or the bundle lacks a network.
    """
    kind = decoding.get("kind")
    start, end = _number(decoding, "start", 0), _number(decoding, "end", 0)
    beams = _number(decoding, "beams", 1)
    if kind == "cached":
        limit = _number(decoding, "limit", 1)
        networks = open_network("prefill"), open_network("step")
        return CachedDecoder(*networks, start, end, limit, beams)
    if kind == "sentences":
        limits = _number(decoding, "sentences", 1), _number(decoding, "words", 1)
        networks = open_network("sentence"), open_network("word")
        return SentenceDecoder(*networks, start, end, *limits, beams)
    raise BundleError(
        f"decoding kind {kind!r} is unknown: expected cached or sentences; export the bundle again"
    )


def _number(decoding: Mapping[str, Any], name: str, least: int) -> int:
    value = decoding.get(name)
    if type(value) is not int or value < least:
        raise BundleError(
            f"decoding: {name} is {value!r}, expected a whole number from {least} on; "
            "export the bundle again"
        )
    return value
