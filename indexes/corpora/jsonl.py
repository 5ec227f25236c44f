"""Reports as JSON Lines: an object a line with ``findings`` and ``impression``, or ``report``.

Optional keys: ``uid``, ``id`` or ``study_id`` (the source, else the line number), ``split``, and
``images`` (names, or objects with a ``file`` and a ``projection``) or ``image`` (one name).
"""

import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from cxr_edge.errors import CorpusError
from cxr_edge.indexes.corpora import CorpusOptions
from cxr_edge.indexes.corpora.files import open_text, require_file
from cxr_edge.indexes.corpora.reports import ImageName, RawReport
from cxr_edge.indexes.corpora.tables import view_of
from cxr_edge.indexes.corpora.text.judging import ENGLISH, Language

_TEXTS = ("findings", "impression", "report")
_SOURCES = ("uid", "id", "study_id", "study")


class _Twice(Exception):
    """A key comes twice in one object."""


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object whose keys are all different; ``json`` itself takes the last of equal ones."""
    fields = dict(pairs)
    if len(fields) < len(pairs):
        keys = [key for key, _ in pairs]
        raise _Twice(f"the key {next(key for key in keys if keys.count(key) > 1)!r} comes twice")
    return fields


class JsonlReader:
    """The reports of a JSON Lines file, in file order."""

    form = "jsonl"
    language: Language = ENGLISH
    row_per_image = False

    def __init__(self, path: Path, options: CorpusOptions) -> None:
        """Name the file.

        Raises:
            CorpusError: there is no such file.
        """
        self._path = require_file(
            path, "a JSON Lines file of reports, another corpus, or 'grammar' for ours"
        )
        self._named = named = dict(options.columns)
        self._key = {role: named.get(role, role) for role in (*_TEXTS, "split", "image", "view")}
        self._sources = (named["source"],) if "source" in named else _SOURCES
        self.notes: list[str] = []

    def files(self) -> Iterator[Path]:
        """See ``Reader``."""
        yield self._path

    def image_folders(self) -> Iterator[Path]:
        """See ``Reader``: a folder ``images`` beside the file, or the file's own folder."""
        yield from (self._path.parent / "images", self._path.parent)

    def view(self, _image: Path) -> str:
        """See ``Reader``."""
        return ""

    def reports(self, _dropped: Counter[str]) -> Iterator[RawReport]:
        """See ``Reader``."""
        unseen = dict(self._named)
        try:
            with open_text(self._path, self.notes) as stream:
                for number, line in enumerate(stream, 1):
                    if line.strip():
                        report = self._parse(line, number)
                        if unseen:
                            unseen = {r: key for r, key in unseen.items() if key not in report}
                        yield self._report(report, number)
        except (OSError, EOFError) as problem:
            raise CorpusError(f"{self._path} cannot be read: {problem}") from None
        for role, key in unseen.items():  # a line may lack it; that all do is a mistyped name
            raise CorpusError(f"no line of {self._path} has the key {key!r}, named for the {role}")

    def _parse(self, line: str, number: int) -> dict[str, Any]:
        try:
            report = json.loads(line, object_pairs_hook=_once)
            # json takes half a surrogate pair, which no file can hold.
            json.dumps(report, ensure_ascii=False).encode()
        except _Twice as problem:
            raise CorpusError(
                f"{self._path}, line {number}: {problem}; which one counts is not said, leave one"
            ) from None
        except (ValueError, RecursionError):
            report = None
        if not isinstance(report, dict) or not all(
            isinstance(report.get(self._key[role], ""), str | None) for role in _TEXTS
        ):
            raise CorpusError(
                f"{self._path}, line {number}: expected a JSON object with the texts "
                "'findings' and 'impression', or 'report'"
            )
        return report

    def _report(self, report: dict[str, Any], number: int) -> RawReport:
        source = next((str(report[key]) for key in self._sources if report.get(key)), None)
        split = report.get(self._key["split"])
        texts = [(role, report.get(self._key[role]) or "") for role in _TEXTS]
        parts = tuple((role, text) for role, text in texts[:2] if text.strip())
        return RawReport(
            source=source or f"line {number}",
            # A whole report beside its own sections would say everything twice.
            parts=parts or (("", texts[2][1]),),
            split=None if split is None else str(split),
            images=_images(
                report.get("images", report.get(self._key["image"])),
                report.get(self._key["view"]),
            ),
        )


def _images(listed: object, view: object) -> tuple[ImageName, ...]:
    """Images as names, or as objects with a ``file`` and perhaps a ``projection`` or ``view``."""
    names: list[ImageName] = []
    for row in listed if isinstance(listed, list) else [listed]:
        fields = row if isinstance(row, dict) else {"file": row}
        file = fields.get("file")
        if isinstance(file, str) and file:
            named = fields.get("projection") or fields.get("view") or view
            names.append(ImageName(file, view_of(named if isinstance(named, str) else "")))
    return tuple(names)
