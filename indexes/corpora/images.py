"""Reports by image, for an index whose keys are images (the papers' retrieval baseline)."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from cxr_edge.errors import CorpusError
from cxr_edge.indexes.corpora import CorpusOptions, open_reader
from cxr_edge.indexes.corpora.files import fingerprint
from cxr_edge.indexes.corpora.reports import (
    NOTHING_LEFT,
    ImageName,
    RawReport,
    Reader,
    judged_sentences,
    of_split,
    whole_report,
)
from cxr_edge.indexes.corpora.text.judging import EARLIER, REDACTED

NO_IMAGE = "report without an image"
IMAGE_MISSING = "image that is not there"
OTHER_VIEW = "image of another view"
SHORTENED = "report shortened, so that it says less than its image shows"
IMAGE_ENDINGS = (".png", ".jpg", ".jpeg", ".dcm", ".dicom")


@dataclass(frozen=True, slots=True)
class ImageReport:
    """An image and the report that goes with it."""

    image_path: Path
    report_text: str
    source: str
    """Id of the report."""
    section: str
    """``findings``, ``impression``, or empty where the text has both."""
    view: str
    """``frontal``, ``lateral``, or empty where the data set does not say."""


class ImageReports:
    """The images of a corpus with their reports, in corpus order, read as they are asked for."""

    def __init__(
        self, reader: Reader, options: CorpusOptions, images: Path | None, view: str | None
    ) -> None:
        self._reader, self._options, self._view = reader, options, view
        self._folders = [images] if images is not None else list(reader.image_folders())
        self.dropped: Counter[str] = Counter()
        """What the latest iteration left out so far, by reason."""
        self.notes = reader.notes

    def fingerprint(self) -> str:
        """Hex digest of the reports' files and the options; the images themselves do not count."""
        form = f"images of {self._reader.form}, view {self._view}, {self._folders}"
        return fingerprint(self._reader.files(), form, self._options)

    def __iter__(self) -> Iterator[ImageReport]:
        """Read the corpus.

        A report that lost a sentence about an earlier study, or one with a redaction mark, is left
        out whole: its image still shows what the sentence said, and a draft made of the rest would
        not. ``earlier_studies="keep"`` and ``redaction="strip"`` keep such reports.

        Raises:
            CorpusError: the corpus cannot be read, or none of its images is there.
        """
        self.dropped.clear()
        found = False
        for report in of_split(self._reader, self._options.split, self.dropped):
            text = self._text(report)
            if text is None:
                continue
            if not report.images:
                self.dropped[NO_IMAGE] += 1
            for name in report.images:
                for path in self._paths(name):
                    found = True
                    view = name.view or self._reader.view(path)
                    if self._view is not None and view and view != self._view:
                        self.dropped[OTHER_VIEW] += 1
                    else:
                        yield ImageReport(path, text[0], report.source, text[1], view)
        if not found and self.dropped[IMAGE_MISSING]:
            raise CorpusError(
                f"none of {self.dropped[IMAGE_MISSING]} images is there; looked in: "
                + ", ".join(str(folder) for folder in self._folders)
            )

    def _text(self, report: RawReport) -> tuple[str, str] | None:
        """Text and section of a report that is kept."""
        left_out: Counter[str] = Counter()
        sentences = list(judged_sentences(report, self._options, self._reader.language, left_out))
        self.dropped.update(left_out)
        whole = whole_report(sentences, report.source)
        if whole is None:
            self.dropped[NOTHING_LEFT] += 1
            return None
        if left_out[EARLIER] or left_out[REDACTED]:
            self.dropped[SHORTENED] += 1
            return None
        return whole.text, whole.section

    def _paths(self, name: ImageName) -> list[Path]:
        """The files an image name stands for; a missing one is counted."""
        paths = image_files(self._folders, name.path)
        if not paths:
            self.dropped[IMAGE_MISSING] += 1
        return paths


def image_files(folders: Sequence[Path], name: str) -> list[Path]:
    """The files that a data set's name of an image stands for; none where there is none.

    Args:
        folders: where it may be, the likeliest first.
        name: a path from one of them, with or without its ending; a folder stands for its images.
    """
    for folder in folders:
        path = folder / name
        if path.is_dir():
            return sorted(p for p in path.iterdir() if p.suffix.lower() in IMAGE_ENDINGS)
        if path.is_file():
            return [path]
        # Some data sets name their images without an ending.
        for ending in IMAGE_ENDINGS:
            named = path.with_name(path.name + ending)
            if named.is_file():
                return [named]
    return []


def image_reports(
    source: str | Path,
    options: CorpusOptions | None = None,
    form: str | None = None,
    *,
    images: Path | None = None,
    view: str | None = "frontal",
) -> ImageReports:
    """Open a corpus by image.

    Args:
        source: a corpus that names its images: JSON Lines with ``images``, a table with a column of
            paths, MIMIC-CXR with its images, CheXpert Plus, PadChest or Open-I.
        options: what is taken of each report; the unit is always the report.
        form: one of ``CORPORA``; None recognises it.
        images: folder that the images' names start from; None looks where the data set has them.
        view: ``frontal`` leaves out images that are known to be lateral; None takes all.

    Raises:
        CorpusError: as ``open_corpus``, or the grammar was named, which has no images.
    """
    options = CorpusOptions() if options is None else options
    if form == "grammar" or (form is None and str(source) == "grammar"):
        raise CorpusError("the grammar has no images; name a corpus of reports with images")
    return ImageReports(open_reader(source, options, form), options, images, view)
