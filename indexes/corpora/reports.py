"""From reports to sentences: the part that is the same for every format.

A reader hands out ``RawReport``; ``ReportCorpus`` parses sections, splits, screens, normalises and
counts what it leaves out.
"""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from cxr_edge.errors import CorpusError
from cxr_edge.indexes.corpora import CorpusOptions, CorpusSentence
from cxr_edge.indexes.corpora.files import fingerprint
from cxr_edge.labelers.attributes import attributes, has_redaction
from cxr_edge.labelers.sentences import split_sentences
from cxr_edge.types import Attribute

_MANY_SPLITS = 20


@dataclass(frozen=True, slots=True)
class RawReport:
    """One report as its file has it."""

    source: str
    """Id of the report in its data set, or where it stands in the file."""
    parts: tuple[tuple[str, str], ...]
    """Section (``findings``, ``impression``, or empty for a whole report) and text, in order."""
    split: str | None = None
    images: tuple[str, ...] = ()
    """Paths of the report's images as the data set gives them; empty where it names none."""


class Reader(Protocol):
    """One format: what the reports of a source are."""

    form: str
    """The name in ``CORPORA``."""
    notes: list[str]
    """Remarks for the user."""

    def files(self) -> Iterable[Path]:
        """The files that the rows come from, in a fixed order."""
        ...

    def reports(self, dropped: Counter[str]) -> Iterator[RawReport]:
        """The reports in a fixed order; what the reader itself leaves out is counted.

        Raises:
            CorpusError: the source cannot be read; the message names file and line.
        """
        ...


class ReportCorpus:
    """The sentences, or the whole reports, of a reader."""

    def __init__(self, reader: Reader, options: CorpusOptions) -> None:
        self._reader, self._options = reader, options
        self.dropped: Counter[str] = Counter()
        self.notes = reader.notes

    def fingerprint(self) -> str:
        """See ``Corpus``."""
        return fingerprint(self._reader.files(), self._reader.form, self._options)

    def __iter__(self) -> Iterator[CorpusSentence]:
        """See ``Corpus``."""
        self.dropped.clear()
        for report in self._wanted():
            yield from self._texts(report)

    def _wanted(self) -> Iterator[RawReport]:
        """The reports of the split.

        Raises:
            CorpusError: no report is of it.
        """
        wanted, met, others = self._options.split, False, set[str]()
        for report in self._reader.reports(self.dropped):
            if wanted is None or report.split == wanted:
                met = True
                yield report
                continue
            self.dropped["report of another split"] += 1
            if report.split and len(others) < _MANY_SPLITS:
                others.add(report.split)
        if others and not met:
            raise CorpusError(
                f"no report is of the split {wanted!r}; there are: {', '.join(sorted(others))}"
            )

    def _texts(self, report: RawReport) -> Iterator[CorpusSentence]:
        for section, text in report.parts:
            if section and section not in self._options.sections:
                continue
            if self._options.unit == "report":
                yield from self._kept([text], section, report.source)
            else:
                yield from self._kept(split_sentences(text), section, report.source)

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
