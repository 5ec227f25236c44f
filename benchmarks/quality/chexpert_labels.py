"""What the CheXpert labeler wrote: a row a report, a column an observation."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from cxr_edge.errors import CorpusError
from cxr_edge.indexes.corpora.tables import csv_rows, table_header
from cxr_edge.labels import OBSERVATIONS, Mention

_VALUES = {
    "1.0": Mention.POSITIVE,
    "0.0": Mention.NEGATIVE,
    "-1.0": Mention.UNCERTAIN,
    "": Mention.BLANK,
}
_SHORT = {"1": "1.0", "0": "0.0", "-1": "-1.0"}


def read_labels(table: Path) -> NDArray[np.int8]:
    """The labels of a table: int8 (N, 14), ``Mention`` values in ``OBSERVATIONS`` order.

    Raises:
        CorpusError: it cannot be read, lacks an observation, or has a value that is no label.
    """
    missing = [name for name in OBSERVATIONS if name not in table_header(table)]
    if missing:
        raise CorpusError(
            f"{table} has no column {missing[0]!r}; expected what the CheXpert labeler writes"
        )
    labels: list[list[int]] = []
    for line, row in csv_rows(table, []):
        cells = [_SHORT.get(row[name].strip(), row[name].strip()) for name in OBSERVATIONS]
        if wrong := [text for text in cells if text not in _VALUES]:
            raise CorpusError(
                f"{table}, line {line}: {wrong[0]!r} is none of 1.0, 0.0, -1.0, empty"
            )
        labels.append([_VALUES[text] for text in cells])
    if not labels:
        raise CorpusError(f"{table} has no row")
    return np.array(labels, np.int8)
