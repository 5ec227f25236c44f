"""Plain text: a file with a sentence or a report on each line, or a folder with a report a file."""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from cxr_edge.errors import CorpusError
from cxr_edge.indexes.corpora import CorpusOptions
from cxr_edge.indexes.corpora.files import decode, open_text, walk
from cxr_edge.indexes.corpora.reports import RawReport
from cxr_edge.indexes.corpora.text.judging import ENGLISH, Language


class PlainReader:
    """Lines in their order, or files by their path."""

    form = "text"
    language: Language = ENGLISH
    row_per_image = False

    def __init__(self, root: Path, options: CorpusOptions) -> None:
        """Name the file or the folder.

        Raises:
            CorpusError: there is neither, or a split is wanted.
        """
        if not root.exists():
            raise CorpusError(f"{root} is not there; expected a text file or a folder of them")
        if options.split is not None:
            raise CorpusError("plain text names no splits; leave out --split")
        self._root = root
        self.notes: list[str] = []

    def files(self) -> Iterator[Path]:
        """See ``Reader``."""
        if self._root.is_file():
            yield self._root
        else:
            yield from walk(self._root, (".txt",))

    def image_folders(self) -> Iterator[Path]:
        """See ``Reader``: plain text names no images."""
        yield from ()

    def view(self, _image: Path) -> str:
        """See ``Reader``."""
        return ""

    def reports(self, _dropped: Counter[str]) -> Iterator[RawReport]:
        """See ``Reader``."""
        try:
            if self._root.is_file():
                with open_text(self._root, self.notes) as stream:
                    for number, line in enumerate(stream, 1):
                        if line.strip():
                            yield RawReport(f"line {number}", (("", line),))
                return
            for path in self.files():
                text = decode(path.read_bytes(), str(path), self.notes)
                yield RawReport(
                    path.relative_to(self._root).with_suffix("").as_posix(), (("", text),)
                )
        except (OSError, EOFError) as problem:
            raise CorpusError(f"{self._root} cannot be read: {problem}") from None
