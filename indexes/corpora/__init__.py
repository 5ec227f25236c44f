"""Corpora: where the sentences of an index come from.

A reader turns one source into ``CorpusSentence`` rows, one after the other, in an order that is the
same each time. The registry holds import paths as strings, so that listing the names loads nothing.
"""

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Literal, Protocol, cast

from cxr_edge.errors import CorpusError
from cxr_edge.types import Attribute

if TYPE_CHECKING:
    from cxr_edge.indexes.corpora.reports import Reader

_ROOM = "cxr_edge.indexes.corpora"
CORPORA: dict[str, str] = {
    "chexpert-plus": f"{_ROOM}.released:chexpert_plus_reader",
    "csv": f"{_ROOM}.tables:TableReader",
    "grammar": f"{_ROOM}.grammar.corpus:open_grammar",
    "jsonl": f"{_ROOM}.jsonl:JsonlReader",
    "mimic-cxr": f"{_ROOM}.mimic:MimicReader",
    "mimic-cxr-sectioned": f"{_ROOM}.released:mimic_sectioned_reader",
    "openi": f"{_ROOM}.openi:OpenIReader",
    "padchest": f"{_ROOM}.released:padchest_reader",
    "parquet": f"{_ROOM}.parquet:ParquetReader",
    "text": f"{_ROOM}.plain:PlainReader",
}
"""Name of each corpus format and what makes its reader of a path and the options, as
``module:name``; the grammar's makes the corpus itself."""
_NAMED_COLUMNS = frozenset(("csv", "jsonl", "parquet"))
SECTIONS = ("findings", "impression")
ROLES = (*SECTIONS, "report", "source", "split", "image", "view")
"""What a column of a table can be."""


@dataclass(frozen=True)
class CorpusSentence:
    """One sentence of a corpus, before it is embedded."""

    text: str
    source: str
    """Id of the report, or of the grammar rule, it comes from."""
    labels: tuple[int, ...] | None
    """Fourteen values of ``Mention`` in ``OBSERVATIONS`` order; None: labelled at build time."""
    attributes: Attribute | None
    """None: read from the text at build time."""
    section: str = ""
    """``findings``, ``impression``, or empty where it fits either."""


@dataclass(frozen=True)
class CorpusOptions:
    """What is taken from a corpus, and how it is written."""

    unit: Literal["sentence", "report"] = "sentence"
    """``report``: one text a report, what is left of its wanted sections in their order."""
    split: str | None = None
    """Take only the reports of this split."""
    sections: tuple[str, ...] = SECTIONS
    """Any of ``findings`` and ``impression``. CXR-RePaiR takes ``("impression",)``. Text under no
    heading is taken only where both are wanted."""
    earlier_studies: Literal["drop", "keep"] = "drop"
    """What becomes of a sentence that speaks of an earlier study."""
    redaction: Literal["drop", "strip", "keep"] = "drop"
    """What becomes of a sentence with a redaction mark (``XXXX``, ``___``, ``[**...**]``):
    ``strip`` takes the mark out and keeps the rest."""
    acronyms: bool = False
    """Write acronyms out (PTX: pneumothorax)."""
    lower: bool = False
    """Write everything in lower case."""
    columns: tuple[tuple[str, str], ...] = ()
    """Pairs of a role (one of ``ROLES``) and the column or key of the file that holds it. What is
    not named is recognised by its usual names."""

    def __post_init__(self) -> None:
        """Check the choices.

        Raises:
            CorpusError: a value is none of those offered.
        """
        wrong = [name for name in self.sections if name not in SECTIONS]
        if wrong or not self.sections:
            raise CorpusError(
                f"sections {', '.join(self.sections) or '(none)'}: expected one or both of "
                f"{', '.join(SECTIONS)}"
            )
        for name, allowed in (
            ("unit", ("sentence", "report")),
            ("earlier_studies", ("drop", "keep")),
            ("redaction", ("drop", "strip", "keep")),
        ):
            if getattr(self, name) not in allowed:
                raise CorpusError(
                    f"{name} {getattr(self, name)!r}: expected one of {', '.join(allowed)}"
                )
        for role, _ in self.columns:
            if role not in ROLES:
                raise CorpusError(f"column role {role!r}: expected one of {', '.join(ROLES)}")


class Corpus(Protocol):
    """What a reader provides: sentences in corpus order, and a count of what it left out.

    Each iteration reads the source again from its beginning and counts anew. Rows are read as they
    are asked for; nothing grows with the number of rows but, for formats with a row per image, the
    set of the studies already met.
    """

    dropped: Counter[str]
    """Texts left out by the latest iteration so far, by reason."""
    notes: list[str]
    """Remarks for the user, a line each: a fallback encoding, text in another language."""

    def __iter__(self) -> Iterator[CorpusSentence]:
        """Read the corpus.

        Raises:
            CorpusError: It cannot be read.
        """
        ...

    def fingerprint(self) -> str:
        """Hex digest of the files (content where small, else size and time) and the options.

        Two corpora with the same fingerprint give the same rows in the same order.
        """
        ...


def open_corpus(
    source: str | Path, options: CorpusOptions | None = None, form: str | None = None
) -> Corpus:
    """Open a corpus with the reader of its format.

    Args:
        source: ``grammar``, or the path of a file or a folder.
        options: what is taken from it.
        form: one of ``CORPORA``; None recognises it from names and headers.

    Raises:
        CorpusError: there is nothing of this name, its format is not recognised, or the format
            cannot do what the options ask.
    """
    options = CorpusOptions() if options is None else options
    if form == "grammar" or (form is None and str(source) == "grammar"):
        return cast(Corpus, _named("grammar")(options))
    from cxr_edge.indexes.corpora.reports import ReportCorpus

    return ReportCorpus(open_reader(source, options, form), options)


def open_reader(source: str | Path, options: CorpusOptions, form: str | None = None) -> "Reader":
    """Open the reader of a corpus of reports; ``open_corpus`` and ``image_reports`` build on it.

    Raises:
        CorpusError: see ``open_corpus``.
    """
    path = Path(source)
    if path.exists() and not (path.is_file() or path.is_dir()):
        raise CorpusError(  # to open a named pipe would wait forever; all is read more than once
            f"{path} is neither a file nor a folder; write what it gives to a file first"
        )
    if form is None:
        from cxr_edge.indexes.corpora.recognise import recognise

        form, path = recognise(path)
    if options.columns and form not in _NAMED_COLUMNS:
        raise CorpusError(
            f"{path}: the format {form} knows where everything is; columns can be named in "
            f"{', '.join(sorted(_NAMED_COLUMNS))}"
        )
    return cast("Reader", _named(form)(path, options))


def _named(form: str) -> Callable[..., object]:
    if form not in CORPORA:
        raise CorpusError(f"format {form!r}: expected one of {', '.join(sorted(CORPORA))}")
    module, _, name = CORPORA[form].partition(":")
    return cast("Callable[..., object]", getattr(import_module(module), name))
