"""The main command's work: what is asked for becomes systems, measurements, a table, a record."""

import os
import tempfile
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from cxr_edge.benchmarks.claims import baselines
from cxr_edge.benchmarks.claims.comparing import PROCESSOR, all_times, claims, named
from cxr_edge.benchmarks.claims.levels import Levels, made_up, of_corpus, of_index, pictures_for
from cxr_edge.benchmarks.claims.measuring import (
    WARM_UP,
    Key,
    Measured,
    agreement,
    measure,
    unreadable,
)
from cxr_edge.benchmarks.claims.result import OURS, Row
from cxr_edge.benchmarks.claims.studies import Studies, take_studies
from cxr_edge.benchmarks.claims.system import Setup
from cxr_edge.benchmarks.claims.table import report
from cxr_edge.benchmarks.record import Samples, machine, new_record
from cxr_edge.bundle import Bundle
from cxr_edge.engines import default_threads
from cxr_edge.errors import BundleError, CxrEdgeError, StudyError
from cxr_edge.pipeline import locate

GENERATIVE = "generative"


@dataclass(frozen=True)
class Asked:
    """What the user asked for."""

    levels: tuple[float, ...]
    bundle: Path | None = None
    index: Path | None = None
    corpus: Path | None = None
    corpus_split: str | None = None
    corpus_size: int | None = None
    graph: bool = False
    keep: Path | None = None
    """Folder that the levels are written to, for another run's ``index``."""
    studies: str = "generated"
    split: str | None = None
    count: int | None = None
    method: str = "select"
    k: int = 6
    engine: str = "auto"
    precision: str | None = None
    threads: int | None = None
    baselines: tuple[str, ...] = ()
    insisted: bool = False
    """The baselines were named, not all of them taken: none is skipped for its cost."""
    generator: Path | None = None
    chexbert: Path | None = None
    architecture: str | None = None
    calibration: Path | None = None
    recipe: str = "published"
    samples: int = 30
    fresh: int = 3


@dataclass(frozen=True)
class Outcome:
    """What came of it."""

    text: str
    record: dict[str, Any]


def run(asked: Asked, said: Callable[[str], object]) -> Outcome:
    """Measure.

    Args:
        asked: what.
        said: told what is being done, and what is left out and why, a line each.

    Raises:
        CxrEdgeError: in one line, why nothing can be measured.
    """
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="cxr-bench-")))
        bundle = _bundle(asked, folder, said)
        levels = _levels(asked, bundle, folder, said)
        said("studies")
        studies = take_studies(asked.studies, asked.split, asked.count, folder)
        notes: list[str] = []

        def remark(line: str) -> None:
            notes.append(line)
            said(line)

        setups = _setups(asked, bundle, levels, folder, remark)
        setups, studies = _usable(setups, studies, folder, remark)
        rounds = max(asked.samples, len(studies.files))
        measured = measure(setups, studies.files, rounds, folder, said, fresh=asked.fresh)
        rows = _rows(asked, setups, measured, levels, studies, said)
        heads = _heads(asked, bundle, levels, studies)
        times, beside = all_times(rows), claims(rows, levels.about)
        text = report([*heads, *notes], rows, times, beside)
        subject = _subject(asked, bundle, levels, studies)
        record = new_record(
            "",
            subject=subject,
            runs={
                "warm_up": WARM_UP,
                "rounds": rounds,
                "studies": len(studies.files),
                "fresh_processes": asked.fresh,
            },
            samples={
                f"{named(row)} / {stage}": Samples(
                    "ms", [round(value, 3) for value in values], group="turns"
                )
                for row in rows
                for stage, values in {**row.stages_ms, PROCESSOR: row.processor_ms}.items()
            },
            results={
                "rows": [row.to_json() for row in rows],
                "ratios": [asdict(one) for one in times],
                "paper": [asdict(one) for one in beside],
            },
            notes=[*heads, *notes],
        )
        return Outcome(text, record)


def _bundle(asked: Asked, folder: Path, said: Callable[[str], object]) -> Bundle:
    if asked.architecture is not None:
        from cxr_edge.benchmarks.claims.made_up import made_up_bundle

        precision = asked.precision or "fp32"
        said(f"exporting {asked.architecture} in {precision} with made-up weights")
        return made_up_bundle(
            asked.architecture, precision, asked.calibration, folder, recipe=asked.recipe
        )
    bundle = Bundle.load(locate("bundle", asked.bundle))
    if asked.precision not in (None, bundle.precision):
        raise BundleError(
            f"bundle {bundle.name} is {bundle.precision}, asked was {asked.precision}; export it "
            f"with cxr-export --precision {asked.precision} and name it with --bundle"
        )
    return bundle


def _levels(asked: Asked, bundle: Bundle, folder: Path, said: Callable[[str], object]) -> Levels:
    place = asked.keep or folder
    if asked.corpus_size is not None:
        said(f"{asked.corpus_size:,} synthetic sentences")
        threads = asked.threads or default_threads()
        size, levels = asked.corpus_size, asked.levels
        return made_up(bundle, size, levels, place, graph=asked.graph, threads=threads, said=said)
    if asked.corpus is not None:
        said(f"building the levels of {asked.corpus}")
        return of_corpus(
            asked.corpus, asked.corpus_split, bundle, asked.levels, place, chexbert=asked.chexbert
        )
    said("levels of the index")
    return of_index(locate("index", asked.index), bundle, asked.levels, place)


def _setups(
    asked: Asked,
    bundle: Bundle,
    levels: Levels,
    folder: Path,
    remark: Callable[[str], object],
) -> dict[Key, Setup]:
    aim = ""
    if levels.synthetic:
        aim = str(folder / "pictures.npy")
        np.save(aim, pictures_for(bundle.dimension, 1000))
    names = [OURS]
    for name in asked.baselines:
        if reason := _left_out(name, asked, levels):
            remark(f"baseline {name} is left out: {reason}")
        else:
            names.append(name)
    setups = {}
    for name in names:
        for level, place in levels.places.items():
            setup = Setup(
                system=name,
                bundle=str(bundle.directory),
                index=str(place),
                method=asked.method,
                engine=asked.engine,
                threads=asked.threads or default_threads(),
                k=asked.k,
                work=str(folder),
                aim=aim,
            )
            if name != GENERATIVE:
                setups[name, level] = setup
        if name == GENERATIVE:
            setups[name, 0.0] = _generative(setup, asked)
    return setups


def _generative(setup: Setup, asked: Asked) -> Setup:
    from dataclasses import replace

    return replace(setup, bundle=str(asked.generator), index="", method="generate", aim="")


def _left_out(name: str, asked: Asked, levels: Levels) -> str:
    """Why a baseline is not measured; empty where it is."""
    if name == GENERATIVE:
        return "" if asked.generator else "name a bundle that writes reports with --generator"
    if asked.method not in baselines.METHODS:
        return f"it retrieves as {' and '.join(baselines.METHODS)} do, not as {asked.method}"
    if name == "ort-hnswlib" and not asked.insisted:
        from cxr_edge.benchmarks.claims.baselines.hnsw import SKIP_ABOVE

        largest, _ = levels.contents[0.0]
        if largest > SKIP_ABOVE:
            return f"building its graph of {largest:,} rows takes long; name it to have it"
    return baselines.missing(name)


def _usable(
    setups: Mapping[Key, Setup],
    studies: Studies,
    folder: Path,
    remark: Callable[[str], object],
) -> tuple[dict[Key, Setup], Studies]:
    """Leave out studies that we cannot draft from, and baselines that cannot run or read them."""
    failures = unreadable(setups[OURS, 0.0], studies.files, folder)
    for reason in failures.values():
        remark(f"left out: {reason}")
    studies = studies.without(set(failures))
    if not studies.files:
        raise StudyError("no study could be drafted from; see the reasons above")
    kept = dict(setups)
    for name in dict.fromkeys(name for name, _ in setups if name != OURS):
        try:
            reason = next(iter(unreadable(setups[name, 0.0], studies.files, folder).values()), "")
        except CxrEdgeError as problem:
            reason = str(problem)
        if reason:
            remark(f"baseline {name} is left out: {reason}")
            kept = {key: setup for key, setup in kept.items() if key[0] != name}
    return kept, studies


def _rows(
    asked: Asked,
    setups: Mapping[Key, Setup],
    measured: Mapping[Key, Measured],
    levels: Levels,
    studies: Studies,
    said: Callable[[str], object],
) -> list[Row]:
    sizes = {level: size for level, (size, _) in levels.contents.items()}
    rows = []
    for name, level in sorted(measured, key=lambda key: (key[0] != OURS, key)):
        one = measured[name, level]
        generates = name == GENERATIVE
        scores: tuple[Any, ...] = ()
        if studies.references and not levels.synthetic and not asked.architecture:
            from cxr_edge.benchmarks.quality.scores import score

            said(f"quality of {name} at {level:g}")
            drafts = [" ".join(one.drafts[number]) for number in range(len(studies.files))]
            scores = tuple(score(studies.references, drafts, chexbert=asked.chexbert))
        rows.append(
            Row(
                system=name,
                level=level,
                rows=0 if generates else sizes[level],
                ratio=1.0 if generates else sizes[0.0] / sizes[level],
                method=setups[name, level].method,
                stages_ms=one.stages_ms,
                processor_ms=one.processor_ms,
                first_report_ms=one.fresh.first_report_ms,
                peak_mb=one.fresh.peak_mb,
                scores=scores,
                synthetic=levels.synthetic and not generates,
                agreement=None
                if name in (OURS, GENERATIVE)
                else agreement(measured[OURS, level].drafts, one.drafts),
                note=one.note,
            )
        )
    return rows


def _heads(asked: Asked, bundle: Bundle, levels: Levels, studies: Studies) -> list[str]:
    about, load = machine(), os.getloadavg()[0] if hasattr(os, "getloadavg") else None
    weights = f" with made-up weights, recipe {asked.recipe}" if asked.architecture else ""
    return [
        f"{about['date']}, {about['processor']}, {asked.threads or default_threads()} threads, "
        f"load average {load}",
        f"bundle {bundle.name} {bundle.precision}{weights}; engine {asked.engine}; method "
        f"{asked.method}, k {asked.k}",
        f"studies: {studies.about}, files in the page cache",
        f"sentences: {levels.about}",
    ]


def _subject(asked: Asked, bundle: Bundle, levels: Levels, studies: Studies) -> dict[str, object]:
    digests = {f"{level:g}": digest for level, (_, digest) in levels.contents.items()}
    return {
        "bundle": bundle.name,
        "bundle_sha256": bundle.digest,
        "made_up_weights": asked.architecture is not None,
        "recipe_sha256": bundle.recipe.digest,
        "index": levels.about,
        "index_sha256": digests["0"],
        "levels_sha256": digests,
        "synthetic": levels.synthetic,
        "studies": studies.about,
        "engine": asked.engine,
        "precision": bundle.precision,
        "threads": asked.threads or default_threads(),
        "method": asked.method,
        "k": asked.k,
    }


def names_of(chosen: Sequence[str]) -> tuple[tuple[str, ...], bool]:
    """Baselines by what ``--baseline`` was given, and whether they were named one by one."""
    if not chosen or "all" in chosen:
        return tuple(baselines.NEEDS), False
    if "none" in chosen:
        return (), False
    return tuple(dict.fromkeys(chosen)), True
