"""The byte-pair tokenizer of CLIP (Radford et al., ICML 2021), without torch.

Text is cleaned and put in lower case, cut into words, and each word's UTF-8 bytes are merged pair
by pair in the order of a merges file: ``bpe_simple_vocab_16e6.txt.gz`` as OpenAI released it, or
the same as a plain ``merges.txt``. Ids follow from the merges alone: 256 bytes, the same bytes at
the end of a word, one id a merge, then start and end of text.

The released code cleans with ftfy. Here its repairs that matter in reports are made (curly quotes,
ligatures, full-width letters, control characters, composed accents); text that was decoded with a
wrong character set is left as it is.
"""

import gzip
import html
import io
import re
import unicodedata
import zlib
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cxr_edge.errors import BundleError

CONTEXT = 77
"""Ids of one text, start and end included."""

MERGES = 49152 - 256 - 2
"""Merges in use; OpenAI's file goes on after them."""

_WORD_END = "</w>"
_LIMIT = 64 * 2**20
_SUFFIX = re.compile(r"'(?:s|t|re|ve|m|ll|d)", re.IGNORECASE)
_CONTROL = re.compile("[\x00-\x08\x0b\x0e-\x1f\x7f\u206a-\u206f\ufeff\ufff9-\ufffc]")


def _plain_forms() -> dict[int, str]:
    forms = dict.fromkeys((700, *range(8216, 8220)), "'")
    forms |= dict.fromkeys(range(8220, 8224), '"')
    compatible = (0x0132, 0x0133, *range(0x01C4, 0x01CD), *range(0x01F1, 0x01F4))
    for code in (*compatible, *range(0xFB00, 0xFB07), 0x3000, *range(0xFF01, 0xFFF0)):
        forms[code] = unicodedata.normalize("NFKC", chr(code))
    return forms | {0x0149: "'n"}


_PLAIN_FORMS = _plain_forms()


def clean(text: str) -> str:
    """Plain quotes and letters, no control characters or entities, single blanks, lower case."""
    text = html.unescape(html.unescape(text)).translate(_PLAIN_FORMS)
    text = unicodedata.normalize("NFC", _CONTROL.sub("", text))
    return " ".join(text.split()).lower()


def _kind(character: str) -> str:
    category = unicodedata.category(character)
    return category[0] if category[0] in "LN" else "" if character.isspace() else "other"


def words(text: str) -> Iterator[str]:
    """Cut cleaned text: English suffixes, runs of letters, single digits, runs of anything else."""
    place = 0
    while place < len(text):
        if suffix := _SUFFIX.match(text, place):
            yield suffix[0]
            place = suffix.end()
            continue
        kind, start = _kind(text[place]), place
        place += 1
        while kind in ("L", "other") and place < len(text) and _kind(text[place]) == kind:
            place += 1
        if kind:
            yield text[start:place]


_PRINTABLE = (*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100))
_OTHERS = tuple(byte for byte in range(256) if byte not in _PRINTABLE)
_SYMBOLS = {byte: chr(byte) for byte in _PRINTABLE} | {
    byte: chr(256 + place) for place, byte in enumerate(_OTHERS)
}
"""A printable character for each byte; the order of the entries is the order of the ids."""


class ClipBpeTokenizer:
    """Texts to the 77 ids that CLIP's text tower reads.

    Attributes:
        start: id of the start of text, 49406 with OpenAI's merges.
        end: id of its end, the largest of all: 49407.
        context: ids of one text.
    """

    def __init__(self, merges: Sequence[tuple[str, str]], context: int = CONTEXT) -> None:
        """Merges in their order, and ids of one text."""
        symbols = list(_SYMBOLS.values())
        vocabulary = [*symbols, *(symbol + _WORD_END for symbol in symbols)]
        vocabulary += [left + right for left, right in merges]
        self._ranks = {pair: rank for rank, pair in enumerate(merges)}
        self._ids = {symbol: number for number, symbol in enumerate(vocabulary)}
        self._word_ids = lru_cache(maxsize=65536)(self._merged)
        self.start, self.end = len(vocabulary), len(vocabulary) + 1
        self.context = context

    @classmethod
    def open(cls, spec: Mapping[str, Any], directory: Path) -> "ClipBpeTokenizer":
        """Read the merges of a bundle.

        Args:
            spec: ``file`` and, where it is not 77, ``context``.
            directory: the bundle.

        Raises:
            BundleError: the file is missing, or is not such a list of merges.
        """
        path = directory / str(spec.get("file"))
        try:
            return cls(parse_merges(path.read_bytes()), int(spec.get("context", CONTEXT)))
        except OSError as problem:
            raise BundleError(f"{path}: {problem.strerror}; export the bundle again") from None
        except (ValueError, TypeError) as problem:
            raise BundleError(
                f"{path} is not CLIP's list of merges ({problem}); export the bundle again"
            ) from None

    @property
    def vocabulary(self) -> int:
        """Number of ids, 49408 with OpenAI's merges."""
        return self.end + 1

    def encode(self, texts: list[str]) -> dict[str, NDArray[np.generic]]:
        """Texts to ``ids`` int64 (N, 77): start, tokens, end, zeros.

        A text that is too long is cut, and its last id is the end all the same. The names of the
        two special tokens, written out in a text, are text like any other.
        """
        ids = np.zeros((len(texts), self.context), np.int64)
        for row, text in zip(ids, texts, strict=True):
            tokens = [number for word in words(clean(text)) for number in self._word_ids(word)]
            tokens = tokens[: self.context - 2]
            row[: len(tokens) + 2] = [self.start, *tokens, self.end]
        return {"ids": ids}

    def _merged(self, word: str) -> tuple[int, ...]:
        parts = [_SYMBOLS[byte] for byte in word.encode(errors="replace")]
        parts[-1] += _WORD_END
        while len(parts) > 1:
            pairs = set(pairwise(parts))
            best = min(pairs, key=lambda pair: self._ranks.get(pair, len(self._ranks)))
            if best not in self._ranks:
                break
            parts = _joined(parts, best)
        return tuple(self._ids[part] for part in parts)


def _joined(parts: list[str], pair: tuple[str, str]) -> list[str]:
    """Join every occurrence of a pair, from the left."""
    joined: list[str] = []
    place = 0
    while place < len(parts):
        size = 2 if tuple(parts[place : place + 2]) == pair else 1
        joined.append("".join(parts[place : place + size]))
        place += size
    return joined


def parse_merges(data: bytes) -> tuple[tuple[str, str], ...]:
    """Read a merges file, gzip-compressed or plain; its first line is a heading.

    Returns:
        The 48,894 merges in use, in their order.

    Raises:
        ValueError: the data is damaged, or is something else.
    """
    if data[:2] == b"\x1f\x8b":
        data = _unzipped(data)
    lines = data.decode("utf-8").split("\n")[1 : MERGES + 1]
    merges = tuple((left, right) for left, _, right in (line.partition(" ") for line in lines))
    whole = sum(bool(left and right and " " not in right) for left, right in merges)
    if whole != MERGES:
        raise ValueError(f"it has {whole} merges, expected {MERGES}")
    return merges


def _unzipped(data: bytes) -> bytes:
    try:
        with gzip.open(io.BytesIO(data)) as stream:
            plain = stream.read(_LIMIT + 1)
    except (OSError, EOFError, zlib.error):
        raise ValueError("its compression is damaged") from None
    if len(plain) > _LIMIT:
        raise ValueError(f"it is longer than {_LIMIT} bytes when unpacked")
    return plain
