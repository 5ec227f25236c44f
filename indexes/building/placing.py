"""Where the indexes of a build go, and what may stand there already."""

import os
import shutil
from glob import escape
from pathlib import Path

from cxr_edge.errors import OutputError, SentenceIndexError
from cxr_edge.indexes.building.workspace import Workspace
from cxr_edge.indexes.container import CLUSTERS, DATA, MANIFEST, SCHEMA
from cxr_edge.indexes.current import is_portable
from cxr_edge.indexes.search import SentenceIndex
from cxr_edge.manifest import put_back, read_manifest


def targets(out: Path, levels: tuple[float, ...]) -> dict[float, Path]:
    """The directory of each level: ``OUT`` itself for one, else ``OUT/0.15`` and so on."""
    if len(levels) == 1:
        return {levels[0]: out}
    return {level: out / level_name(level) for level in levels}


def level_name(level: float) -> str:
    """``0.15``; as many digits as tell it from every other level."""
    short = f"{level:g}"
    return short if float(short) == level else repr(level)


def require_free(out: Path, places: list[Path], replace: bool) -> None:
    """Say now what would otherwise be found out when all the work is done.

    Where an interrupted build has left its folder, its own finished indexes may stand there.

    Raises:
        OutputError: a place is taken, by something else than an index that may be replaced, or
            lies within another index; or it has a name that Windows cannot hold, whatever the
            system is: an index is copied.
    """
    fresh = [out.absolute(), *out.absolute().parents][:-1]
    if odd := [path.name for path in fresh if not is_portable(path.name) and not _is_there(path)]:
        raise OutputError(
            f"{out} is not created: not every system can hold the name {odd[0]!r}; leave out "
            '<>:"|?*\\, a dot or blank at the end, and the names of devices such as NUL'
        )
    around = [path for place in places for path in place.absolute().parents]
    if within := [path for path in around if (path / MANIFEST).is_file()]:
        raise OutputError(
            f"{out} is not created: {within[0]} is an index, which holds nothing else; choose "
            "another name"
        )
    for place in places:
        put_back(place, MANIFEST)
    try:
        if Workspace.folder_of(out).exists():
            return
    except (OSError, ValueError) as problem:  # a name that is too long; no name at all, as of /
        raise OutputError(f"{out} cannot be created ({problem}); choose another name") from None
    for place in places:
        if os.path.lexists(place) and not replace:
            raise OutputError(f"{place} exists; remove it or choose another name")
        if os.path.lexists(place) and not (place / MANIFEST).is_file():
            raise OutputError(
                f"{place} is not replaced: it holds no {MANIFEST}, so it is something else; "
                "choose another name"
            )


def _is_there(path: Path) -> bool:
    try:
        return path.is_dir()
    except (OSError, ValueError):  # no system can hold it
        return False


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
        if left.is_dir() and {path.name for path in left.iterdir()} <= {DATA, CLUSTERS, MANIFEST}:
            shutil.rmtree(left, ignore_errors=True)
    return None
