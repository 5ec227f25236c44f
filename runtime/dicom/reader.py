"""Reads studies: headers of everything first, then the pixels of the chosen images only."""

import contextlib
import hashlib
import os
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from types import TracebackType
from typing import BinaryIO

import numpy as np

from cxr_edge.dicom.frontal import Hint
from cxr_edge.dicom.image import read_candidate
from cxr_edge.dicom.limits import Limits
from cxr_edge.dicom.quality import FRONTAL, Verdict
from cxr_edge.dicom.scan import Candidate, Scan, scan
from cxr_edge.dicom.sources import Collection, collect
from cxr_edge.dicom.worker import DecodeWorker
from cxr_edge.errors import DecoderUnavailable, StudyError
from cxr_edge.types import Study, StudyFailure

_MOST_COMPARED = 4
"""Images of one study whose pixels are compared when the headers do not decide."""
_MOST_TRIED = 16
"""Images of one study that are opened until so many are readable; a hostile study ends here."""
_CLEAR_MARGIN = 0.1
"""Difference in likeness between two images below which the choice is called unsure."""
_PART = 1 << 20
"""Bytes read at a time."""


class StudyReader:
    """Reads any number of studies and owns the decode worker.

    Use it as a context manager; the worker is started when the first compressed image comes, or by
    ``start``.
    """

    def __init__(self, limits: Limits | None = None, stdin: BinaryIO | None = None) -> None:
        """Set the limits.

        Args:
            limits: Caps on what an input may ask for.
            stdin: Read for ``-`` in place of the process's standard input.
        """
        self._limits = limits or Limits()
        self._stdin = stdin
        self._worker = DecodeWorker(self._limits)
        self.skipped = 0
        """Files passed over so far because they are not images this program reads."""

    def start(self) -> None:
        """Start the decode worker now, so that it loads while something else does.

        Where no decoder is installed nothing happens; the first compressed image says so.
        """
        with contextlib.suppress(DecoderUnavailable):
            self._worker.start()

    def close(self) -> None:
        """End the decode worker."""
        self._worker.close()

    def __enter__(self) -> "StudyReader":
        """Return self."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """End the decode worker."""
        self.close()

    def read(self, path: str | os.PathLike[str]) -> Study:
        """Read the one study of a file, folder, zip or ``-``.

        Raises:
            StudyError: There is no readable study, or more than one.
            DecoderUnavailable: The decoder for its transfer syntax is not installed.
        """
        collection, found = self._open(path)
        try:
            if len(found.groups) != 1:
                held = f"{len(found.groups)} studies" if found.groups else "no DICOM image"
                raise StudyError(
                    f"{_shown(path)}: holds {held} where one study was expected; "
                    "for several use cxr-run, which writes one report for each"
                )
            return self._read_group(found.groups[0])
        finally:
            collection.close()

    def studies(self, path: str | os.PathLike[str]) -> Iterator[Study | StudyFailure]:
        """Read the studies of a file, folder, zip or ``-``, one image for each StudyInstanceUID.

        A study that cannot be read is yielded as ``StudyFailure`` and the next one follows. Files
        that are not images are passed over in a folder or zip and counted in ``skipped``.

        Raises:
            StudyError: The path itself cannot be read, or holds no study.
        """
        collection, found = self._open(path)
        try:
            if not found.groups:
                raise StudyError(f"{_shown(path)}: holds no DICOM image; one was expected")
            for group in found.groups:
                try:
                    yield self._read_group(group)
                except StudyError as error:
                    yield StudyFailure(group[0].source.name, str(error))
        finally:
            collection.close()

    def _open(self, path: str | os.PathLike[str]) -> tuple[Collection, Scan]:
        try:
            collection = collect(path, self._limits, self._stdin)
        except StudyError as error:
            raise _named(error, path) from None
        try:
            found = scan(collection, self._limits)
        except StudyError as error:
            collection.close()
            raise _named(error, path) from None
        self.skipped += found.skipped
        return collection, found

    def _read_group(self, group: tuple[Candidate, ...]) -> Study:
        """Choose and read the frontal image of one study."""
        usable = [candidate for candidate in group if not candidate.error]
        if not usable:
            raise StudyError(f"{_shown(group[0].source.name)}: {group[0].error}")
        self.skipped += len(group) - len(usable)
        likely = [candidate for candidate in usable if candidate.hint != Hint.LATERAL]
        only_lateral = not likely
        likely = sorted(likely or usable, key=lambda candidate: -candidate.hint)
        originals = [candidate for candidate in likely if not candidate.secondary] or likely
        study, verdict, notes = self._read_most_frontal(_distinct(originals))
        if only_lateral:
            notes.append(
                "The study holds no image that its header calls frontal; the draft assumes a "
                "frontal chest."
            )
        return replace(study, warnings=(*study.warnings, *verdict.warnings, *notes))

    def _read_most_frontal(self, candidates: list[Candidate]) -> tuple[Study, Verdict, list[str]]:
        """Read the images that headers cannot tell apart and keep the one that looks frontal."""
        read: list[tuple[Study, Verdict]] = []
        failure: StudyError | None = None
        shared = False
        for candidate in candidates[:_MOST_TRIED]:
            if len(read) == _MOST_COMPARED:
                break
            try:
                study, verdict = read_candidate(candidate, self._limits, self._worker)
            except StudyError as error:
                failure = failure or _named(error, candidate.source.name)
                continue
            if any(np.array_equal(study.image.stored, other.image.stored) for other, _ in read):
                continue  # the same picture, stored again with another header
            shared |= any(study.sop_instance_uid == other.sop_instance_uid for other, _ in read)
            read.append((study, verdict))
        if not read:
            assert failure is not None
            raise failure
        read.sort(key=lambda pair: -pair[1].frontal)
        study, verdict = read[0]
        notes: list[str] = []
        if failure is not None:
            notes.append("Another image of the study could not be read.")
        if shared:
            notes.append("Different images of the study carry the same SOPInstanceUID.")
        if len(candidates) > _MOST_COMPARED:
            notes.append(f"Only {_MOST_COMPARED} of the study's images were compared.")
        if len(read) > 1:
            close = verdict.frontal - read[1][1].frontal < _CLEAR_MARGIN
            if close or verdict.frontal < FRONTAL:
                notes.append(
                    f"The study holds {len(candidates)} images that may be frontal; the choice "
                    "among them is unsure."
                )
        return study, verdict, notes


def read_study(path: str | os.PathLike[str]) -> Study:
    """Read one study from a file, folder, zip or ``-`` (standard input).

    Raises:
        StudyError: There is no readable study, or more than one.
        DecoderUnavailable: The decoder for its transfer syntax is not installed.
    """
    with StudyReader() as reader:
        return reader.read(path)


def _distinct(candidates: list[Candidate]) -> list[Candidate]:
    """Drop repeats, first kept: the same SOPInstanceUID and the same bytes."""
    uids = Counter(candidate.sop_uid for candidate in candidates if candidate.sop_uid)
    seen: set[bytes] = set()
    kept: list[Candidate] = []
    for candidate in candidates:
        # Only where a UID comes twice is a whole file read to see whether it is the same.
        if uids[candidate.sop_uid] > 1:
            digest = _digest(candidate)
            if digest in seen:
                continue
            seen.add(digest)
        kept.append(candidate)
    return kept


def _digest(candidate: Candidate) -> bytes:
    """SHA-256 of a file's bytes; of one that cannot be read, something that no other has."""
    try:
        hasher = hashlib.sha256()
        with candidate.source.open() as stream:
            while part := stream.read(_PART):
                hasher.update(part)
        return hasher.digest()
    except StudyError:  # said when its pixels are read
        return candidate.source.name.encode(errors="surrogateescape")


def _named(error: StudyError, path: str | os.PathLike[str]) -> StudyError:
    return type(error)(f"{_shown(path)}: {error}")


def _shown(path: str | os.PathLike[str]) -> str:
    """Return a path that stays on one line."""
    return "".join(char if char.isprintable() else "?" for char in str(path))
