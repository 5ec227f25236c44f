"""``cxr-bench load`` on the real pipeline at tiny rates, and what happens when it cannot serve."""

import json
import os
import signal
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from collections.abc import Mapping
from pathlib import Path
from threading import Lock

import jsonschema
import numpy as np
import pytest
from click.testing import CliRunner

from cxr_edge.benchmarks.cli import bench
from cxr_edge.benchmarks.load.arrivals import poisson
from cxr_edge.benchmarks.load.doors import Library
from cxr_edge.benchmarks.load.sweep import SHARES, most, rates_from, search, sweep
from cxr_edge.benchmarks.load.table import HEAD, plot, table, verdict
from cxr_edge.benchmarks.load.workers import WARM_UP, Workers
from cxr_edge.benchmarks.record import read_record
from cxr_edge.errors import CxrEdgeError, StudyError

ROOT = Path(__file__).resolve().parents[3]


class Turnstile:
    """A door that counts; every third request after the warm-up fails."""

    about: Mapping[str, object] = {"subject": "turnstile"}

    def __init__(self, seen: list[int], lock: Lock) -> None:
        self._seen, self._lock, self.closed = seen, lock, False

    def serve(self, number: int) -> None:
        with self._lock:
            self._seen.append(number)
            late = len(self._seen) > 2 * WARM_UP
        if late and number % 3 == 2:
            raise StudyError("the study is damaged: expected a picture; send it again")

    def close(self) -> None:
        self.closed = True


@pytest.mark.parametrize("kind", ["threads", "processes"])
def test_the_library_serves_every_study_that_arrives(kind, phantom: Path, tmp_path: Path) -> None:
    pytest.importorskip("matplotlib", reason="matplotlib is not installed: pip install .[bench]")
    out, picture = tmp_path / "load.json", tmp_path / "load.svg"
    done = CliRunner().invoke(
        bench,
        [
            *("load", str(phantom), "--rate", "4", "--rate", "2", "--requests", "5"),
            *("--workers", "2", "--as", kind, "--json", str(out), "--plot", str(picture)),
        ],
        catch_exceptions=False,
    )
    assert done.exit_code == 0, done.output
    record = read_record(out)
    schema = json.loads((ROOT / "docs" / "benchmark.schema.json").read_text())
    jsonschema.Draft202012Validator(schema).validate(record)
    assert [step["rate"] for step in record["results"]["steps"]] == [2, 4]
    for step in record["results"]["steps"]:
        assert (step["requests"], step["failed"]) == (5, 0)
        name = f"{step['rate']:g} a second"
        latencies = record["samples"][f"latency / {name}"]["values"]
        work = record["samples"][f"work / {name}"]["values"]
        assert len(latencies) == len(work) == 5
        assert all(late >= own > 0 for late, own in zip(latencies, work, strict=True))
        assert step["latency_ms"]["p50"] == pytest.approx(np.median(latencies))
    assert record["subject"]["workers"] == 2
    assert record["subject"]["bundle_sha256"]
    assert "5 studies a rate, fewer than 30" in done.stderr
    assert done.stdout == table(record) + "\n"
    drawn = picture.read_bytes()
    assert ElementTree.fromstring(drawn).tag.endswith("svg")
    assert verdict(record["results"]).encode() in drawn
    plot(record, picture)
    assert picture.read_bytes() == drawn
    shown = CliRunner().invoke(bench, ["load", "--table", str(out)], catch_exceptions=False)
    assert shown.stdout == done.stdout
    assert shown.stdout.startswith(HEAD)


def test_workers_take_what_arrives_in_order_and_failures_are_counted() -> None:
    seen: list[int] = []
    doors: list[Turnstile] = []
    lock = Lock()

    def opener() -> Turnstile:
        doors.append(Turnstile(seen, lock))
        return doors[-1]

    with Workers(opener, 2, "threads") as workers:
        assert len(workers) == 2
        assert workers.about == {"subject": "turnstile"}
        arrivals = poisson(500.0, 30, 0)
        step = workers.serve(arrivals, 500.0)
        assert sorted(seen[2 * WARM_UP :]) == list(range(30))
        assert step.failed == 10
        assert (step.handed >= arrivals).all()
        assert (step.starts >= step.handed).all()
        assert (step.ends >= step.starts).all()
        assert most(workers) > 0
        rates = [step.rate for step in sweep(workers, [400.0, 200.0], 4, 0)]
        assert rates == [200.0, 400.0]
        steps = list(search(workers, 500.0, 4, 0))
        assert [step.rate for step in steps][: len(SHARES)] == rates_from(500.0)
        further = steps[len(SHARES) :]
        assert [step.rate for step in further] == sorted(step.rate for step in further)
        assert all(step.sustained for step in steps[len(SHARES) - 1 : -1])
    assert all(door.closed for door in doors)


def test_rates_lie_around_what_can_be_done() -> None:
    rates = rates_from(123.4)
    assert len(rates) == len(SHARES)
    assert rates == sorted(rates)
    assert rates[0] < 123.4 < rates[-1]


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--rate", "nan"], "expected a number"),
        (["--rate", "inf"], "is not in the range"),
        (["--timeout", "nan"], "expected a number"),
    ],
)
def test_what_is_no_rate_is_wrong_use(phantom: Path, arguments: list[str], says: str) -> None:
    done = CliRunner().invoke(bench, ["load", str(phantom), *arguments])
    assert done.exit_code == 2
    assert says in done.output


@pytest.mark.parametrize(
    ("target", "says"),
    [
        ("/dev/null", "no plain file"),
        ("nowhere/load.json", "there is no folder"),
        (".", "director"),
    ],
)
def test_a_record_that_could_not_be_written_is_refused_before_the_load(
    phantom: Path, target: str, says: str
) -> None:
    done = CliRunner().invoke(bench, ["load", str(phantom), "--json", target])
    assert says in f"{done.output} {done.exception}"
    assert "a second" not in done.output


def test_an_interrupt_of_all_processes_is_one_line(phantom: Path) -> None:
    """As a terminal sends it: to the workers too."""
    command = [sys.executable, "-m", "cxr_edge.benchmarks", "load", str(phantom), "--rate", "2"]
    with subprocess.Popen(
        [*command, "--workers", "1"], stderr=subprocess.PIPE, text=True, start_new_session=True
    ) as process:
        assert process.stderr is not None
        assert "requests in" in process.stderr.readline()
        os.killpg(process.pid, signal.SIGINT)
        rest = process.stderr.read()
    assert process.returncode == 130
    assert rest.strip() == "cxr-bench: interrupted"


def test_a_picture_of_another_kind_is_refused_before_anything_is_served(phantom: Path) -> None:
    done = CliRunner().invoke(bench, ["load", str(phantom), "--plot", "load.gif"])
    assert done.exit_code == 2
    assert "load.gif ends in neither .svg nor .png" in done.output


@pytest.mark.parametrize("kind", ["threads", "processes"])
def test_what_cannot_be_opened_or_served_is_one_line(kind, tmp_path: Path) -> None:
    study = tmp_path / "study.dcm"
    study.write_bytes(b"no picture")
    with pytest.raises(CxrEdgeError, match=r"study\.dcm") as caught:
        Workers(Library((study,)), 1, kind)
    assert "\n" not in str(caught.value)
    with pytest.raises(CxrEdgeError, match="absent") as caught:
        Workers(Library((study,), bundle=tmp_path / "absent"), 1, kind)
    assert "\n" not in str(caught.value)


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_worker_that_dies_ends_the_run() -> None:
    class Trapdoor(Turnstile):
        def serve(self, number: int) -> None:
            if number == 7:
                raise SystemExit

    with (
        Workers(lambda: Trapdoor([], Lock()), 1, "threads") as workers,
        pytest.raises(CxrEdgeError, match="a worker of the load has died"),
    ):
        workers.serve(poisson(1000.0, 10, 0), 1000.0)
