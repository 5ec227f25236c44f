"""What an index is made of, as arrays: columns, the graph, the clusters."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cxr_edge.errors import SentenceIndexError
from cxr_edge.indexes.codes import encode

NO_ROW = 0xFFFFFFFF
"""Pads ``links``; what follows it in a line is not read."""


@dataclass(frozen=True)
class Strings:
    """Strings as one UTF-8 block."""

    data: NDArray[np.uint8]
    """uint8 (bytes,)."""
    offsets: NDArray[np.uint64]
    """uint64 (n+1,): string i is ``data[offsets[i]:offsets[i+1]]``."""

    @classmethod
    def of(cls, values: Iterable[str]) -> "Strings":
        """Pack strings."""
        return cls._packed([value.encode() for value in values])

    @classmethod
    def _packed(cls, encoded: Sequence[bytes]) -> "Strings":
        offsets = np.zeros(len(encoded) + 1, np.uint64)
        np.cumsum([len(value) for value in encoded], out=offsets[1:])
        return cls(np.frombuffer(b"".join(encoded), np.uint8), offsets)

    def __len__(self) -> int:
        return len(self.offsets) - 1

    def __getitem__(self, number: int | np.integer[Any]) -> str:
        """One string.

        Raises:
            SentenceIndexError: it is not UTF-8.
        """
        try:
            return self._raw(number).decode()
        except UnicodeDecodeError:
            raise SentenceIndexError(
                f"text {number} of the index is not UTF-8; build the index again"
            ) from None

    def take(self, numbers: Iterable[int | np.integer[Any]]) -> "Strings":
        """Some of the strings, in the order of ``numbers``."""
        return self._packed([self._raw(number) for number in numbers])

    def _raw(self, number: int | np.integer[Any]) -> bytes:
        return self.data[int(self.offsets[number]) : int(self.offsets[number + 1])].tobytes()


@dataclass(frozen=True)
class Sources:
    """Where each text comes from: at least one report id a text, the first seen first."""

    ids: Strings
    """Every report id once."""
    numbers: NDArray[np.uint32]
    """uint32 (m,): positions in ``ids``, text after text."""
    offsets: NDArray[np.uint64]
    """uint64 (n+1,): text i has ``numbers[offsets[i]:offsets[i+1]]``."""

    @classmethod
    def of(cls, ids_of_each: Iterable[Sequence[str]]) -> "Sources":
        """Pack the report ids of each text."""
        known: dict[str, int] = {}
        numbers: list[int] = []
        ends = [0]
        for ids in ids_of_each:
            numbers.extend(known.setdefault(one, len(known)) for one in ids)
            ends.append(len(numbers))
        return cls(Strings.of(known), np.array(numbers, np.uint32), np.array(ends, np.uint64))

    def __len__(self) -> int:
        return len(self.offsets) - 1

    def __getitem__(self, number: int | np.integer[Any]) -> tuple[str, ...]:
        """The report ids of one text."""
        return tuple(self.ids[one] for one in self._numbers(number))

    def first(self, number: int | np.integer[Any]) -> str:
        """The first report id of one text."""
        return self.ids[self.numbers[int(self.offsets[number])]]

    def take(self, texts: Sequence[int] | NDArray[np.integer[Any]]) -> "Sources":
        """The sources of some of the texts, in that order; ids that no other has are left out."""
        numbers = [self._numbers(text) for text in texts]
        offsets = np.zeros(len(numbers) + 1, np.uint64)
        np.cumsum([len(one) for one in numbers], out=offsets[1:])
        joined = np.concatenate(numbers) if numbers else np.empty(0, np.uint32)
        used, inverse = np.unique(joined, return_inverse=True)
        return Sources(self.ids.take(used), inverse.astype(np.uint32), offsets)

    def _numbers(self, text: int | np.integer[Any]) -> NDArray[np.uint32]:
        return self.numbers[int(self.offsets[text]) : int(self.offsets[text + 1])]


@dataclass(frozen=True)
class Columns:
    """The rows of an index (N rows, D dimensions)."""

    vectors: NDArray[Any]
    """float32 or float16 (N, D), in memory or mapped; unit length where the metric is cosine."""
    texts: Strings
    """N texts."""
    sources: Sources
    """The reports that hold each text."""
    labels: NDArray[np.int8]
    """int8 (N, 14): ``Mention`` per observation."""
    attributes: NDArray[np.uint8]
    """uint8 (N,): ``Attribute`` flags."""
    section: NDArray[np.uint8]
    """uint8 (N,): position in ``container.SECTION_NAMES``."""
    frequency: NDArray[np.uint32]
    """uint32 (N,): how often the corpus holds this very text."""
    cluster_size: NDArray[np.uint32]
    """uint32 (N,): how many different texts the row stands for, itself included."""


@dataclass(frozen=True)
class Graph:
    """A graph over the rows, flat: every row links to at most R others.

    A search scores all of ``entry``, keeps the best ef of them, and follows links from the best row
    not yet followed. It orders rows by their codes; the ef rows it ends with are scored by their
    vectors.
    """

    links: NDArray[np.uint32]
    """uint32 (N, R), padded with ``NO_ROW``."""
    entry: NDArray[np.uint32]
    """uint32 (E,), E >= 1."""
    codes: NDArray[np.int8]
    """int8 (N, D): the vectors to one byte a number, which order the beam; see ``codes``."""
    steps: NDArray[np.float32]
    """float32 (D,): what one step of a code is worth in each dimension."""
    about: Mapping[str, Any]
    """How it was built and what it finds; goes to the manifest as ``graph``. The planner reads
    ``expansion_search`` (the ef to search with), ``recall["image"]`` (share of the best 10 found
    for held-out image queries at this ef)."""

    @classmethod
    def over(
        cls,
        vectors: NDArray[Any],
        links: NDArray[np.uint32],
        entry: NDArray[np.uint32],
        about: Mapping[str, Any] | None = None,
    ) -> "Graph":
        """A graph over vectors (N, D), float32 or float16, whose codes are made now."""
        codes, steps = encode(vectors)
        return cls(links, entry, codes, steps, about or {})


@dataclass(frozen=True)
class Clusters:
    """What each row stands for: all M texts of the corpus before compression, for audit."""

    texts: Strings
    """M texts in corpus order, each once."""
    sources: Sources
    """The reports that hold each of the M texts."""
    frequency: NDArray[np.uint32]
    """uint32 (M,): how often the corpus holds each text."""
    members: NDArray[np.uint32]
    """uint32 (M,): positions in ``texts``, row after row; the first is the row's own text."""
    members_offsets: NDArray[np.uint64]
    """uint64 (N+1,): row i stands for ``members[offsets[i]:offsets[i+1]]``."""


@dataclass(frozen=True)
class Member:
    """One text that a row stands for."""

    text: str
    sources: tuple[str, ...] = field(repr=False)
    frequency: int
