"""Image-report pairs: one JSON object a line, in the shape of the Open-I export.

Needed of each line: ``uid``, ``images`` (a list of objects with ``file`` and, where known,
``projection`` ``Frontal`` or ``Lateral``), ``findings``, ``impression`` and ``split`` (``train`` or
``valid``). ``mesh`` is optional: coded terms, ``;`` between terms, ``/`` between parts of a term.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cxr_edge.errors import CorpusError


@dataclass(frozen=True)
class PairedStudy:
    """One study with its pictures and its report.

    Attributes:
        uid: name of the study, for messages and for folds.
        frontals: paths of the frontal pictures.
        laterals: paths of the lateral pictures.
        report: findings and impression, one blank between, never empty.
        mesh: coded terms as ``(term, qualifier, ...)``; None where nobody coded the study.
        split: ``train`` or ``valid``.
    """

    uid: str
    frontals: tuple[Path, ...]
    laterals: tuple[Path, ...]
    report: str
    mesh: tuple[tuple[str, ...], ...] | None
    split: str


def read_studies(data: Path) -> list[PairedStudy]:
    """Read a folder with ``studies.jsonl`` and ``images/``, or such a JSONL file by its path.

    Returns:
        The studies in the order of the file, those without a report left out.

    Raises:
        CorpusError: The file is missing, a line is not such an object, or nothing remains.
    """
    listing = data / "studies.jsonl" if data.is_dir() else data
    if not listing.is_file():
        raise CorpusError(
            f"{listing} is missing: expected a folder with studies.jsonl and images/, "
            "or the path of a JSONL file; check --data"
        )
    studies = list(_parse(listing))
    if not any(study.split == "train" for study in studies):
        raise CorpusError(
            f"{listing} holds no study with a report and split 'train'; nothing can be learnt "
            'from it, mark some lines with "split": "train"'
        )
    return studies


def _parse(listing: Path) -> Iterator[PairedStudy]:
    pictures = listing.parent / "images"
    folder = pictures if pictures.is_dir() else listing.parent
    with listing.open(encoding="utf-8") as lines:
        for number, line in enumerate(lines, start=1):
            if not line.strip():
                continue
            try:
                study = _study(json.loads(line), folder)
            except (ValueError, KeyError, TypeError, AttributeError) as error:
                raise CorpusError(
                    f"{listing} line {number} is not a study ({type(error).__name__}: {error}); "
                    "expected an object with uid, images, findings, impression and split"
                ) from error
            if study.report:
                yield study


def _study(record: dict[str, Any], folder: Path) -> PairedStudy:
    sections = (record.get("findings") or "", record.get("impression") or "")
    views: dict[str, list[Path]] = {"Frontal": [], "Lateral": []}
    for image in record["images"]:
        views[image.get("projection") or "Frontal"].append(folder / image["file"])
    split = record["split"]
    if split not in ("train", "valid"):
        raise ValueError(f"split is {split!r}")
    return PairedStudy(
        uid=str(record["uid"]),
        frontals=tuple(views["Frontal"]),
        laterals=tuple(views["Lateral"]),
        report=" ".join(text.strip() for text in sections if text.strip()),
        mesh=_terms(record.get("mesh")),
        split=split,
    )


def _terms(mesh: str | None) -> tuple[tuple[str, ...], ...] | None:
    """``"Lung/hypoinflation;Cardiomegaly/mild"`` as tuples; normal is coded, but without a term."""
    if not mesh or mesh.strip() == "No Indexing":
        return None
    if mesh.strip().lower() == "normal":
        return ()
    terms = (tuple(part.strip() for part in term.split("/")) for term in mesh.split(";"))
    return tuple(term for term in terms if term[0])
