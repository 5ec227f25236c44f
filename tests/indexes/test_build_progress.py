"""Progress: a line that is written over on a terminal, nothing elsewhere."""

import io
import re
import time

import pytest

from cxr_edge.indexes.building.progress import Line


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_nothing_where_there_is_no_terminal() -> None:
    stream = io.StringIO()
    line = Line(stream)
    line("embed", 10, 100)
    line.end()
    assert stream.getvalue() == ""


def test_rate_and_time_left(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter([100.0, 100.1, 110.0, 5000.0, 5001.0])
    monkeypatch.setattr(time, "monotonic", lambda: next(clock))
    stream = Terminal()
    line = Line(stream)
    line("embed", 1000, 9000)  # 1,000 of an earlier run: they do not count for the rate
    line("embed", 1001, 9000)  # too soon to be told
    line("embed", 3000, 9000)
    line("read", 40, 0)
    line("read", 90, 0)
    line.end()
    told = re.split(r"\r\x1b\[K", stream.getvalue())[1:]
    assert told == [
        "embed: 1,000 of 9,000",
        "embed: 3,000 of 9,000, 200 a second, 30 s left\n",
        "read: 40",
        "read: 90, 50 a second\n",
    ]


@pytest.mark.parametrize(
    ("left", "words"), [(59, "59 s"), (61, "1 min 1 s"), (3600, "1 h 0 min"), (9000, "2 h 30 min")]
)
def test_time_left_in_words(monkeypatch: pytest.MonkeyPatch, left: int, words: str) -> None:
    clock = iter([0.0, 1.0])
    monkeypatch.setattr(time, "monotonic", lambda: next(clock))
    stream = Terminal()
    line = Line(stream)
    line("compress", 0, left + 1)
    line("compress", 1, left + 1)
    assert stream.getvalue().endswith(f"{words} left")
