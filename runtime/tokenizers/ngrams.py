"""Word n-grams with inverse document frequencies: the tokenizer of the small text tower."""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from cxr_edge.errors import BundleError

_WORD = re.compile(r"[a-z0-9]+")
_REDACTED = re.compile(r"x{3,}")


def words_of(text: str) -> list[str]:
    """Lower-case words; hyphens and apostrophes split, redactions (``XXXX``) are left out."""
    return [word for word in _WORD.findall(text.lower()) if not _REDACTED.fullmatch(word)]


def ngrams_of(text: str, longest: int) -> set[str]:
    """Every run of 1 .. ``longest`` neighbouring words, joined by one blank."""
    words = words_of(text)
    return {
        " ".join(words[start : start + length])
        for length in range(1, longest + 1)
        for start in range(len(words) - length + 1)
    }


@dataclass(frozen=True)
class NgramTokenizer:
    """Presence of each n-gram times its weight, L2-normalised.

    Attributes:
        ngrams: the vocabulary; its order is the order of the columns.
        weights: float32 (V,), inverse document frequency of each n-gram, positive.
        longest: words in the longest n-gram, at least 1.
    """

    ngrams: tuple[str, ...]
    weights: NDArray[np.float32]
    longest: int

    @classmethod
    def open(cls, spec: Mapping[str, Any], directory: Path) -> "NgramTokenizer":
        """Read the vocabulary of a bundle.

        Raises:
            BundleError: the file is missing, or is not such a vocabulary.
        """
        path = directory / str(spec.get("file"))
        try:
            return cls.parse(path.read_bytes())
        except OSError as problem:
            raise BundleError(f"{path}: {problem.strerror}; export the bundle again") from None
        except (ValueError, KeyError, TypeError) as problem:
            raise BundleError(
                f"{path} is not an n-gram vocabulary ({problem}); export the bundle again"
            ) from None

    @classmethod
    def parse(cls, data: bytes) -> "NgramTokenizer":
        """The inverse of :meth:`to_bytes`; raises ValueError, KeyError or TypeError otherwise."""
        content = json.loads(data)
        return cls.of(content["ngrams"], content["weights"])

    @classmethod
    def of(cls, ngrams: Sequence[str], weights: ArrayLike) -> "NgramTokenizer":
        """Build from a vocabulary and its weights; ValueError where they do not fit together."""
        values = np.asarray(weights, np.float32)
        if values.shape != (len(ngrams),) or not ngrams or not (values > 0).all():
            raise ValueError("expected as many positive weights as n-grams, at least one")
        return cls(tuple(ngrams), values, max(ngram.count(" ") for ngram in ngrams) + 1)

    def to_bytes(self) -> bytes:
        """The vocabulary as JSON; weights in the fewest digits that give back the same float32."""
        weights = [float(str(weight)) for weight in self.weights]
        return json.dumps({"ngrams": self.ngrams, "weights": weights}).encode()

    @cached_property
    def _columns(self) -> dict[str, int]:
        return {ngram: column for column, ngram in enumerate(self.ngrams)}

    def encode(self, texts: list[str]) -> dict[str, NDArray[np.generic]]:
        """Texts to ``bag`` float32 (N, V); a text without a known word is a row of zeros."""
        bag = np.zeros((len(texts), len(self.ngrams)), np.float32)
        for row, text in zip(bag, texts, strict=True):
            known = [self._columns[g] for g in ngrams_of(text, self.longest) if g in self._columns]
            row[known] = self.weights[known]
            length = float(np.sqrt(np.square(row[known], dtype=np.float64).sum()))
            if length > 0:
                row /= length
        return {"bag": bag}
