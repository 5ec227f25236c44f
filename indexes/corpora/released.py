"""Tables that data sets are released as: whose columns are fixed.

MIMIC-CXR's sections (made by the data set's own script), CheXpert Plus and PadChest. The latter two
have a row for each image.
"""

import re
from pathlib import Path

from cxr_edge.indexes.corpora import CorpusOptions
from cxr_edge.indexes.corpora.mimic import study_splits
from cxr_edge.indexes.corpora.tables import Columns, Row, TableReader, cell
from cxr_edge.indexes.corpora.text.judging import Language
from cxr_edge.indexes.corpora.text.spanish import STEMMED_SPANISH

_STUDY = re.compile(r"(patient\d+/study\d+)")


def mimic_sectioned_reader(path: Path, options: CorpusOptions) -> TableReader:
    """The reader of ``mimic_cxr_sectioned.csv``.

    Its columns are study, impression, findings, last_paragraph and comparison. The last paragraph
    counts where a report has neither findings nor impression. The splits are those of
    ``mimic-cxr-2.0.0-split.csv`` beside the table.

    Raises:
        CorpusError: a split is wanted and its file is not there.
    """
    splits = study_splits([path.parent]) if options.split is not None else None
    return TableReader(
        path,
        options,
        form="mimic-cxr-sectioned",
        columns=Columns("findings", "impression", "last_paragraph", source="study"),
        split_of=None if splits is None else splits.of,
        split_file=None if splits is None else splits.path,
    )


def chexpert_plus_reader(path: Path, options: CorpusOptions) -> TableReader:
    """The reader of ``df_chexpert_plus_240401.csv``; a source is ``patient…/study…``."""

    def study(row: Row) -> str:
        image = cell(row, "path_to_image")
        found = _STUDY.search(image)
        return found[1] if found else image

    return TableReader(
        path,
        options,
        form="chexpert-plus",
        columns=Columns(
            "section_findings",
            "section_impression",
            "report",
            split="split",
            image="path_to_image",
            view="frontal_lateral",
        ),
        source_of=study,
        row_per_image=True,
    )


class PadchestReader(TableReader):
    """PadChest: Spanish, lower case, words cut to their stems, sentences apart by full stops."""

    language: Language = STEMMED_SPANISH


def padchest_reader(path: Path, options: CorpusOptions) -> PadchestReader:
    """The reader of ``PADCHEST_chest_x_ray_images_labels_160K_01.02.19.csv``, also gzipped."""

    def image(row: Row) -> str:
        folder, name = cell(row, "ImageDir"), cell(row, "ImageID")
        return f"{folder}/{name}" if folder and name else name

    reader = PadchestReader(
        path,
        options,
        form="padchest",
        columns=Columns(report="Report", source="ReportID", view="Projection"),
        image_of=image,
        row_per_image=True,
    )
    reader.notes.append(
        "PadChest's reports are Spanish words cut to their stems: no labeler here reads them, so "
        "every label stays blank and no method that drafts from labels will use them"
    )
    return reader
