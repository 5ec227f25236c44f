"""``cxr-bench compare``, on synthetic samples and on the embedded encoder beside itself."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pytest
import scipy.stats
from click.testing import CliRunner, Result

from cxr_edge.benchmarks.cli import bench
from cxr_edge.benchmarks.record import (
    RecordError,
    Samples,
    interleave,
    new_record,
    ratio,
    write_record,
)
from cxr_edge.benchmarks.record.compare import compare_records, compare_systems
from cxr_edge.pipeline import Pipeline
from cxr_edge.types import SourceImage


def _draw(seed: int, count: int, times: float = 1.0) -> list[float]:
    drawn = times * (5 + np.random.default_rng(seed).gamma(2.0, 0.1, count))
    return [float(value) for value in drawn]


def _record(samples: Mapping[str, Samples], **subject: object) -> dict:
    return new_record("blas", subject=subject, runs={}, samples=samples, results={})


def _run(folder: Path, records: Sequence[dict], *arguments: str) -> Result:
    paths = []
    for number, record in enumerate(records):
        paths.append(str(folder / f"{'ab'[number]}.json"))
        write_record(Path(paths[-1]), record)
    return CliRunner().invoke(bench, ["compare", *paths, *arguments])


def test_twice_the_work_is_seen_as_twice_in_pairs() -> None:
    """Work is counted, not timed: a loop of one system does 1,000 rounds, that of the other 500."""
    chance = np.random.default_rng(4)
    busy = 1 + chance.gamma(1.0, 0.5, 60)  # what the machine does besides, alike for neighbours
    rounds = {"twice / total": 1000, "once / total": 500, "once / read": 7}
    samples = {
        name: Samples("rounds", list(busy * count * (1 + 0.01 * chance.random(60))), "turns")
        for name, count in rounds.items()
    }
    (line,) = compare_systems(_record(samples), "twice", "once")
    assert (line.series, line.ratio.paired, line.ratio.pairs) == ("twice / total", True, 60)
    assert 1.98 < line.ratio.low < line.ratio.value < line.ratio.high < 2.02
    assert line.verdict == "A more"
    (back,) = compare_systems(_record(samples), "once", "twice")
    assert back.verdict == "A less"
    values = samples["twice / total"].values
    assert line.p50_a == pytest.approx(np.median(values))
    assert line.spread_a == pytest.approx(scipy.stats.iqr(values) / np.median(values))
    # The same samples without their pairs are far less sure.
    loose = {name: Samples(one.unit, one.values) for name, one in samples.items()}
    (unpaired,) = compare_systems(_record(loose), "twice", "once")
    assert not unpaired.ratio.paired
    wide = unpaired.ratio.high - unpaired.ratio.low
    assert wide > 5 * (line.ratio.high - line.ratio.low)


def test_two_equal_encoders_are_not_told_apart() -> None:
    """Twenty repetitions of the embedded encoder beside itself."""
    ramp = np.arange(256 * 256, dtype=np.uint16).reshape(256, 256)
    held = 0
    with Pipeline.load(threads=1) as pipeline:
        tensor = pipeline._encoder.preprocess(SourceImage(ramp, bits_stored=16))
        systems = {name: lambda: pipeline._encoder.run(tensor) for name in ("one", "other")}
        for repetition in range(20):
            spans = interleave(systems, 40, seed=repetition)
            found = ratio(spans["one"], spans["other"], paired=True, confidence=0.99)
            held += found.low <= 1 <= found.high
    assert held >= 18


def test_the_command_compares_two_files_and_says_what_differs(tmp_path: Path) -> None:
    a = _record({"total": Samples("ms", _draw(0, 40, 2.0)), "mine": Samples("ms", [1.0])})
    b = _record({"total": Samples("ms", _draw(1, 50))}, bundle_sha256="0" * 64, threads=4)
    a["machine"]["flags"], b["machine"]["flags"] = ["avx", "avx2"], ["avx", "sve"]
    b["machine"].update(processor="Another", load_average={"before": None, "after": [9.0, 1, 1]})
    b["machine"]["packages"] = {**b["machine"]["packages"], "numpy": "1.0"}
    done = _run(tmp_path, [a, b], "--json", str(tmp_path / "out.json"))
    assert done.exit_code == 0, done.output
    (line,) = [line for line in done.stdout.splitlines() if line.startswith("| total")]
    assert "40 unpaired" in line
    assert line.endswith("| A more |")
    assert "load average not known before and 9.0 after" in done.stdout
    for said in (
        "no pairs",
        "processor: ",
        "Another in B",
        "bundle_sha256: nothing in A",
        "1.0 in",
    ):
        assert said in done.stderr, said
    assert "threads: nothing in A, 4 in B" in done.stderr
    assert "flags: ['avx2'] in A, ['sve'] in B" in done.stderr
    assert "fewer than 30" not in done.stderr
    written = json.loads((tmp_path / "out.json").read_text())
    (found,) = written["results"]["comparisons"]
    assert found["ratio"]["value"] == pytest.approx(
        np.median(a["samples"]["total"]["values"]) / np.median(b["samples"]["total"]["values"])
    )
    assert written["command"] == "compare"


def test_records_that_differ_in_nothing_are_only_told_to_be_two(tmp_path: Path) -> None:
    both = [_record({"total": Samples("ms", _draw(seed, 40))}, threads=2) for seed in (0, 1)]
    done = _run(tmp_path, both)
    assert done.stderr.count("warning:") == 1
    assert "not told apart" in done.stdout


def test_few_samples_and_broken_pairs_are_said(tmp_path: Path) -> None:
    samples = {
        "x": Samples("ms", _draw(0, 12), "turns"),
        "y": Samples("ms", _draw(1, 12), "turns"),
        "z": Samples("ms", _draw(2, 11), "turns"),
    }
    done = _run(tmp_path, [_record(samples)], "--of", "x", "--to", "y")
    assert "12 pairs, fewer than 30" in done.stderr
    done = _run(tmp_path, [_record(samples)], "--of", "x", "--to", "z")
    assert "12 and 11 samples, so no pairs" in done.stderr
    assert "| 11 unpaired |" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--of", "x"], "--of and --to"),
        (["--of", "x", "--to", "absent"], "no series of 'absent'"),
        (["--of", "x", "--to", "zero"], "above zero"),
        (["--of", "x", "--to", "size"], "is in ms in A, in MiB in B"),
    ],
)
def test_wrong_use_is_told(tmp_path: Path, arguments: list[str], says: str) -> None:
    samples = {
        "x": Samples("ms", _draw(0, 30)),
        "zero": Samples("ms", [0.0]),
        "size": Samples("MiB", [1.0]),
    }
    done = _run(tmp_path, [_record(samples)], *arguments)
    assert done.exit_code != 0
    assert says in (done.output + str(done.exception))


def test_records_that_share_nothing_are_refused() -> None:
    a, b = (_record({name: Samples("ms", [1.0, 2.0])}) for name in "ab")
    with pytest.raises(RecordError, match="share no series"):
        compare_records(a, b)
    with pytest.raises(RecordError, match="no series 'a' in both"):
        compare_records(a, b, series=["a"])
