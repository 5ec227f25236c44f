"""A transformer decoder as two graphs, prefill and step, around a cache of fixed size."""

from dataclasses import dataclass
from typing import Any

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
    """

    prefill: Engine
    step: Engine
    start: int
    end: int
    limit: int = 100

    def decode(self, memory: NDArray[np.float32], beams: int = 3) -> list[Decoded]:
        """Describe each of N memories.

        Args:
            memory: float32 (N, S, P): the fourteen prompted embeddings of N pictures for whole
                reports; (N, 1, P) for a description of one observation each.
            beams: 1 is greedy; the paper searches with 3.

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
        return beam_search(first, advance, beams=beams, end=self.end, limit=self.limit)
