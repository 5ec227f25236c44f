"""Reads studies: headers of everything first, then the pixels of the chosen images only."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from types import TracebackType
from typing import BinaryIO

from cxr_edge.dicom.attributes import SECONDARY_CAPTURE, check_sop_class, read_pixel_format
from cxr_edge.dicom.frontal import Hint, read_hint, read_view
from cxr_edge.dicom.grey import read_grey
from cxr_edge.dicom.header import Header, NotDicomError, quiet_pydicom, read_header
from cxr_edge.dicom.identity import derive_uid, read_identity, read_text, read_uid
from cxr_edge.dicom.limits import Limits
from cxr_edge.dicom.pictures import is_picture, read_picture
from cxr_edge.dicom.pixels import read_stored
from cxr_edge.dicom.quality import inspect_header, inspect_picture
from cxr_edge.dicom.sources import Collection, Source, collect
from cxr_edge.dicom.syntaxes import SYNTAXES
from cxr_edge.dicom.worker import DecodeWorker
from cxr_edge.errors import StudyError
from cxr_edge.types import SourceImage, Study, StudyFailure

_MOST_PICTURES = 4
"""Images of one study whose pixels are compared when the headers do not decide."""
_FRONTAL_MARGIN = 0.05


@dataclass(frozen=True)
class _Candidate:
    """One image as its header shows it."""

    source: Source
    study_uid: str
    hint: Hint = Hint.UNKNOWN
    secondary: bool = False
    sop_uid: str = ""
    error: str = ""
    """Why it cannot be used; empty where it can."""
    header: Header | None = None
    """Kept for a single file only, so that a large folder does not fill memory."""


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
        """Files passed over so far because they are not images this program could read."""

    def start(self) -> None:
        """Start the decode worker now, so that it is ready when it is needed.

        Raises:
            DecoderUnavailable: No decoder is installed.
        """
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

    def read(self, path: str | Path) -> Study:
        """Read the one study of a file, folder, zip or ``-``.

        Raises:
            StudyError: There is no readable study, or more than one.
            DecoderUnavailable: The decoder for its transfer syntax is not installed.
        """
        collection, groups = self._open(path)
        try:
            if len(groups) != 1:
                found = f"{len(groups)} studies" if groups else "no DICOM image"
                raise StudyError(
                    f"{_shown(path)}: holds {found} where one was expected; "
                    "for several use cxr-run, which writes one report for each"
                )
            return self._read_group(groups[0])
        finally:
            collection.close()

    def studies(self, path: str | Path) -> Iterator[Study | StudyFailure]:
        """Read the studies of a file, folder, zip or ``-``, one image for each StudyInstanceUID.

        A study that cannot be read is yielded as ``StudyFailure``. Files that are not DICOM are
        passed over in a folder or zip and counted in ``skipped``.

        Raises:
            StudyError: The path itself cannot be read, or holds no study.
        """
        collection, groups = self._open(path)
        try:
            if not groups:
                raise StudyError(f"{_shown(path)}: holds no DICOM image; one was expected")
            for group in groups:
                try:
                    yield self._read_group(group)
                except StudyError as error:
                    yield StudyFailure(group[0].source.name, str(error))
        finally:
            collection.close()

    def _open(self, path: str | Path) -> tuple[Collection, list[list[_Candidate]]]:
        try:
            collection = collect(path, self._limits, self._stdin)
        except StudyError as error:
            raise _named(error, _shown(path)) from None
        try:
            return collection, self._group(collection)
        except BaseException:
            collection.close()
            raise

    def _group(self, collection: Collection) -> list[list[_Candidate]]:
        groups: dict[str, list[_Candidate]] = {}
        pictures: list[_Candidate] = []
        for source in collection.sources:
            try:
                candidate = self._scan(source, keep=not collection.many)
            except NotDicomError as error:
                if not collection.many:
                    raise _named(error, _shown(source.name)) from None
                self.skipped += 1
                continue
            if candidate is None:
                pictures.append(_Candidate(source, source.name))
            else:
                groups.setdefault(candidate.study_uid, []).append(candidate)
        if groups:
            # Beside DICOM files a PNG or JPEG is a thumbnail or a note, not a study.
            self.skipped += len(pictures)
            return list(groups.values())
        return [[picture] for picture in pictures]

    def _scan(self, source: Source, keep: bool) -> _Candidate | None:
        """Read one header; None for a PNG or JPEG. Raises NotDicomError for anything else."""
        if source.size > self._limits.max_file_bytes:
            return _Candidate(source, source.name, error="it is larger than allowed; refused")
        try:
            with source.open() as stream:
                if is_picture(stream.read(8)):
                    return None
                stream.seek(0)
                header = read_header(stream, source.size, self._limits)
        except NotDicomError:
            raise
        except StudyError as error:
            return _Candidate(source, source.name, error=str(error))
        with quiet_pydicom():
            try:
                study_uid = read_uid(header.dataset, "StudyInstanceUID") or source.name
                sop_uid = read_uid(header.dataset, "SOPInstanceUID") or ""
                hint = read_hint(header.dataset)
                sop_class = check_sop_class(header.dataset)
            except StudyError as error:
                return _Candidate(source, study_uid, error=str(error))
            except Exception as error:
                return _Candidate(source, source.name, error=_damaged(error))
        return _Candidate(
            source,
            study_uid,
            hint,
            sop_class == SECONDARY_CAPTURE,
            sop_uid,
            header=header if keep else None,
        )

    def _read_group(self, group: list[_Candidate]) -> Study:
        """Choose and read the frontal image of one study."""
        usable = [candidate for candidate in group if not candidate.error]
        self.skipped += len(group) - len(usable) if usable else 0
        if not usable:
            raise StudyError(f"{_shown(group[0].source.name)}: {group[0].error}")
        usable.sort(key=lambda candidate: (-candidate.hint, candidate.secondary))
        best = [candidate for candidate in usable if candidate.hint == usable[0].hint]
        return self._read_one(best[0])

    def _read_one(self, candidate: _Candidate) -> Study:
        source = candidate.source
        try:
            with source.open() as stream:
                if candidate.header is None and is_picture(stream.read(8)):
                    stream.seek(0)
                    return read_picture(
                        stream, source.size, source.name, self._limits, self._worker
                    )
                stream.seek(0)
                header = candidate.header or read_header(stream, source.size, self._limits)
                with quiet_pydicom():
                    return self._read_dicom(header, source, stream)
        except StudyError as error:
            raise _named(error, _shown(source.name)) from None
        except Exception as error:  # pydicom converts values late and raises many kinds
            raise StudyError(f"{_shown(source.name)}: {_damaged(error)}") from None

    def _read_dicom(self, header: Header, source: Source, stream: object) -> Study:
        dataset = header.dataset
        sop_class = check_sop_class(dataset)
        layout = read_pixel_format(dataset, self._limits)
        grey = read_grey(dataset, layout.rows, layout.columns)
        stored = read_stored(header, layout, stream, source.size, self._worker)
        image = SourceImage(
            stored=stored,
            bits_stored=layout.bits_stored,
            inverted=layout.inverted,
            slope=grey.slope,
            intercept=grey.intercept,
            modality_lut=grey.modality_lut,
            window=grey.window,
            voi_lut=grey.voi_lut,
            padding=grey.padding,
            region=grey.region,
        )
        verdict = inspect_picture(image)
        notes = [*grey.warnings, *inspect_header(dataset), *verdict.warnings]
        uids = {}
        for keyword in ("StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID"):
            uid = read_uid(dataset, keyword)
            if uid is None:
                uid = derive_uid(keyword, stored.tobytes())
                notes.append(f"The header has no valid {keyword}; one was derived from the pixels.")
            uids[keyword] = uid
        return Study(
            image=image,
            path=source.name,
            study_instance_uid=uids["StudyInstanceUID"],
            series_instance_uid=uids["SeriesInstanceUID"],
            sop_instance_uid=uids["SOPInstanceUID"],
            sop_class_uid=sop_class,
            view=read_view(dataset),
            transfer_syntax_uid=header.transfer_syntax_uid,
            header=read_identity(dataset),
            warnings=tuple(notes),
        )


def read_study(path: str | Path) -> Study:
    """Read one study from a file, folder, zip or ``-`` (standard input).

    Raises:
        StudyError: There is no readable study, or more than one.
        DecoderUnavailable: The decoder for its transfer syntax is not installed.
    """
    with StudyReader() as reader:
        return reader.read(path)


def _named(error: StudyError, name: str) -> StudyError:
    return type(error)(f"{name}: {error}")


def _damaged(error: Exception) -> str:
    return f"the DICOM header is damaged ({type(error).__name__}); export the image again"


def _shown(path: str | Path) -> str:
    """Return a path that stays on one line."""
    return "".join(char if char.isprintable() else "?" for char in str(path))
