"""How far a build is: one line that is written over, on a terminal only."""

import sys
import time
from collections.abc import Callable
from typing import TextIO

Progress = Callable[[str, int, int], None]
"""Told of a stage, what is done of it, and how much there is (0: not known)."""

_EVERY = 0.2


def silent(_stage: str, _done: int, _total: int) -> None:
    """Tell nobody."""


class Line:
    """Rate and time left of each stage; nothing at all where the stream is no terminal."""

    def __init__(self, stream: TextIO | None = None) -> None:
        self._stream = sys.stderr if stream is None else stream
        self._stage = ""
        self._began = self._told = 0.0
        self._first = 0

    def __call__(self, stage: str, done: int, total: int) -> None:
        """See ``Progress``."""
        if not self._stream.isatty():
            return
        now = time.monotonic()
        if stage != self._stage:
            self.end()
            self._stage, self._began, self._told, self._first = stage, now, 0.0, done
        if now - self._told < _EVERY and done != total:
            return
        self._told = now
        rate = (done - self._first) / max(now - self._began, 1e-9)
        text = f"{stage}: {done:,}" + (f" of {total:,}" if total else "")
        if rate > 0:
            text += f", {rate:,.0f} a second"
            text += f", {_duration((total - done) / rate)} left" if total else ""
        self._stream.write(f"\r\x1b[K{text}")
        self._stream.flush()

    def end(self) -> None:
        """Leave the line."""
        if self._stage:
            self._stream.write("\n")
            self._stream.flush()
            self._stage = ""


def _duration(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minutes} min"
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"
