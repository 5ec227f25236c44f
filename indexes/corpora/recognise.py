"""Tells a corpus's format from the names of its files and the header of its table."""

from pathlib import Path

from cxr_edge.errors import CorpusError
from cxr_edge.indexes.corpora.archives import is_archive, members
from cxr_edge.indexes.corpora.files import open_binary, walk
from cxr_edge.indexes.corpora.mimic import reports_folder
from cxr_edge.indexes.corpora.tables import table_header

# Columns that only this table has.
_TABLES: tuple[tuple[str, frozenset[str]], ...] = (
    ("chexpert-plus", frozenset(("path_to_image", "section_findings", "section_impression"))),
    ("mimic-cxr-sectioned", frozenset(("study", "impression", "findings", "last_paragraph"))),
    ("padchest", frozenset(("ImageID", "ReportID", "Report"))),
)
_IN_FOLDER = ("df_chexpert_plus_*.csv", "mimic_cxr_sectioned.csv", "PADCHEST_*.csv*")
_BY_ENDING = (
    ((".jsonl", ".ndjson", ".jsonl.gz"), "jsonl"),
    ((".parquet",), "parquet"),
    ((".xml",), "openi"),
    ((".txt", ".txt.gz"), "text"),
)


def recognise(path: Path) -> tuple[str, Path]:
    """The format of a corpus, and the file that holds it where the folder of it was named.

    Raises:
        CorpusError: there is nothing at ``path``, its format is not recognised, or it is PadChest,
            whose language no labeler here reads and which therefore has to be named.
    """
    if not path.exists():
        raise CorpusError(
            f"{path} is not a file or a folder; give a corpus of reports, or 'grammar' for ours"
        )
    try:
        form, path = _of_folder(path) if path.is_dir() else (_of_file(path), path)
    except OSError as problem:
        raise CorpusError(f"{path} cannot be read: {problem}") from None
    if form == "padchest":
        raise CorpusError(
            f"{path} is PadChest, in Spanish words cut to their stems, which no labeler here "
            "reads; to index it without labels all the same, say --format padchest"
        )
    return form, path


def _of_folder(folder: Path) -> tuple[str, Path]:
    if reports_folder(folder) is not None:
        return "mimic-cxr", folder
    for pattern in _IN_FOLDER:
        tables = sorted(folder.glob(pattern))
        if tables:
            return _of_file(tables[0]), tables[0]
    if (folder / "ecgen-radiology").is_dir() or any(folder.glob("*.xml")):
        return "openi", folder
    if next(walk(folder, (".txt",)), None) is not None:
        return "text", folder
    raise CorpusError(
        f"{folder} holds no corpus that is recognised: neither reports as .txt or .xml nor a table "
        "of a data set; name the file itself"
    )


def _of_file(path: Path) -> str:
    name = path.name.lower()
    form = next((form for endings, form in _BY_ENDING if name.endswith(endings)), None)
    if form is not None:
        return form
    if name.endswith((".csv", ".csv.gz", ".tsv", ".tsv.gz")):
        header = set(table_header(path))
        return next((form for form, columns in _TABLES if columns <= header), "csv")
    if is_archive(path):
        first = next(members(path, (".txt", ".xml")), ("", b""))[0]
        if first:
            return "openi" if first.lower().endswith(".xml") else "mimic-cxr"
    else:
        with open_binary(path) as stream:
            if stream.read(64).removeprefix(b"\xef\xbb\xbf").lstrip().startswith(b"{"):
                return "jsonl"
    raise CorpusError(
        f"{path}: its format is not recognised from its name; say which it is with --format"
    )
