"""The studies that are drafted: a folder, a data set in a known layout, or drawn on the spot."""

from dataclasses import dataclass
from pathlib import Path

from cxr_edge.benchmarks.parts.radiograph_files import BITS, COLUMNS, ROWS, write_studies
from cxr_edge.errors import StudyError

GENERATED = "generated"
DRAWN = 8
"""Studies drawn unless the user asks for another number."""
DATA_SET = 100
"""Studies taken from a data set unless the user asks for another number."""


@dataclass(frozen=True)
class Studies:
    """Files to draft from, and what to compare the drafts with."""

    about: str
    files: tuple[Path, ...]
    references: tuple[str, ...]
    """One report a file; empty where there are none."""

    def without(self, numbers: set[int]) -> "Studies":
        """The others."""
        kept = [number for number in range(len(self.files)) if number not in numbers]
        return Studies(
            self.about,
            tuple(self.files[number] for number in kept),
            tuple(self.references[number] for number in kept) if self.references else (),
        )


def take_studies(where: str, split: str | None, count: int | None, folder: Path) -> Studies:
    """Open or draw the studies.

    Args:
        where: ``generated``, or a path.
        split: of a data set.
        count: how many; None for a number that takes a minute.
        folder: for drawn files.

    Raises:
        StudyError: there are none.
    """
    if where == GENERATED:
        number = count or DRAWN
        files = tuple(write_studies(folder, number))
        about = f"{number} drawn, native DICOM of {ROWS} x {COLUMNS} pixels, {BITS} bits"
        return Studies(about, files, ())
    from cxr_edge.benchmarks.quality.cases import open_cases

    cases = open_cases(Path(where), split=split, count=count or DATA_SET)
    if not cases.cases:
        raise StudyError(f"{where} holds no study; name a folder of DICOM files or a data set")
    part = f", split {split}" if split else ""
    return Studies(
        f"{len(cases.cases)} of {cases.name}{part} ({cases.layout})",
        tuple(case.images[0] for case in cases.cases),
        tuple(case.reference() for case in cases.cases) if cases.has_reports else (),
    )
