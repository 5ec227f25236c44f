"""From reports to sentences: the part that is the same for every format.

A reader hands out ``RawReport``; what is here parses sections, splits, judges and counts what is
left out.
"""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from cxr_edge.errors import CorpusError
from cxr_edge.indexes.corpora import CorpusOptions, CorpusSentence
from cxr_edge.indexes.corpora.files import fingerprint
from cxr_edge.indexes.corpora.text.judging import Language
from cxr_edge.indexes.corpora.text.normalise import in_capitals, normalise_report
from cxr_edge.indexes.corpora.text.sections import parse_sections, select
from cxr_edge.labelers.attributes import attributes
from cxr_edge.labelers.sentences import split_sentences

OTHER_SPLIT = "report of another split"
REPEATED_ROW = "row that repeats the report of another image"
NO_SECTION = "report without the sections wanted"
NOTHING_LEFT = "report of which nothing is left"
LONGEST = 500_000
"""Characters of one report; more is a file of many that was read as one."""
_MANY_SPLITS = 20


@dataclass(frozen=True, slots=True)
class ImageName:
    """An image of a report, as its data set names it."""

    path: str
    """Absolute, or relative to one of the reader's image folders; a folder stands for all images
    in it."""
    view: str = ""
    """``frontal``, ``lateral`` or empty where the data set does not say."""


@dataclass(frozen=True, slots=True)
class RawReport:
    """One report as its file has it."""

    source: str
    """Id of the report in its data set, or where it stands in the file."""
    parts: tuple[tuple[str, str], ...]
    """Section (``findings``, ``impression``, or empty for a whole report) and text, in order."""
    split: str | None = None
    images: tuple[ImageName, ...] = ()


class Reader(Protocol):
    """One format: what the reports of a source are."""

    form: str
    """The name in ``CORPORA``."""
    language: Language
    row_per_image: bool
    """Whether a report comes again with each of its images."""
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

    def image_folders(self) -> Iterable[Path]:
        """Where the images may be, the likeliest first."""
        ...

    def view(self, image: Path) -> str:
        """``frontal`` or ``lateral`` where it is known apart from the report, else empty."""
        ...


def of_split(reader: Reader, split: str | None, dropped: Counter[str]) -> Iterator[RawReport]:
    """The reports of one split, or all.

    Raises:
        CorpusError: no report is of it, or the source cannot be read.
    """
    met, others = False, set[str]()
    for report in reader.reports(dropped):
        if split is None or report.split == split:
            met = True
            yield report
            continue
        dropped[OTHER_SPLIT] += 1
        if report.split and len(others) < _MANY_SPLITS:
            others.add(report.split)
    if split is not None and not met:
        raise CorpusError(
            f"no report is of the split {split!r}; "
            + (f"there are: {', '.join(sorted(others))}" if others else "none names its split")
        )


def judged_sentences(
    report: RawReport, options: CorpusOptions, language: Language, dropped: Counter[str]
) -> Iterator[CorpusSentence]:
    """The sentences of one report that are kept, in order; what is left out is counted.

    Raises:
        CorpusError: it is far longer than any report.
    """
    if (length := sum(len(text) for _, text in report.parts)) > LONGEST:
        raise CorpusError(
            f"the report {report.source[:80]!r} has {length:,} characters; expected at most "
            f"{LONGEST:,}: give one report a line, row or file"
        )
    empty = True
    for given, raw in report.parts:
        if given and given not in options.sections:
            if raw.strip():
                dropped[f"section left out: {given}"] += 1
            continue
        selection = select(parse_sections(normalise_report(raw), within=given), options.sections)
        for name in selection.left_out:
            dropped[f"section left out: {name}"] += 1
        for section, text in selection.parts:
            empty = False
            capitals = in_capitals(text)
            for sentence in split_sentences(text):
                judged = language.judge(sentence, capitals, options)
                if judged.reason is not None:
                    dropped[judged.reason] += 1
                    continue
                yield CorpusSentence(
                    judged.text, report.source, language.labels, judged.attributes, section
                )
    if empty:
        dropped[NO_SECTION] += 1


def whole_report(sentences: list[CorpusSentence], source: str) -> CorpusSentence | None:
    """What is left of a report as one text; None where nothing is."""
    if not sentences:
        return None
    text = " ".join(sentence.text for sentence in sentences)
    sections = {sentence.section for sentence in sentences}
    labels = sentences[0].labels
    return CorpusSentence(
        text=text,
        source=source,
        labels=labels,
        # Where a language brings its labels, nothing here reads it.
        attributes=attributes(text) if labels is None else sentences[0].attributes,
        section=sections.pop() if len(sections) == 1 else "",
    )


class ReportCorpus:
    """The sentences, or the whole reports, of a reader; see ``Corpus``."""

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
        met: set[int] = set()
        for report in of_split(self._reader, self._options.split, self.dropped):
            if self._reader.row_per_image:
                key = hash(report.source)  # a number, not the text: there may be millions
                if key in met:
                    self.dropped[REPEATED_ROW] += 1
                    continue
                met.add(key)
            sentences = judged_sentences(report, self._options, self._reader.language, self.dropped)
            if self._options.unit == "sentence":
                yield from sentences
                continue
            before = self.dropped[NO_SECTION]
            whole = whole_report(list(sentences), report.source)
            if whole is not None:
                yield whole
            elif self.dropped[NO_SECTION] == before:
                self.dropped[NOTHING_LEFT] += 1
