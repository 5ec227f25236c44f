"""Tells which data set a folder is, and has its studies read."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from cxr_edge.benchmarks.quality.cases import Case, Cases, same_split
from cxr_edge.benchmarks.quality.chexpert import (
    five_by_two_hundred,
    is_five_by_two_hundred,
    label_table,
    labelled_studies,
)
from cxr_edge.benchmarks.quality.folders import plain_studies
from cxr_edge.benchmarks.quality.rexrank import rexrank_name, rexrank_studies
from cxr_edge.benchmarks.quality.texts import split_report
from cxr_edge.errors import CorpusError
from cxr_edge.indexes.corpora import CorpusOptions, open_reader
from cxr_edge.indexes.corpora.images import image_files
from cxr_edge.indexes.corpora.mimic import reports_folder
from cxr_edge.indexes.corpora.reports import RawReport, Reader

NO_IMAGE = "study without an image that is there"
_MIMIC_REPORTS = ("mimic-cxr-reports", "reports", "")
_BESIDE_MIMIC = ("files", ".")
_VIEWS = ("frontal", "", "lateral")

Found = tuple[str, str, Iterable[Case]]
"""Layout, name of the data set, and its studies."""


def read_layout(where: Path, split: str | None, count: int | None) -> Cases:
    """See ``open_cases``.

    Raises:
        CorpusError: as there.
    """
    left_out: Counter[str] = Counter()
    layout, name, studies = _recognised(where, split, left_out)
    notes = []
    kept: list[Case] = []
    met: set[str] = set()
    for case in studies:
        if not case.images:
            left_out[NO_IMAGE] += 1
        elif case.id in met:
            raise CorpusError(f"{where}: the study {case.id} is there twice; ids must differ")
        else:
            met.add(case.id)
            kept.append(case)
            if len(kept) == count:
                break
    if not kept:
        why = f"; left out: {_counted(left_out)}" if left_out else ""
        raise CorpusError(
            f"{where}, read as {layout}, has no study"
            + (f" of the split {split!r}" if split is not None else "")
            + f" with an image{why}"
        )
    if left_out:
        notes.append(f"left out: {_counted(left_out)}")
    has_reports = any(case.findings or case.impression for case in kept)
    return Cases(layout, name, tuple(kept), has_reports, split or "", tuple(notes))


def _counted(left_out: Counter[str]) -> str:
    return ", ".join(f"{number} x {reason}" for reason, number in left_out.items())


def _recognised(where: Path, split: str | None, left_out: Counter[str]) -> Found:
    """Layout, name of the data set and its studies."""
    if where.is_file():
        return _file(where, split, left_out)
    for table in sorted(where.glob("*.csv")):
        if is_five_by_two_hundred(table):
            return _file(table, split, left_out)
    labels = label_table(where, split)
    if labels is not None:
        return "chexpert", "CheXpert", labelled_studies(labels, where)
    plus = sorted(where.glob("df_chexpert_plus_*.csv"))
    if plus:
        return _file(plus[0], split, left_out)
    for place in _MIMIC_REPORTS:
        if reports_folder(where / place) is not None and _has_report(where / place):
            return "mimic-cxr", "MIMIC-CXR", _mimic(where, where / place, split, left_out)
    if (where / "ecgen-radiology").is_dir() or any(where.glob("*.xml")):
        if split is not None:
            raise CorpusError(f"{where}: the XML of Open-I names no splits; leave out --split")
        reader = open_reader(where, CorpusOptions(), "openi")
        return "openi", "Open-I", _read(reader, None, left_out)
    lines = sorted(where.glob("*.jsonl"), key=lambda path: (path.name != "studies.jsonl", path))
    if lines:
        return _file(lines[0], split, left_out)
    for path in sorted(where.glob("*.json")):
        if rexrank_name(path) is not None:
            return _file(path, split, left_out)
    if split is not None:
        raise CorpusError(f"{where} is a plain folder and names no splits; leave out --split")
    return "plain", where.resolve().name, plain_studies(where)


def _file(path: Path, split: str | None, left_out: Counter[str]) -> Found:
    name = path.name.lower()
    if name.endswith(".json"):
        known = rexrank_name(path)
        if known is None:
            raise CorpusError(f"{path}: expected ReXrank's JSON, an object of studies by their id")
        return "rexrank", known, rexrank_studies(path, split)
    if name.endswith((".csv", ".csv.gz")) and is_five_by_two_hundred(path):
        if split is not None:
            raise CorpusError(f"{path}: CheXpert 5x200 has no splits; leave out --split")
        return "chexpert-5x200", "CheXpert 5x200", five_by_two_hundred(path)
    reader = open_reader(path, CorpusOptions())
    studies = _read(reader, split, left_out)
    if reader.form == "chexpert-plus":
        return "chexpert", "CheXpert Plus", _merged(studies)
    if reader.form == "openi":
        return "openi", "Open-I", studies
    if reader.row_per_image or reader.form == "csv":
        return reader.form, path.stem, _merged(studies)
    first = next(_read(reader, None, Counter()), None)
    openi = first is not None and any("_IM-" in image.name for image in first.images)
    return ("openi" if openi else reader.form), ("Open-I" if openi else path.stem), studies


def _has_report(root: Path) -> bool:
    """Whether there is one: the folders of MIMIC-CXR-JPG have the same names and images alone."""
    reader = open_reader(root, CorpusOptions(), "mimic-cxr")
    return next(iter(reader.reports(Counter())), None) is not None


def _mimic(root: Path, place: Path, split: str | None, left_out: Counter[str]) -> Iterator[Case]:
    """Reports from ``place``; images beside them, or below ``root`` in the same folders."""
    reader = open_reader(place, CorpusOptions(split=split), "mimic-cxr")
    near = [root / name for name in _BESIDE_MIMIC]
    for report in _of_split(reader, split, left_out):
        names = [report.images[0].path] if report.images else []
        own = "/".join(Path(names[0]).parts[-3:]) if names else ""
        found = image_files([Path()], names[0]) if names else []
        paths = found or image_files(near, own)
        yield _case(report, [(reader.view(path), path) for path in paths])


def _read(reader: Reader, split: str | None, left_out: Counter[str]) -> Iterator[Case]:
    folders = [folder for base in reader.image_folders() for folder in (base, base / "PNG")]
    for report in _of_split(reader, split, left_out):
        images = [
            (name.view or reader.view(path), path)
            for name in report.images
            for path in image_files(folders, name.path)
        ]
        yield _case(report, images)


def _of_split(reader: Reader, split: str | None, left_out: Counter[str]) -> Iterator[RawReport]:
    met, others = False, set[str]()
    for report in reader.reports(left_out):
        if split is None or (report.split and same_split(report.split, split)):
            met = True
            yield report
        elif report.split:
            others.add(report.split)
    if not met and split is not None:
        raise CorpusError(
            f"no study is of the split {split!r}; "
            + (f"there are: {', '.join(sorted(others))}" if others else "none names its split")
        )


def _case(report: RawReport, images: Sequence[tuple[str, Path]]) -> Case:
    findings, impression = [], []
    for section, text in report.parts:
        found, judged = split_report(text) if not section else ("", "")
        findings.append(found if section != "findings" else " ".join(text.split()))
        impression.append(judged if section != "impression" else " ".join(text.split()))
    ordered = sorted(images, key=lambda pair: _VIEWS.index(pair[0]))
    return Case(
        report.source,
        tuple(path for _, path in ordered),
        " ".join(filter(None, findings)),
        " ".join(filter(None, impression)),
    )


def _merged(studies: Iterable[Case]) -> Iterator[Case]:
    """One case a study, of rows that are one an image; a study's rows stand together."""
    held: Case | None = None
    for case in studies:
        if held is not None and case.id == held.id:
            held = replace(held, images=_frontal_first(held.images + case.images))
            continue
        if held is not None:
            yield held
        held = case
    if held is not None:
        yield held


def _frontal_first(images: tuple[Path, ...]) -> tuple[Path, ...]:
    return tuple(sorted(images, key=lambda path: "lateral" in path.name.lower()))
