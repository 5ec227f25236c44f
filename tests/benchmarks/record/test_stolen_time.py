"""The share of processor time that other guests of the machine got while something was measured."""

from pathlib import Path

import pytest

from cxr_edge.benchmarks.record import machine, stolen_words
from cxr_edge.benchmarks.record.stolen import share, ticks

# user nice system idle iowait irq softirq steal guest guest_nice: the manual page proc_stat(5)
BEFORE = "cpu  100 10 40 9000 50 5 5 40 7 7\ncpu0 1 2 3\n"
AFTER = "cpu  160 10 60 9900 90 5 5 60 9 9\ncpu0 1 2 3\n"


def of_text(folder: Path, text: str) -> tuple[int, int] | None:
    file = folder / "stat"
    file.write_text(text)
    return ticks(file)


def test_waiting_is_not_work(tmp_path: Path) -> None:
    before, after = of_text(tmp_path, BEFORE), of_text(tmp_path, AFTER)
    assert before == (200, 40)
    # 60 + 20 worked and 20 stolen, of 100 that were wanted.
    assert share(before, after) == 0.2
    assert share(before, before) == 0
    assert stolen_words({"stolen": 0.2}) == ", 20.0 % of the processor time stolen"


@pytest.mark.parametrize(
    "text", ["", "cpu  1 2 3 4\n", "intr 1 2 3 4 5 6 7 8\n", "cpu a b c d e f g h"]
)
def test_a_system_that_does_not_count_it(text: str, tmp_path: Path) -> None:
    assert of_text(tmp_path, text) is None
    assert ticks(tmp_path / "none") is None
    assert share(of_text(tmp_path, text), (300, 60)) is None
    assert stolen_words({"stolen": None}) == stolen_words({}) == ""


def test_every_record_tells_it() -> None:
    told = machine()["stolen"]
    assert told is None or (isinstance(told, float) and 0 <= told <= 1)
