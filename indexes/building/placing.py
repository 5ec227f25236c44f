"""Where the indexes of a build go, and what may stand there already."""

import shutil
from glob import escape
from pathlib import Path

from cxr_edge.errors import OutputError, SentenceIndexError
from cxr_edge.indexes.building.workspace import Workspace
from cxr_edge.indexes.container import CLUSTERS, DATA, MANIFEST, SCHEMA
from cxr_edge.indexes.search import SentenceIndex
from cxr_edge.manifest import read_manifest


def targets(out: Path, levels: tuple[float, ...]) -> dict[float, Path]:
    """The directory of each level: ``OUT`` itself for one, else ``OUT/0.15`` and so on."""
    if len(levels) == 1:
        return {levels[0]: out}
    return {level: out / f"{level:g}" for level in levels}


def require_free(out: Path, places: list[Path], replace: bool) -> None:
    """Say now what would otherwise be found out when all the work is done.

    Where an interrupted build has left its folder, its own finished indexes may stand there.

    Raises:
        OutputError: a place is taken, by something else than an index that may be replaced.
    """
    if Workspace.folder_of(out).exists():
        return
    for place in places:
        if place.exists() and not replace:
            raise OutputError(f"{place} exists; remove it or choose another name")
        if place.exists() and not (place / MANIFEST).is_file():
            raise OutputError(
                f"{place} is not replaced: it holds no {MANIFEST}, so it is something else; "
                "choose another name"
            )


def placed(place: Path, build: str) -> SentenceIndex | None:
    """The index that an interrupted run of this very build has put there, if any.

    What runs that were killed while they wrote have left beside it is removed.
    """
    try:
        if read_manifest(place, MANIFEST, SCHEMA, SentenceIndexError)["build"] == build:
            return SentenceIndex.open(place)
    except (SentenceIndexError, KeyError):
        pass  # nothing there, or an older index
    for left in place.parent.glob(f".{escape(place.name)}.*.tmp"):
        if {path.name for path in left.iterdir()} <= {DATA, CLUSTERS, MANIFEST}:
            shutil.rmtree(left, ignore_errors=True)
    return None
