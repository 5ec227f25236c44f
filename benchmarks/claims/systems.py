"""Which systems are measured: ours with every method, the baselines that can run, and no others."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np

from cxr_edge.benchmarks.claims import baselines
from cxr_edge.benchmarks.claims.asked import Asked
from cxr_edge.benchmarks.claims.levels import Levels, pictures_for
from cxr_edge.benchmarks.claims.measuring import unreadable
from cxr_edge.benchmarks.claims.result import GENERATIVE, OURS, Key
from cxr_edge.benchmarks.claims.studies import Studies
from cxr_edge.benchmarks.claims.system import Setup, open_system
from cxr_edge.bundle import Bundle
from cxr_edge.engines import default_threads
from cxr_edge.errors import CxrEdgeError, StudyError

_WRITES = "generate"
"""The method of what writes its sentences itself."""

Remark = Callable[[str], object]


def setups_of(
    asked: Asked, bundle: Bundle, levels: Levels, folder: Path, remark: Remark
) -> dict[Key, Setup]:
    """All systems at all levels, ours first.

    Args:
        asked: which.
        bundle: of ours, and of the baselines that retrieve.
        levels: their indexes.
        folder: for what a system prepares.
        remark: told which baseline is left out, and why.

    Raises:
        CxrEdgeError: a bundle with made-up weights cannot be made.
    """
    aim = ""
    if levels.synthetic:
        aim = str(folder / "pictures.npy")
        np.save(aim, pictures_for(bundle.dimension, 1000))
    pairs = [(OURS, method) for method in asked.methods]
    for name in asked.baselines:
        if reason := _left_out(name, asked, levels):
            remark(f"baseline {name} is left out: {reason}")
        else:
            pairs.append((name, _method(name, asked)))
    setups = {}
    for name, method in pairs:
        for level, place in levels.places.items():
            setup = Setup(
                system=name,
                bundle=str(bundle.directory),
                index=str(place),
                method=method,
                engine=asked.engine,
                threads=asked.threads or default_threads(),
                k=asked.k,
                work=str(folder),
                aim=aim,
            )
            if name != GENERATIVE:
                setups[Key(name, level, method)] = setup
        if name == GENERATIVE:
            writer = _writer(asked, folder, remark)
            setups[Key(name, 0.0, method)] = replace(setup, bundle=writer, index="", aim="")
    return setups


def _method(name: str, asked: Asked) -> str:
    """Of a baseline: the first asked one that it can do; empty where it can do none."""
    if name == GENERATIVE:
        return _WRITES
    return next((method for method in asked.methods if method in baselines.METHODS), "")


def _writer(asked: Asked, folder: Path, remark: Remark) -> str:
    """The folder of the bundle that writes reports, made where it is to be made up."""
    if not asked.made_up_generator:
        return str(asked.generator)
    from cxr_edge.benchmarks.claims.made_up import made_up_writer

    remark(
        f"generative: {asked.made_up_generator} at its full size with made-up weights, recipe "
        f"{asked.recipe}, for speed alone; these never choose the word that ends a text, so that "
        "every text has the longest allowed length"
    )
    return str(made_up_writer(asked.made_up_generator, folder, recipe=asked.recipe).directory)


def _left_out(name: str, asked: Asked, levels: Levels) -> str:
    """Why a baseline is not measured; empty where it is."""
    if name == GENERATIVE:
        given = asked.generator or asked.made_up_generator
        return "" if given else "name a bundle that writes reports with --generator"
    if not _method(name, asked):
        done = " and ".join(baselines.METHODS)
        return f"it retrieves as {done} do, not as {', '.join(asked.methods)}"
    if name == "ort-hnswlib" and not asked.insisted:
        from cxr_edge.benchmarks.claims.baselines.hnsw import SKIP_ABOVE

        largest, _ = levels.contents[0.0]
        if largest > SKIP_ABOVE:
            return f"building its graph of {largest:,} rows takes long; name it to have it"
    return baselines.missing(name)


def usable(
    setups: Mapping[Key, Setup], studies: Studies, folder: Path, remark: Remark
) -> tuple[dict[Key, Setup], Studies]:
    """Leave out studies that we cannot draft from, and baselines that cannot run or read them.

    Raises:
        CxrEdgeError: one of our methods cannot be used with this bundle or index.
        StudyError: no study is left.
    """
    ours, *others = [key for key in setups if key.system == OURS and key.level == 0]
    for key in others:
        open_system(setups[key]).close()
    failures = unreadable(setups[ours], studies.files, folder)
    for reason in failures.values():
        remark(f"left out: {reason}")
    studies = studies.without(set(failures))
    if not studies.files:
        raise StudyError("no study could be drafted from; see the reasons above")
    kept = dict(setups)
    for key in [key for key in setups if key.system != OURS and key.level == 0]:
        try:
            reason = next(iter(unreadable(setups[key], studies.files, folder).values()), "")
        except CxrEdgeError as problem:
            reason = str(problem)
        if reason:
            remark(f"baseline {key.system} is left out: {reason}")
            kept = {one: setup for one, setup in kept.items() if one.system != key.system}
    return kept, studies
