"""Studies with their reports, from a data set in the layout it is released in."""

from dataclasses import dataclass
from pathlib import Path

from cxr_edge.benchmarks.quality.texts import Section, chosen_text
from cxr_edge.errors import CorpusError

SAME_SPLIT = (
    frozenset({"valid", "validate", "validation", "val"}),
    frozenset({"train", "training"}),
    frozenset({"test", "testing"}),
)
"""Names that data sets give to one and the same split."""


@dataclass(frozen=True)
class Case:
    """One study of a data set."""

    id: str
    """As its data set names it."""
    images: tuple[Path, ...]
    """Files that exist; frontal ones first where the data set says which are."""
    findings: str
    """Empty where the report has none; a report without headings stands here."""
    impression: str
    category: str = ""
    """The one finding of CheXpert 5x200; empty elsewhere."""

    def reference(self, section: Section = "report") -> str:
        """The text a draft is held against, on one line.

        Args:
            section: ``report`` is findings and impression; ``findings`` is what the papers hold
                generative baselines against, the impression where there are no findings;
                ``impression`` is what they hold retrieved drafts against.
        """
        return chosen_text(self.findings, self.impression, section)


@dataclass(frozen=True)
class Cases:
    """What was found."""

    layout: str
    """``openi``, ``mimic-cxr``, ``chexpert``, ``chexpert-5x200``, ``rexrank``, ``jsonl`` or
    ``plain``."""
    name: str
    """Name of the data set, as ``published.json`` has it; else the name of the folder."""
    cases: tuple[Case, ...]
    """In the data set's order, ids different."""
    has_reports: bool
    """Whether any case has one."""
    split: str = ""
    """The split that was asked for, as the data set names it."""
    notes: tuple[str, ...] = ()
    """What was left out and what is not known, a line each."""


def same_split(first: str, second: str) -> bool:
    """Whether two names mean one split: ``valid``, ``validate`` and ``val`` do."""
    one, other = first.strip().lower(), second.strip().lower()
    return one == other or any({one, other} <= names for names in SAME_SPLIT)


def open_cases(where: Path, *, split: str | None = None, count: int | None = None) -> Cases:
    """Open the studies of a data set.

    Recognised are a folder with ``studies.jsonl`` or another JSON Lines file and ``images`` beside
    it, Open-I's XML, MIMIC-CXR and MIMIC-CXR-JPG, CheXpert (``test`` with its label table, CheXpert
    Plus), CheXpert 5x200, ReXrank's JSON, and a plain folder of DICOM, PNG or JPEG, where a
    ``.txt`` of the same name is the report.

    Args:
        where: folder or file.
        split: only the studies of it; ``valid``, ``validate`` and ``val`` are the same. None: all.
        count: at most so many, the first ones.

    Raises:
        CorpusError: nothing is there, nothing is recognised, no study is of the split, or no study
            has an image that exists.
    """
    from cxr_edge.benchmarks.quality.layouts import read_layout

    if count is not None and count < 1:
        raise CorpusError(f"count {count}: expected at least 1")
    if not where.exists():
        raise CorpusError(f"{where} is not there; expected the folder or file of a data set")
    return read_layout(where, split, count)
