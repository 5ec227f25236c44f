"""``cxr-bench stages``: milliseconds of every stage, for each way a radiograph may be stored.

Beside it stand, run for run, the same with numpy in place of the compiled pixel path, and the path
most programs take: pydicom's decoder and its modality and VOI transformations at full size, then
the resize.
"""

import tempfile
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from pathlib import Path
from time import perf_counter

import click
import numpy as np

from cxr_edge.benchmarks.parts.radiograph_files import BITS, COLUMNS, ROWS, write_files
from cxr_edge.benchmarks.record import Samples, new_record, write_record
from cxr_edge.benchmarks.record.options import json_option
from cxr_edge.blas import one_blas_thread
from cxr_edge.dicom import StudyReader
from cxr_edge.pipeline import Pipeline
from cxr_edge.preprocess import Recipe, apply
from cxr_edge.preprocess.native import kernels, numpy_only
from cxr_edge.preprocess.resample import Kernel, resize

Timings = Mapping[str, float]
_SIDE = 128
_RECIPE = Recipe.from_json(
    {
        "tone": "voi",
        "steps": [{"op": "resize", "height": _SIDE, "width": _SIDE}, {"op": "standardise"}],
    }
)


@click.command()
@click.option("--runs", type=click.IntRange(min=1), default=30, help="Timed runs of each file.")
@click.option("--bundle", type=click.Path(path_type=Path), help="Bundle to draft with.")
@click.option("--index", type=click.Path(path_type=Path), help="Index to draft with.")
@click.option("--threads", type=click.IntRange(min=1), help="Processors for the encoder.")
@click.option("--reading-only", is_flag=True, help="Read and preprocess only; needs no bundle.")
@click.option("--beside-numpy/--alone", default=True, help="Time numpy's pixel path beside ours.")
@click.option("--standard/--no-standard", default=True, help="Time pydicom's path beside ours.")
@json_option()
def stages(
    runs: int,
    bundle: Path | None,
    index: Path | None,
    threads: int | None,
    reading_only: bool,
    beside_numpy: bool,
    standard: bool,
    out: Path | None,
) -> None:
    """Time every stage for a 3050 x 2500 radiograph in each transfer syntax."""
    results: dict[str, dict[str, object]] = {}
    samples: dict[str, Samples] = {}
    about: Mapping[str, object] = {"recipe": _RECIPE.to_json()}
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        if reading_only:
            run = _reading(stack.enter_context(StudyReader()))
        else:
            pipeline = Pipeline.load(bundle, index, threads=threads)
            run, about = _drafting(stack.enter_context(pipeline)), pipeline.provenance
        click.echo(f"{ROWS} x {COLUMNS}, {BITS} bits in 16, {runs} runs, milliseconds p50/p95")
        for name, path in write_files(folder):
            paired = beside_numpy and kernels() is not None
            ours, by_numpy = _measure(run, path, runs, paired)
            row: dict[str, object] = {"bytes": path.stat().st_size, "stages_ms": _summarise(ours)}
            samples |= {f"{name} / {part}": Samples("ms", ours[part], name) for part in ours}
            if paired:
                row["numpy_stages_ms"] = _summarise(by_numpy)
                samples |= {
                    f"{name} / numpy / {part}": Samples("ms", by_numpy[part], name)
                    for part in by_numpy
                }
            if standard and (theirs := _time_standard(path, max(runs // 3, 1))):
                row["pydicom_ms"] = float(np.median(theirs))
                samples[f"{name} / pydicom"] = Samples("ms", theirs)
            elif standard:
                row["pydicom_ms"] = None
            results[name] = row
            click.echo(_line(name, row))
            path.unlink()
    if out is not None:
        record = new_record(
            "stages",
            subject=about,
            runs={"warm_up": 1, "rounds": runs},
            samples=samples,
            results={"files": results},
        )
        write_record(out, record)


def _reading(reader: StudyReader) -> Callable[[Path], Timings]:
    def run(path: Path) -> Timings:
        with one_blas_thread():  # as a draft does
            begin = perf_counter()
            study = reader.read(path)
            middle = perf_counter()
            apply(_RECIPE, study.image)
            end = perf_counter()
        return {
            "read": (middle - begin) * 1e3,
            "preprocess": (end - middle) * 1e3,
            "total": (end - begin) * 1e3,
        }

    return run


def _drafting(pipeline: Pipeline) -> Callable[[Path], Timings]:
    return lambda path: pipeline.run(path).timings_ms


def _repeat(run: Callable[[], Timings], runs: int) -> list[Timings]:
    """Run once to warm caches and the decode worker, then ``runs`` times."""
    run()
    return [run() for _ in range(runs)]


def _measure(
    run: Callable[[Path], Timings], path: Path, runs: int, paired: bool
) -> tuple[dict[str, list[float]], dict[str, list[float]]]:
    """Run so often; where ``paired``, each time once more by numpy, in turns before and after."""
    ours: list[Timings] = []
    by_numpy: list[Timings] = []

    def time_numpy() -> None:
        with numpy_only():
            by_numpy.append(run(path))

    for number in range(runs + 1):
        if paired and number % 2:
            time_numpy()
        ours.append(run(path))
        if paired and number % 2 == 0:
            time_numpy()
    # The first warms caches and the decode worker.
    return _by_stage(ours[1:]), _by_stage(by_numpy[1:]) if paired else {}


def _by_stage(timings: list[Timings]) -> dict[str, list[float]]:
    return {stage: [timing[stage] for timing in timings] for stage in timings[0]}


def _summarise(spans: Mapping[str, list[float]]) -> dict[str, list[float]]:
    """Return the 50th and 95th percentile of every stage."""
    return {
        stage: [round(float(value), 3) for value in np.percentile(values, (50, 95))]
        for stage, values in spans.items()
    }


def _time_standard(path: Path, runs: int) -> list[float]:
    """Time pydicom's path; nothing where pydicom has no decoder for the file."""
    from pydicom import dcmread
    from pydicom.pixels.processing import apply_modality_lut, apply_voi_lut

    def run() -> Timings:
        begin = perf_counter()
        dataset = dcmread(path)
        grey = apply_voi_lut(apply_modality_lut(dataset.pixel_array, dataset), dataset)
        resize(np.asarray(grey, np.float32), _SIDE, _SIDE, Kernel("area"))
        return {"total": (perf_counter() - begin) * 1e3}

    try:
        return _by_stage(_repeat(run, runs))["total"]
    except (RuntimeError, NotImplementedError, AttributeError):
        return []


def _line(name: str, row: Mapping[str, object]) -> str:
    stages_ms = row["stages_ms"]
    assert isinstance(stages_ms, dict)
    parts = [f"{stage} {middle:.1f}/{high:.1f}" for stage, (middle, high) in stages_ms.items()]
    size = row["bytes"]
    assert isinstance(size, int)
    text = f"{name:<26}{size / 1e6:6.1f} MB  " + "  ".join(parts)
    other_stages = row.get("numpy_stages_ms")
    if isinstance(other_stages, dict):
        changed = ("read", "preprocess", "total")
        text += "  numpy " + "  ".join(
            f"{stage} {other_stages[stage][0]:.1f}" for stage in changed if stage in other_stages
        )
    if "pydicom_ms" in row:
        other = row["pydicom_ms"]
        text += f"  pydicom {other:.1f}" if isinstance(other, float) else "  pydicom -"
    return text
