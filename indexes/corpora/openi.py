"""Open-I (Indiana University): an XML file for each report, in a folder or the archive of it.

``AbstractText`` carries the sections by ``Label`` (COMPARISON, INDICATION, FINDINGS, IMPRESSION),
``uId`` the number of the report, ``parentImage`` the names of its images. The collection names no
splits.
"""

import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from xml.etree import ElementTree

from cxr_edge.errors import CorpusError
from cxr_edge.indexes.corpora import SECTIONS, CorpusOptions
from cxr_edge.indexes.corpora.archives import is_archive, members
from cxr_edge.indexes.corpora.files import walk
from cxr_edge.indexes.corpora.reports import ImageName, RawReport
from cxr_edge.indexes.corpora.text.judging import ENGLISH, Language

_FOLDER = "ecgen-radiology"
_IMAGE_FOLDERS = ("NLMCXR_png", "NLMCXR_dcm", "images", ".")
_NUMBER = re.compile(r"\d+")


class OpenIReader:
    """The reports of Open-I by their number."""

    form = "openi"
    language: Language = ENGLISH
    row_per_image = False

    def __init__(self, root: Path, options: CorpusOptions) -> None:
        """Name the folder, the archive, or one report.

        Raises:
            CorpusError: there is none of them, or a split is wanted.
        """
        if not root.exists():
            raise CorpusError(f"{root} is not there; expected the XML reports of Open-I")
        if options.split is not None:
            raise CorpusError("the XML collection of Open-I names no splits; leave out --split")
        self._root = root / _FOLDER if (root / _FOLDER).is_dir() else root
        self.notes: list[str] = []

    def files(self) -> Iterator[Path]:
        """See ``Reader``."""
        if self._root.is_file():
            yield self._root
        else:  # 2.xml before 10.xml
            yield from sorted(walk(self._root, (".xml",)), key=_by_number)

    def image_folders(self) -> Iterator[Path]:
        """See ``Reader``: as the images are released, or ``images``."""
        for base in (self._root.parent, self._root):
            yield from (base / name for name in _IMAGE_FOLDERS)

    def view(self, _image: Path) -> str:
        """See ``Reader``; the collection does not say."""
        return ""

    def reports(self, _dropped: Counter[str]) -> Iterator[RawReport]:
        """See ``Reader``."""
        if is_archive(self._root):
            for name, content in members(self._root, (".xml",)):
                yield _report(content, f"{self._root}: {name}", Path(name).stem)
            return
        for path in self.files():
            try:
                content = path.read_bytes()
            except OSError as problem:
                raise CorpusError(f"{path} cannot be read: {problem}") from None
            yield _report(content, str(path), path.stem)


def _by_number(path: Path) -> tuple[int, str]:
    found = _NUMBER.search(path.stem)
    return (int(found.group()) if found else -1, str(path))


def _report(content: bytes, name: str, stem: str) -> RawReport:
    """One report.

    Raises:
        CorpusError: the file is no such XML. Expat refuses entities that blow up, and nothing is
            fetched for those that point elsewhere.
    """
    try:
        tree = ElementTree.fromstring(content)
    except (ElementTree.ParseError, ValueError) as problem:
        raise CorpusError(f"{name} is no report of Open-I: {problem}") from None
    texts: dict[str, str] = {}
    for node in tree.iter("AbstractText"):  # a label may come again: its texts stand in order
        label, text = node.get("Label", "").strip().lower(), "".join(node.itertext())
        texts[label] = f"{texts[label]}\n\n{text}" if texts.get(label, "").strip() else text
    if not texts:
        raise CorpusError(f"{name} is no report of Open-I: it has no element AbstractText")
    named = tree.find(".//uId")
    number = _NUMBER.search("" if named is None else named.get("id", ""))
    return RawReport(
        source=number.group() if number else stem,
        parts=tuple((s, texts[s]) for s in SECTIONS if texts.get(s, "").strip()),
        images=tuple(
            ImageName(image) for node in tree.iter("parentImage") if (image := node.get("id"))
        ),
    )
