"""A list of words with their ids: what decoders of report code bases are trained with.

The file is a JSON list whose places are the ids; an empty string is an id without a word, such as
the start, the end and the padding.
"""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from cxr_edge.errors import BundleError
from cxr_edge.tokenizers.prose import UNKNOWN, Spoken


class WordList:
    """Ids to words. There is no ``encode``: no text network reads such ids."""

    def __init__(self, words: Sequence[str], unknown: int | None = None) -> None:
        """Words in the order of their ids, and the id of the unknown word where there is one."""
        self._words, self._unknown = tuple(words), unknown

    @classmethod
    def open(cls, spec: Mapping[str, Any], directory: Path) -> "WordList":
        """Read the words of a bundle.

        Args:
            spec: ``file``, and ``unknown`` where there is such an id.
            directory: the bundle.

        Raises:
            BundleError: the file is missing, or is not such a list.
        """
        path = directory / str(spec.get("file"))
        try:
            words = json.loads(path.read_bytes())
        except OSError as problem:
            raise BundleError(f"{path}: {problem.strerror}; export the bundle again") from None
        except (ValueError, RecursionError):
            words = None
        if not isinstance(words, list) or not all(isinstance(word, str) for word in words):
            raise BundleError(f"{path} is not a JSON list of words; export the bundle again")
        unknown = spec.get("unknown")
        return cls(words, None if unknown is None else int(unknown))

    def __len__(self) -> int:
        return len(self._words)

    def words(self, ids: Sequence[int]) -> list[Spoken]:
        """The words of some ids; what has none, such as the padding, is left out."""
        spoken = []
        for place, number in enumerate(ids):
            known = 0 <= number < len(self._words) and number != self._unknown
            word = self._words[number].strip() if known else UNKNOWN
            if word:
                spoken.append(Spoken(word, place, place + 1))
        return spoken
