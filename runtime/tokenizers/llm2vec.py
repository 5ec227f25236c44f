"""Texts for a language model that embeds them behind an instruction, as LLM2Vec does.

The ids are those of the model's own ``tokenizer.json``, which the library ``tokenizers`` reads: an
optional dependency, for only a builder of an index needs it.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from cxr_edge.errors import BundleError

if TYPE_CHECKING:
    from tokenizers import Tokenizer

LENGTH = 512
"""Ids of the longest text."""


class Llm2VecTokenizer:
    """Texts to ids, padded on the left, and which of them are the text's own.

    LLM2Vec (BehnamGhader et al., COLM 2024) writes a separator between instruction and text, takes
    it out before the model sees either, and pools the text's ids alone: as many of a row's last ids
    as the text has when it stands by itself. With the instructions kept apart here, nothing has to
    be written and taken out again.
    """

    def __init__(
        self,
        tokenizer: "Tokenizer",
        instruction: str = "",
        sections: Mapping[str, str] | None = None,
        length: int = LENGTH,
    ) -> None:
        """Prepare a tokenizer.

        Args:
            tokenizer: of the language model; its padding and truncation are switched off.
            instruction: stands before every text.
            sections: by a mark such as ``[FINDINGS]``, the instruction of texts that hold it; the
                first that is found.
            length: ids of the longest row, the instruction's included.
        """
        tokenizer.no_padding()
        tokenizer.no_truncation()
        self._tokenizer, self._instruction = tokenizer, instruction
        self._sections, self.length = dict(sections or {}), length

    @classmethod
    def open(cls, spec: Mapping[str, Any], directory: Path) -> "Llm2VecTokenizer":
        """Read the tokenizer of a bundle.

        Args:
            spec: ``file``, and ``instruction``, ``sections`` and ``length``.
            directory: the bundle.

        Raises:
            BundleError: ``tokenizers`` is not installed, or the file is missing or something else.
        """
        path = directory / str(spec.get("file"))
        try:
            from tokenizers import Tokenizer
        except ImportError:
            raise BundleError(
                f"{path} needs the package tokenizers; run: pip install 'cxr-edge[llm]'"
            ) from None
        try:
            content = path.read_text(encoding="utf-8")
        except OSError as problem:
            raise BundleError(f"{path}: {problem.strerror}; export the bundle again") from None
        except UnicodeDecodeError:
            raise BundleError(f"{path} is not a tokenizer.json; export the bundle again") from None
        try:
            tokenizer = Tokenizer.from_str(content)
        except Exception as problem:  # the library raises nothing narrower
            reason = " ".join(str(problem).split())[:200]
            raise BundleError(
                f"{path} is not a tokenizer.json ({reason}); export the bundle again"
            ) from None
        return cls(
            tokenizer,
            str(spec.get("instruction", "")),
            spec.get("sections"),
            int(spec.get("length", LENGTH)),
        )

    @property
    def vocabulary(self) -> int:
        """Number of ids, added ones included."""
        return int(self._tokenizer.get_vocab_size(with_added_tokens=True))

    def encode(self, texts: list[str]) -> dict[str, NDArray[np.generic]]:
        """Encode a batch.

        A row that is too long keeps its first ids. Where a text has no ids, the whole row is
        pooled. What stands in the place of padding is 0, an id like any other: the mask rules.

        Returns:
            ``ids``, ``mask`` and ``pool``, int64 (N, L) each, L at most ``length``: the mask is 1
            where an id counts, the pool where it is one of the text's own.
        """
        whole = self._tokenizer.encode_batch([self._instruction_of(t) + t for t in texts])
        alone = self._tokenizer.encode_batch(texts, add_special_tokens=False)
        rows = [encoding.ids[: self.length] for encoding in whole]
        longest = max(map(len, rows), default=0)
        ids, mask, pool = (np.zeros((len(rows), longest), np.int64) for _ in range(3))
        for number, (row, text) in enumerate(zip(rows, alone, strict=True)):
            own = min(len(text.ids), len(row)) or len(row)
            ids[number, longest - len(row) :] = row
            mask[number, longest - len(row) :] = 1
            pool[number, longest - own :] = 1
        return {"ids": ids, "mask": mask, "pool": pool}

    def _instruction_of(self, text: str) -> str:
        found = (written for mark, written in self._sections.items() if mark in text)
        return next(found, self._instruction)
