"""The main command's work: what is asked for becomes systems, measurements, a table, a record."""

import tempfile
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from cxr_edge.benchmarks.claims.asked import Asked
from cxr_edge.benchmarks.claims.comparing import PROCESSOR, all_times, claims, named
from cxr_edge.benchmarks.claims.levels import Levels, made_up, of_corpus, of_index
from cxr_edge.benchmarks.claims.measuring import WARM_UP, Measured, agreement, measure
from cxr_edge.benchmarks.claims.result import GENERATIVE, OURS, Key, Row
from cxr_edge.benchmarks.claims.studies import Studies, take_studies
from cxr_edge.benchmarks.claims.systems import setups_of, usable
from cxr_edge.benchmarks.claims.table import report
from cxr_edge.benchmarks.record import (
    Samples,
    load_average,
    machine,
    new_record,
    stolen_words,
)
from cxr_edge.bundle import Bundle
from cxr_edge.engines import choose_engine, default_threads
from cxr_edge.errors import BundleError, OutputError
from cxr_edge.pipeline import locate


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
        _require(asked)
        said("studies")
        studies = take_studies(asked.studies, asked.split, asked.count, folder)
        bundle = _bundle(asked, folder, said)
        levels = _levels(asked, bundle, folder, said)
        notes: list[str] = []

        def remark(line: str) -> None:
            notes.append(line)
            said(line)

        setups = setups_of(asked, bundle, levels, folder, remark)
        setups, studies = usable(setups, studies, folder, remark)
        rounds = max(asked.samples, len(studies.files))
        measured = measure(setups, studies.files, rounds, folder, said, fresh=asked.fresh)
        rows = _rows(asked, measured, levels, studies, said)
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
                f"{named(row, rows)} / {stage}": Samples(
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


def _require(asked: Asked) -> None:
    """Say now what would end the run after minutes of preparing it."""
    choose_engine(asked.engine)
    if asked.keep is not None and (levels := asked.keep / "levels").exists():
        raise OutputError(f"{levels} is there already; remove it or name another folder to --keep")
    if asked.generator is not None:
        Bundle.load(asked.generator)
    if asked.chexbert is not None:
        found = Bundle.load(asked.chexbert).manifest["architecture"]
        if found != "chexbert":
            raise BundleError(
                f"{asked.chexbert} is a bundle of {found}, expected one of CheXbert; export it "
                "with: cxr-export --model chexbert"
            )


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


def _rows(
    asked: Asked,
    measured: Mapping[Key, Measured],
    levels: Levels,
    studies: Studies,
    said: Callable[[str], object],
) -> list[Row]:
    sizes = {level: size for level, (size, _) in levels.contents.items()}
    rows = []
    for key, one in measured.items():
        name, level, method = key
        generates = name == GENERATIVE
        synthetic = bool(asked.made_up_generator) if generates else levels.synthetic
        scores: tuple[Any, ...] = ()
        if studies.references and not synthetic and (generates or not asked.architecture):
            from cxr_edge.benchmarks.quality.scores import score

            said(f"quality of {name}, {method} at {level:g}")
            drafts = [" ".join(one.drafts[number]) for number in range(len(studies.files))]
            scores = tuple(score(studies.references, drafts, chexbert=asked.chexbert))
        rows.append(
            Row(
                system=name,
                level=level,
                rows=0 if generates else sizes[level],
                ratio=1.0 if generates else sizes[0.0] / sizes[level],
                method=method,
                stages_ms=one.stages_ms,
                processor_ms=one.processor_ms,
                first_report_ms=one.fresh.first_report_ms,
                peak_mb=one.fresh.peak_mb,
                scores=scores,
                synthetic=synthetic,
                agreement=None
                if name in (OURS, GENERATIVE)
                else agreement(measured[Key(OURS, level, method)].drafts, one.drafts),
                note=f"{one.note}; {_words(one)}" if generates else one.note,
            )
        )
    return rows


def _words(one: Measured) -> str:
    """What a generator's time grows with."""
    counts = [len(" ".join(said).split()) for said in one.drafts.values()]
    return f"{sum(counts) / len(counts):.0f} words a draft"


def _heads(asked: Asked, bundle: Bundle, levels: Levels, studies: Studies) -> list[str]:
    about, load = machine(), load_average()
    weights = f" with made-up weights, recipe {asked.recipe}" if asked.architecture else ""
    return [
        f"{about['date']}, {about['processor']}, {asked.threads or default_threads()} threads, "
        f"load average {load[0] if load else 'not known'}{stolen_words(about)}",
        f"bundle {bundle.name} {bundle.precision}{weights}; engine {asked.engine}; method "
        f"{', '.join(asked.methods)}, k {asked.k}",
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
        "method": ", ".join(asked.methods),
        "k": asked.k,
    }
