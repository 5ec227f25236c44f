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
            CorpusError: also: pyarrow is not installed, or this is no Parquet file.
        """
        super().__init__(path, options, form="parquet")

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
            return [str(name) for name in file.schema_arrow.names]

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


def _line(problem: Exception) -> str:
    return " ".join(str(problem).split())
