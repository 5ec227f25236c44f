"""Reports from files of any system, matched by their ids.

A table with ``id`` and ``report`` (or ``findings`` and ``impression``), JSON Lines, ReXrank's JSON,
what ``cxr-run --json`` writes, or a folder of ``.txt`` or ``.json`` files.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from cxr_edge.benchmarks.quality.rexrank import read_studies, sections_of
from cxr_edge.benchmarks.quality.texts import Section, chosen_text, split_report
from cxr_edge.errors import CorpusError
from cxr_edge.indexes.corpora import CorpusOptions
from cxr_edge.indexes.corpora.files import decode, open_text, walk
from cxr_edge.indexes.corpora.tables import cell, csv_rows, recognise_columns, table_header

Role = Literal["references", "drafts"]

_IDS = ("id", "study_id", "uid", "study", "study_instance_uid", "source")
_DRAFT = "model_prediction"
_TABLES = (".csv", ".tsv", ".csv.gz", ".tsv.gz")
_LINES = (".jsonl", ".ndjson", ".jsonl.gz")
_SHOWN = 20

Row = tuple[str, str, str]
"""Id, findings, impression."""


@dataclass(frozen=True)
class Pairs:
    """Reports and drafts with the same ids, in the order of the reports."""

    ids: tuple[str, ...]
    references: tuple[str, ...]
    drafts: tuple[str, ...]
    undrafted: tuple[str, ...] = ()
    """Ids of reports without a draft."""
    unknown: tuple[str, ...] = ()
    """Ids of drafts without a report."""
    empty: tuple[str, ...] = ()
    """Ids of reports without the section that is compared; left out."""


def read_reports(path: Path, role: Role, section: Section = "report") -> dict[str, str]:
    """The texts of a file or folder by their id, in its order.

    Args:
        path: see the module.
        role: of a file that holds both (ReXrank's), which is taken.
        section: what of a report is compared; a whole report is cut into its sections, headings
            left out, and one without any heading counts as findings.

    Raises:
        CorpusError: it cannot be read, holds no reports or no ids, or has an id twice.
    """
    texts: dict[str, str] = {}
    twice: dict[str, None] = {}
    for name, findings, impression in _rows(path, role):
        if name in texts:
            twice[name] = None
        texts[name] = chosen_text(findings, impression, section)
    if twice:
        raise CorpusError(
            f"{path} has {_named(twice, 'id')} more than once; an id names one report"
        )
    if not texts:
        raise CorpusError(f"{path} holds no report")
    return texts


def pair(
    references: Mapping[str, str], drafts: Mapping[str, str], *, common: bool = False
) -> Pairs:
    """Match by id.

    Args:
        references: texts by id.
        drafts: texts by id.
        common: score what both have, instead of refusing where one lacks an id.

    Raises:
        CorpusError: an id is missing on one side, or nothing is left to score.
    """
    undrafted = tuple(name for name in references if name not in drafts)
    unknown = tuple(name for name in drafts if name not in references)
    if (undrafted or unknown) and not common:
        sides = (("without a draft", undrafted), ("of drafts without a report", unknown))
        said = [f"{_named(names, 'id')} {what}" for what, names in sides if names]
        raise CorpusError(f"{'; '.join(said)}; score what both have with --common")
    both = [name for name in references if name in drafts]
    kept = [name for name in both if references[name]]
    if not kept:
        raise CorpusError(
            f"nothing to score: {len(references)} reports and {len(drafts)} drafts have "
            f"{len(both)} ids in common, and none of these reports has the section asked for"
        )
    return Pairs(
        tuple(kept),
        tuple(references[name] for name in kept),
        tuple(drafts[name] for name in kept),
        undrafted,
        unknown,
        tuple(name for name in both if not references[name]),
    )


def _named(names: Iterable[str], noun: str) -> str:
    """How many, and which: ``2 ids (a, b)``."""
    listed = list(names)
    more = f" and {len(listed) - _SHOWN} more" if len(listed) > _SHOWN else ""
    plural = "" if len(listed) == 1 else "s"
    return f"{len(listed)} {noun}{plural} ({', '.join(listed[:_SHOWN])}{more})"


def _rows(path: Path, role: Role) -> Iterator[Row]:
    name = path.name.lower()
    if path.is_dir():
        return _folder(path, role)
    if not path.is_file():
        raise CorpusError(f"{path} is not there; expected a file or folder of reports")
    if name.endswith(_TABLES):
        return _table(path, role)
    if name.endswith(_LINES):
        return _lines(path, role)
    if name.endswith(".json"):
        return _json(path, role)
    raise CorpusError(
        f"{path}: expected .csv, .tsv, .jsonl, .json, or a folder of .txt or .json files"
    )


def _table(path: Path, role: Role) -> Iterator[Row]:
    header = table_header(path)
    drafted = role == "drafts" and _DRAFT in header
    named = (("report", _DRAFT),) if drafted else ()
    columns = recognise_columns(header, CorpusOptions(columns=named), path)
    if columns.source is None:
        raise CorpusError(
            f"{path} has no column with ids; name one 'id'; it has: {', '.join(header)}"
        )
    for line, row in csv_rows(path, []):
        name = cell(row, columns.source)
        if not name:
            raise CorpusError(f"{path}, line {line}: no id")
        parts = {section: cell(row, column) for section, column in columns.texts}
        if any(parts.values()):
            yield name, parts.get("findings", ""), parts.get("impression", "")
        else:
            yield name, *split_report(cell(row, columns.report))


def _lines(path: Path, role: Role) -> Iterator[Row]:
    try:
        with open_text(path, []) as stream:
            for number, line in enumerate(stream, 1):
                if line.strip():
                    yield from _object(_parsed(line, f"{path}, line {number}"), role, path, number)
    except (OSError, EOFError) as problem:
        raise CorpusError(f"{path} cannot be read: {problem}") from None


def _json(path: Path, role: Role) -> Iterator[Row]:
    try:
        text = decode(path.read_bytes(), str(path), [])
    except OSError as problem:
        raise CorpusError(f"{path} cannot be read: {problem}") from None
    lines = [line for line in text.splitlines() if line.strip()]
    if len(lines) > 1 and _is_object(lines[0]):  # cxr-run --json of several studies
        yield from _lines(path, role)
        return
    read = _parsed(text, str(path))
    if isinstance(read, list):
        for number, entry in enumerate(read, 1):
            yield from _object(entry, role, path, number)
    elif isinstance(read, dict) and any(key in read for key in (*_IDS, "error")):
        yield from _object(read, role, path, 1)
    else:
        for name, study in read_studies(path).items():
            yield name, *_sections(study, role)


def _folder(path: Path, role: Role) -> Iterator[Row]:
    texts = list(walk(path, (".txt",)))
    for file in texts:
        try:
            text = decode(file.read_bytes(), str(file), [])
        except OSError as problem:
            raise CorpusError(f"{file} cannot be read: {problem}") from None
        yield file.relative_to(path).with_suffix("").as_posix(), *split_report(text)
    if not texts:
        for file in walk(path, (".json",)):
            yield from _json(file, role)


def _object(entry: object, role: Role, path: Path, number: int) -> Iterator[Row]:
    """The report of one JSON object; none where it is a study that ``cxr-run`` could not draft."""
    if not isinstance(entry, dict):
        raise CorpusError(f"{path}, entry {number}: expected a JSON object with id and report")
    name = next((str(entry[key]) for key in _IDS if entry.get(key) not in (None, "")), None)
    if name is None and "error" in entry:
        return
    if name is None:
        raise CorpusError(f"{path}, entry {number}: no id; expected one of {', '.join(_IDS)}")
    yield name, *_sections(entry, role)


def _sections(entry: dict[str, Any], role: Role) -> tuple[str, str]:
    if role == "drafts" and isinstance(entry.get(_DRAFT), str):
        return split_report(entry[_DRAFT])
    return sections_of(entry)


def _parsed(text: str, place: str) -> Any:  # noqa: ANN401
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as problem:
        raise CorpusError(f"{place} is no JSON: {problem}") from None


def _is_object(line: str) -> bool:
    try:
        return isinstance(json.loads(line), dict)
    except (ValueError, RecursionError):
        return False
