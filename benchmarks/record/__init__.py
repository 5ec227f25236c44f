"""What every figure needs beside it: the machine, the day, the versions, and every sample.

All results have one shape, ``docs/benchmark.schema.json``, so that any two can be compared.
"""

from cxr_edge.benchmarks.record.files import (
    SCHEMA,
    RecordError,
    new_record,
    read_record,
    samples_of,
    write_json,
    write_record,
)
from cxr_edge.benchmarks.record.machine import load_average, machine, today
from cxr_edge.benchmarks.record.samples import Ratio, Samples, interleave, ratio, summary
from cxr_edge.benchmarks.record.stolen import stolen_words

__all__ = [
    "SCHEMA",
    "Ratio",
    "RecordError",
    "Samples",
    "interleave",
    "load_average",
    "machine",
    "new_record",
    "ratio",
    "read_record",
    "samples_of",
    "stolen_words",
    "summary",
    "today",
    "write_json",
    "write_record",
]
