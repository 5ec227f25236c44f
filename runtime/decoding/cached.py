"""A transformer decoder as two graphs, prefill and step, around a cache of fixed size."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from cxr_edge.decoding.beam import Decoded, State, Step, beam_search
from cxr_edge.engines.base import Engine

_CACHE = ("keys", "values")
_CROSS = ("cross_keys", "cross_values")


@dataclass(frozen=True)
class CachedDecoder:
    """Both graphs of ``dcrrg-decoder`` and what its tokenizer says.

    Attributes:
        prefill: ``memory`` float32 (N, S, P) and ``token`` int64 (N,) to ``logits`` float32 (N, V),
            the cache ``keys`` and ``values`` float32 (N, L, H, T, E), and ``cross_keys`` and
            ``cross_values`` float32 (N, L, H, S, E), which never change afterwards.
        step: ``token``, ``position`` int64 (N,), the cache and the cross arrays to ``logits`` and
            ``next_keys``, ``next_values``, the cache with one more slot filled.
        start: token that begins every sequence, at position 0.
        end: token that ends one.
        limit: most tokens of a sequence; the cache has room for them.
        beams: hypotheses kept; 1 is greedy, the paper searches with 3.
    """

    reads: ClassVar[tuple[str, ...]] = ("memory",)
    prefill: Engine
    step: Engine
    start: int
    end: int
    limit: int
    beams: int

    def write(self, seen: Mapping[str, NDArray[np.float32]]) -> list[list[Decoded]]:
        """One whole report of each picture, from its fourteen prompted embeddings at once.

        Args:
            seen: ``memory`` float32 (N, 14, P), of the image network.
        """
        return [[report] for report in self.decode(seen["memory"])]

    def describe(self, seen: Mapping[str, NDArray[np.float32]]) -> list[list[Decoded]]:
        """Fourteen descriptions of each picture, each from one prompted embedding alone.

        Args:
            seen: ``memory`` float32 (N, 14, P), of the image network.
        """
        memory = seen["memory"]
        count, rows, _ = memory.shape
        alone = self.decode(memory.reshape(count * rows, 1, -1))
        return [alone[start : start + rows] for start in range(0, len(alone), rows)]

    def decode(self, memory: NDArray[np.float32]) -> list[Decoded]:
        """Decode each of N memories.

        Args:
            memory: float32 (N, S, P).

        Returns:
            N results, in order.
        """
        count = len(memory)
        answer = self.prefill.run({"memory": memory, "token": np.full(count, self.start, np.int64)})
        # All hypotheses of one memory share its cross arrays, so these follow the sequence and
        # are gathered only when the number of rows changes, not reordered with the beams.
        cross = {name: answer[name] for name in _CROSS}
        gathered: dict[str, Any] = {"of": None}

        def advance(
            tokens: NDArray[np.int64], state: State, of: NDArray[np.int64], position: int
        ) -> Step:
            if gathered["of"] is None or not np.array_equal(gathered["of"], of):
                gathered.update({name: array[of] for name, array in cross.items()}, of=of)
            after = self.step.run(
                {
                    "token": tokens,
                    "position": np.full(len(tokens), position, np.int64),
                    **state,
                    **{name: gathered[name] for name in _CROSS},
                }
            )
            return Step(after["logits"], {name: after[f"next_{name}"] for name in _CACHE})

        first = Step(answer["logits"], {name: answer[name] for name in _CACHE})
        return beam_search(first, advance, beams=self.beams, end=self.end, limit=self.limit)
