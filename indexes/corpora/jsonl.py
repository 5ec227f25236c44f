"""Reports as JSON Lines: an object a line with ``findings`` and ``impression``.

Optional keys: ``uid`` or ``id`` (the source, else the line number) and ``split``. Sentences with
redaction marks and sentences that speak of an earlier study are left out and counted.
"""

import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from cxr_edge.errors import CorpusError
from cxr_edge.indexes.corpora import CorpusSentence
from cxr_edge.labelers.attributes import attributes, has_redaction
from cxr_edge.labelers.sentences import split_sentences
from cxr_edge.types import Attribute

_SECTIONS = ("findings", "impression")


class JsonlCorpus:
    """The sentences, or the whole reports, of a JSON Lines file, in file order."""

    def __init__(
        self, path: str | Path, *, unit: str = "sentence", split: str | None = None
    ) -> None:
        """Name the file.

        Args:
            path: the file.
            unit: ``sentence``, or ``report`` for one text a report (its impression, else its
                findings).
            split: take only the reports whose ``split`` is this.

        Raises:
            CorpusError: there is no such file.
        """
        self._path, self._unit, self._split = Path(path), unit, split
        self.dropped: Counter[str] = Counter()
        """Texts left out so far, by reason."""
        if not self._path.is_file():
            raise CorpusError(
                f"{path} is not a file; give a JSON Lines file of reports, or 'grammar' for ours"
            )

    def __iter__(self) -> Iterator[CorpusSentence]:
        """Read the file.

        Raises:
            CorpusError: the file cannot be read, or a line is no such object.
        """
        try:
            with self._path.open(encoding="utf-8-sig") as stream:
                for number, line in enumerate(stream, 1):
                    if line.strip():
                        yield from self._texts(self._parse(line, number), number)
        except (OSError, UnicodeDecodeError) as problem:
            raise CorpusError(f"{self._path} cannot be read: {problem}") from None

    def _parse(self, line: str, number: int) -> dict[str, Any]:
        try:
            report = json.loads(line)
            # json takes half a surrogate pair, which no file can hold.
            json.dumps(report, ensure_ascii=False).encode()
        except (ValueError, RecursionError):
            report = None
        if not isinstance(report, dict) or not all(
            isinstance(report.get(section, ""), str | None) for section in _SECTIONS
        ):
            raise CorpusError(
                f"{self._path}, line {number}: expected a JSON object with the texts "
                "'findings' and 'impression'"
            )
        return report

    def _texts(self, report: dict[str, Any], number: int) -> Iterator[CorpusSentence]:
        if self._split is not None and report.get("split") != self._split:
            self.dropped["of another split"] += 1
            return
        source = str(report.get("uid") or report.get("id") or f"line {number}")
        parts = [(section, (report.get(section) or "").strip()) for section in _SECTIONS]
        if self._unit == "report":
            section, text = next((p for p in reversed(parts) if p[1]), ("", ""))
            yield from self._kept([text], section, source)
            return
        for section, text in parts:
            yield from self._kept(split_sentences(text), section, source)

    def _kept(self, texts: list[str], section: str, source: str) -> Iterator[CorpusSentence]:
        for text in texts:
            found = attributes(text)
            if not text:
                self.dropped["empty"] += 1
            elif has_redaction(text):
                self.dropped["holds a redaction mark"] += 1
            elif found & Attribute.COMPARISON:
                self.dropped["speaks of an earlier study"] += 1
            else:
                yield CorpusSentence(text, source, None, found, section)
