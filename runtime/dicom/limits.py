"""Bounds on what an input may ask for, so that a hostile file costs little before it is refused."""

from dataclasses import dataclass

_MIB = 1 << 20


@dataclass(frozen=True)
class Limits:
    """Caps checked before memory or time is spent."""

    min_side: int = 200
    """Fewest rows or columns; a smaller matrix cannot carry a chest radiograph."""
    max_side: int = 10_000
    """Most rows or columns."""
    max_pixels: int = 100_000_000
    """Most pixels of one image."""
    max_file_bytes: int = 512 * _MIB
    """Largest file, zip member or standard input."""
    max_header_bytes: int = 16 * _MIB
    """Pixel data must begin within this many bytes."""
    max_header_reads: int = 200_000
    """Reads a header may take; each element takes one to three."""
    max_inflated_bytes: int = 256 * _MIB
    """Most bytes a deflated data set may grow to."""
    max_files: int = 200_000
    """Most files of one folder or zip."""
    worker_memory_bytes: int = 3 << 30
    """Address space of the decode worker, its libraries included (Linux and most Unix)."""
    worker_cpu_seconds: int = 30
    """Processor time of one decode."""
    worker_timeout_seconds: float = 60.0
    """Wall-clock time of one decode."""
