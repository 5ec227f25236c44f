"""WordPiece as BERT uses it (Devlin et al., NAACL 2019), without torch.

Text loses its control characters and, for uncased models, accents and case; words are cut at
blanks, at every punctuation mark and around every ideograph, then into the longest pieces that
``vocab.txt`` holds.
"""

import unicodedata
from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cxr_edge.errors import BundleError
from cxr_edge.tokenizers.prose import UNKNOWN, Spoken

LENGTH = 512
"""Ids of the longest text that BERT reads."""

_LONGEST_WORD = 100
_IDEOGRAPHS = (
    (0x4E00, 0x9FFF),
    (0x3400, 0x4DBF),
    (0x20000, 0x2A6DF),
    (0x2A700, 0x2B73F),
    (0x2B740, 0x2B81F),
    (0x2B820, 0x2CEAF),
    (0xF900, 0xFAFF),
    (0x2F800, 0x2FA1F),
)
_BLANKS = "\t\n\r"


def words(text: str, lower: bool = True) -> list[str]:
    """Words of a text; a punctuation mark or an ideograph is a word of its own.

    Args:
        text: any.
        lower: take accents and case away, as uncased models do.
    """
    plain = "".join(map(_spaced, text))
    if lower:
        plain = unicodedata.normalize("NFD", plain)
        plain = "".join(c for c in plain if unicodedata.category(c) != "Mn").lower()
    return "".join(f" {c} " if _is_punctuation(c) else c for c in plain).split()


def _spaced(character: str) -> str:
    if character in _BLANKS or unicodedata.category(character) == "Zs":
        return " "
    if character == "\ufffd" or unicodedata.category(character)[0] == "C":
        return ""
    code = ord(character)
    if any(first <= code <= last for first, last in _IDEOGRAPHS):
        return f" {character} "
    return character


def _is_punctuation(character: str) -> bool:
    """Unicode's punctuation and every other mark of ASCII, such as ``$`` and ``^``."""
    if character.isascii():
        return character.isprintable() and not character.isalnum() and character != " "
    return unicodedata.category(character)[0] == "P"


class WordPieceTokenizer:
    """Texts to ids and a mask, both padded to the longest text of the batch."""

    def __init__(
        self, vocabulary: Sequence[str], length: int = LENGTH, *, lower: bool = True
    ) -> None:
        """Prepare a vocabulary.

        Args:
            vocabulary: pieces in the order of their ids.
            length: ids of the longest text.
            lower: as for :func:`words`.

        Raises:
            ValueError: a special piece is missing.
        """
        self._vocabulary = tuple(vocabulary)
        self._ids = {piece: number for number, piece in enumerate(vocabulary)}
        special = ("[PAD]", "[UNK]", "[CLS]", "[SEP]")
        missing = [piece for piece in special if piece not in self._ids]
        if missing:
            raise ValueError(f"it lacks {', '.join(missing)}")
        self.pad, self.unknown, self.first, self.last = (self._ids[piece] for piece in special)
        self.length, self._lower = length, lower
        self._word_ids = lru_cache(maxsize=65536)(self._pieces)

    @classmethod
    def open(cls, spec: Mapping[str, Any], directory: Path) -> "WordPieceTokenizer":
        """Read the vocabulary of a bundle.

        Args:
            spec: ``file`` and, where they are not 512 and true, ``length`` and ``lower``.
            directory: the bundle.

        Raises:
            BundleError: the file is missing, or is not such a vocabulary.
        """
        path = directory / str(spec.get("file"))
        try:
            pieces = parse_vocabulary(path.read_bytes())
            lower = bool(spec.get("lower", True))
            return cls(pieces, int(spec.get("length", LENGTH)), lower=lower)
        except OSError as problem:
            raise BundleError(f"{path}: {problem.strerror}; export the bundle again") from None
        except (ValueError, TypeError) as problem:
            raise BundleError(
                f"{path} is not a WordPiece vocabulary ({problem}); export the bundle again"
            ) from None

    @property
    def vocabulary(self) -> int:
        """Number of ids."""
        return len(self._ids)

    def encode(self, texts: list[str]) -> dict[str, NDArray[np.generic]]:
        """Encode a batch.

        A text that is too long keeps its first ids and ends in ``[SEP]`` all the same. The names of
        special tokens, written out in a text, are text like any other.

        Returns:
            ``ids`` int64 (N, L) and ``mask`` int64 (N, L), 1 where an id counts, L at most
            ``length``.
        """
        rows = [self._row(text) for text in texts]
        longest = max(map(len, rows), default=2)
        ids = np.full((len(rows), longest), self.pad, np.int64)
        mask = np.zeros_like(ids)
        for number, row in enumerate(rows):
            ids[number, : len(row)] = row
            mask[number, : len(row)] = 1
        return {"ids": ids, "mask": mask}

    def words(self, ids: Sequence[int]) -> list[Spoken]:
        """The words of a decoder's ids.

        A piece that begins with ``##`` goes on with the one before. Special pieces (in square
        brackets) are left out, but for ``[UNK]``, which is marked.
        """
        spoken: list[Spoken] = []
        for place, number in enumerate(ids):
            piece = self._vocabulary[number] if 0 <= number < len(self._vocabulary) else "[UNK]"
            special = len(piece) > 2 and piece[0] == "[" and piece[-1] == "]"
            if number == self.unknown or piece == "[UNK]":
                spoken.append(Spoken(UNKNOWN, place, place + 1))
            elif piece.startswith("##") and spoken and spoken[-1].last == place:
                before = spoken.pop()
                spoken.append(Spoken(before.text + piece[2:], before.first, place + 1))
            elif not special:
                spoken.append(Spoken(piece.removeprefix("##"), place, place + 1))
        return spoken

    def _row(self, text: str) -> list[int]:
        ids = [number for word in words(text, self._lower) for number in self._word_ids(word)]
        return [self.first, *ids[: self.length - 2], self.last]

    def _pieces(self, word: str) -> tuple[int, ...]:
        """The longest piece from the left, again and again; unknown as a whole if that fails."""
        if len(word) > _LONGEST_WORD:
            return (self.unknown,)
        pieces: list[int] = []
        start = 0
        while start < len(word):
            lead = "##" if start else ""
            ends = range(len(word), start, -1)
            end = next((e for e in ends if lead + word[start:e] in self._ids), None)
            if end is None:
                return (self.unknown,)
            pieces.append(self._ids[lead + word[start:end]])
            start = end
        return tuple(pieces)


def parse_vocabulary(data: bytes) -> list[str]:
    """Read a ``vocab.txt``: one piece a line, the line's number is its id.

    Raises:
        ValueError: it is not UTF-8 text, or a piece is repeated.
    """
    pieces = [line.rstrip("\r") for line in data.decode("utf-8").split("\n")]
    if pieces and not pieces[-1]:
        pieces.pop()
    if len(set(pieces)) != len(pieces):
        raise ValueError("it names a piece twice")
    return pieces
