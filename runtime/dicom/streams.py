"""Seekable byte streams that never read past what is really there."""

import io
from typing import IO

from cxr_edge.errors import StudyError


class BoundedStream(io.RawIOBase):
    """A window on the first ``size`` bytes of a stream.

    A damaged DICOM element can state any length. ``read`` clamps the request to what is left, so
    a stated length of four gigabytes allocates nothing. A parser reads every element at least
    once, so the number of reads bounds the elements, the nested ones too.
    """

    def __init__(self, stream: IO[bytes], size: int, max_reads: int) -> None:
        """Wrap ``stream``, which must be seekable; it stays open when this object is dropped."""
        super().__init__()
        self._reads_left = max_reads
        self._stream = stream
        self._size = size

    def readable(self) -> bool:
        """Return True; see ``io.IOBase``."""
        return True

    def seekable(self) -> bool:
        """Return True; see ``io.IOBase``."""
        return True

    def tell(self) -> int:
        """Return the position in bytes."""
        return self._stream.tell()

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Move to ``offset``; a place past the end is moved to the end."""
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self.tell(), io.SEEK_END: self._size}[whence]
        return self._stream.seek(min(max(base + offset, 0), self._size))

    def read(self, size: int | None = -1) -> bytes:
        """Return up to ``size`` bytes, fewer at the end.

        Raises:
            StudyError: More reads than any radiograph's header needs.
        """
        self._reads_left -= 1
        if self._reads_left < 0:
            raise StudyError("the header holds more elements than any radiograph's; refused")
        left = max(self._size - self.tell(), 0)
        wanted = left if size is None or size < 0 else min(size, left)
        return self._stream.read(wanted)
