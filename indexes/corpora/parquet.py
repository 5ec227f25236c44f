"""Reports in a Parquet file; needs pyarrow, which is in the extra ``parquet``."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from cxr_edge.errors import CorpusError
from cxr_edge.indexes.corpora import CorpusOptions
from cxr_edge.indexes.corpora.tables import Row, TableReader

_BATCH = 4096


class ParquetReader(TableReader):
    """The rows of a Parquet file, a batch of them in memory at a time."""

    def __init__(self, path: Path, options: CorpusOptions) -> None:
        """See ``TableReader``.

        Raises:
            CorpusError: also: pyarrow is not installed, this is no Parquet file, or a column of
                reports holds something else than texts.
        """
        super().__init__(path, options, form="parquet")
        texts = [column for _, column in self._columns.texts]
        if self._columns.report is not None:
            texts.append(self._columns.report)
        for column in texts:
            if not _is_text(self._types[column]):
                raise CorpusError(
                    f"{path}: column {column!r} is {self._types[column]}; expected texts (Arrow's "
                    "string); name another one with --column, or convert it"
                )

    def _open(self) -> Any:  # noqa: ANN401 - pyarrow comes without type information
        try:
            from pyarrow import ArrowException, parquet
        except ImportError:
            raise CorpusError(
                f"{self._path}: a Parquet file needs pyarrow; install cxr-edge[parquet], or give "
                "the table as CSV"
            ) from None
        try:
            return parquet.ParquetFile(self._path)
        except (OSError, ArrowException) as problem:
            raise CorpusError(f"{self._path} cannot be read as Parquet: {_line(problem)}") from None

    def _header(self) -> list[str]:
        with self._open() as file:
            fields = [(str(field.name), str(field.type)) for field in file.schema_arrow]
            self._types = dict(fields)
            return [name for name, _ in fields]

    def _rows(self) -> Iterator[tuple[int, Row]]:
        """Rows with their number, from 1; a missing value is an empty text."""
        number = 0
        with self._open() as file:
            try:
                for batch in file.iter_batches(batch_size=_BATCH, columns=self._used()):
                    for row in batch.to_pylist():
                        number += 1
                        yield number, {k: "" if v is None else str(v) for k, v in row.items()}
            except (OSError, ValueError) as problem:  # pyarrow's errors are one or the other
                raise CorpusError(f"{self._path}, after row {number}: {_line(problem)}") from None


def _is_text(kind: str) -> bool:
    """Whether an Arrow type, by its name, is of texts; ``null`` is a column with nothing in it."""
    if kind.startswith("dictionary<values="):
        kind = kind.removeprefix("dictionary<values=").partition(",")[0]
    return kind in ("string", "large_string", "string_view", "null")


def _line(problem: Exception) -> str:
    return " ".join(str(problem).split())
