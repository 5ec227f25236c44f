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
from cxr_edge.benchmarks.record.machine import machine, today
from cxr_edge.benchmarks.record.samples import Ratio, Samples, interleave, ratio, summary

__all__ = [
    "SCHEMA",
    "Ratio",
    "RecordError",
    "Samples",
    "interleave",
    "machine",
    "new_record",
    "ratio",
    "read_record",
    "samples_of",
    "summary",
    "today",
    "write_json",
    "write_record",
]
