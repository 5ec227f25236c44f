"""First stage: read the corpus once, keep each text once, remember where all of it came from.

Texts that are equal in lower case are one; the first is kept, with the report ids of all. What is
kept in memory is a 16-byte digest of each text and a few numbers, not the texts.
"""

import hashlib
import os
from array import array
from collections import Counter
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cxr_edge.errors import CorpusError
from cxr_edge.indexes.building.progress import Progress
from cxr_edge.indexes.building.workspace import Workspace
from cxr_edge.indexes.container import SECTION_NAMES
from cxr_edge.indexes.contents import Sources, Strings
from cxr_edge.indexes.corpora import Corpus
from cxr_edge.labels import OBSERVATIONS

NOT_GIVEN = -1
"""Stands for a label or an attribute that the corpus does not bring along."""
_TEXTS = "texts.utf8"
_TELL_EVERY = 1000


@dataclass(frozen=True)
class Texts:
    """What was read: M different texts in corpus order, mapped."""

    strings: Strings
    sources: Sources
    frequency: NDArray[np.uint32]
    """uint32 (M,): how often the corpus holds the text."""
    section: NDArray[np.uint8]
    """uint8 (M,): of the first of them, position in ``SECTION_NAMES``."""
    labels: NDArray[np.int8]
    """int8 (M, 14), ``NOT_GIVEN`` where the corpus brings none."""
    attributes: NDArray[np.int16]
    """int16 (M,), ``NOT_GIVEN`` where the corpus brings none."""

    def __len__(self) -> int:
        return len(self.frequency)

    @classmethod
    def open(cls, work: Workspace) -> "Texts":
        """Map what ``read`` wrote."""
        data = np.memmap(work.folder / _TEXTS, np.uint8, "r")
        ids = Strings(work.load("report_ids"), work.load("report_ids_offsets"))
        return cls(
            strings=Strings(data, work.load("text_offsets")),
            sources=Sources(ids, work.load("sources"), work.load("sources_offsets")),
            frequency=work.load("frequency"),
            section=work.load("section"),
            labels=work.load("given_labels"),
            attributes=work.load("given_attributes"),
        )


class _Reading:
    """What is known of the texts read so far."""

    def __init__(self) -> None:
        self.row_of: dict[bytes, int] = {}
        self.number_of: dict[str, int] = {}
        self.read = 0
        self.ends = array("Q", [0])
        self.frequency = array("I")
        self.section = bytearray()
        self.labels = bytearray()
        self.attributes = array("h")
        self.rows, self.reports = array("I"), array("I")

    def take(self, corpus: Corpus, path: Path | None, progress: Progress) -> None:
        """Read a corpus to its end; with a path, write the kept texts there, one after the other.

        Raises:
            CorpusError: it cannot be read.
        """
        blank = bytes([NOT_GIVEN & 0xFF]) * len(OBSERVATIONS)
        with path.open("wb") if path else nullcontext() as stream:
            for sentence in corpus:
                self.read += 1
                key = hashlib.blake2b(sentence.text.lower().encode(), digest_size=16).digest()
                row = self.row_of.setdefault(key, len(self.row_of))
                if row == len(self.frequency):
                    raw = sentence.text.encode()
                    if stream:
                        stream.write(raw)
                    self.ends.append(self.ends[-1] + len(raw))
                    self.frequency.append(0)
                    self.section.append(SECTION_NAMES.index(sentence.section))
                    self.labels += blank if sentence.labels is None else bytes(sentence.labels)
                    given = sentence.attributes
                    self.attributes.append(NOT_GIVEN if given is None else int(given))
                self.frequency[row] += 1
                self.rows.append(row)
                number = self.number_of.setdefault(sentence.source, len(self.number_of))
                self.reports.append(number)
                if self.read % _TELL_EVERY == 0:
                    progress("read", self.read, 0)
            if stream:
                stream.flush()
                os.fsync(stream.fileno())

    def sources(self) -> tuple[NDArray[np.uint32], NDArray[np.uint64]]:
        """Reports of each row, first seen first and each once: numbers and offsets."""
        rows, reports = np.array(self.rows, np.int64), np.array(self.reports, np.int64)
        _, first = np.unique(rows * max(1, len(self.number_of)) + reports, return_index=True)
        first.sort()
        first = first[np.argsort(rows[first], kind="stable")]
        offsets = np.zeros(len(self.frequency) + 1, np.uint64)
        np.cumsum(np.bincount(rows[first], minlength=len(self.frequency)), out=offsets[1:])
        return reports[first].astype(np.uint32), offsets


def read(corpus: Corpus, work: Workspace, *, minimum: int, progress: Progress) -> None:
    """Read a corpus into the working folder and record what was dropped, by reason.

    Args:
        corpus: where the texts come from.
        work: gets the files of ``Texts``.
        minimum: texts that are seen less often are dropped.
        progress: told of the texts read.

    Raises:
        CorpusError: the corpus cannot be read, or no text is left of it.
    """
    reading = _Reading()
    reading.take(corpus, work.folder / _TEXTS, progress)
    counts, kept = _counts(corpus, reading, minimum)
    if not kept.size:
        raise CorpusError(
            "the corpus gave no sentence: it is empty, or all of it was dropped (see above)"
        )
    numbers, offsets = reading.sources()
    ids = Strings.of(reading.number_of)
    sources = Sources(ids, numbers, offsets)
    ends = np.array(reading.ends, np.uint64)
    if kept.size < len(reading.frequency):
        strings = Strings(np.memmap(work.folder / _TEXTS, np.uint8, "r"), ends).take(kept)
        (work.folder / _TEXTS).unlink()
        with (work.folder / _TEXTS).open("wb") as stream:
            stream.write(strings.data.tobytes())
            stream.flush()
            os.fsync(stream.fileno())
        ends, sources = strings.offsets, sources.take(kept)
    given = np.frombuffer(bytes(reading.labels), np.int8).reshape(-1, len(OBSERVATIONS))
    columns: dict[str, NDArray[Any]] = {
        "text_offsets": ends,
        "report_ids": sources.ids.data,
        "report_ids_offsets": sources.ids.offsets,
        "sources": sources.numbers,
        "sources_offsets": sources.offsets,
        "frequency": np.array(reading.frequency, np.uint32)[kept],
        "section": np.frombuffer(bytes(reading.section), np.uint8)[kept],
        "given_labels": given[kept],
        "given_attributes": np.array(reading.attributes, np.int16)[kept],
    }
    for name, values in columns.items():
        work.save(name, values)
    work.record(counts=counts)


def count(corpus: Corpus, *, minimum: int, progress: Progress) -> dict[str, Any]:
    """What ``read`` would record, without writing anything.

    Raises:
        CorpusError: the corpus cannot be read.
    """
    reading = _Reading()
    reading.take(corpus, None, progress)
    return _counts(corpus, reading, minimum)[0]


def _counts(
    corpus: Corpus, reading: _Reading, minimum: int
) -> tuple[dict[str, Any], NDArray[np.intp]]:
    """The counts for the manifest, and the rows that are seen often enough."""
    frequency = np.array(reading.frequency, np.int64)
    kept = np.flatnonzero(frequency >= minimum)
    dropped = dict(corpus.dropped)
    if rare := int(frequency[frequency < minimum].sum()):
        dropped[f"seen less than {minimum} times"] = rare
    sections = np.frombuffer(bytes(reading.section), np.uint8)[kept]
    by_section = Counter(SECTION_NAMES[code] or "unknown" for code in sections)
    repeated = int(frequency[kept].sum()) - int(kept.size)
    return {
        "read": reading.read,
        "repeated": repeated,
        "kept": int(kept.size),
        "reports": len(reading.number_of),
        "by_section": dict(sorted(by_section.items())),
        "dropped": dict(sorted(dropped.items())),
    }, kept
