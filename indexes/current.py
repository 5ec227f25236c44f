"""Versions of an index side by side, and the file ``CURRENT`` that names the one in use.

    mimic/CURRENT          two lines: the version in use, the one before it
    mimic/2026-11/         an index
    mimic/2026-12/         an index

``CURRENT`` is replaced by a rename, so a reader sees the old version or the new one and never
something between. Versions themselves are never edited. A program that opened the older one goes on
with it; deleting versions is left to the owner.
"""

import os
import re
from dataclasses import dataclass
from pathlib import Path

from cxr_edge.atomic import sync_directory
from cxr_edge.errors import OutputError, SentenceIndexError

CURRENT = "CURRENT"

_LIMIT = 1024
# What Windows cannot hold: reserved device names, also with an ending; some characters; a dot or a
# space at the end. A version made on Linux must be copied there as it is.
_RESERVED = re.compile(r"(?i)(con|prn|aux|nul|com[0-9¹²³]|lpt[0-9¹²³])(\..*)?")
_FORBIDDEN = re.compile(r'[<>:"/\\|?*\x00-\x1f\x7f]')


@dataclass(frozen=True)
class Versions:
    """What ``CURRENT`` says."""

    current: str
    previous: str | None


def is_portable(name: str) -> bool:
    """Whether a directory may have this name on Linux, macOS and Windows alike."""
    return (
        0 < len(name) <= 120
        and not _FORBIDDEN.search(name)
        and not _RESERVED.fullmatch(name)
        and name[-1] not in ". "
    )


def is_version(name: str) -> bool:
    """Whether a version may have this name: no hidden one, and not that of ``CURRENT``."""
    return is_portable(name) and not name.startswith(".") and name.upper() != CURRENT


def resolve(directory: Path) -> Path:
    """The index to open: the directory itself, or the version its ``CURRENT`` names.

    Raises:
        SentenceIndexError: ``CURRENT`` is damaged, or names what is not there.
    """
    if not os.path.lexists(directory / CURRENT) or (directory / "index.json").is_file():
        return directory
    version = directory / read_versions(directory).current
    if not version.is_dir():
        raise SentenceIndexError(
            f"{directory / CURRENT} names {version.name}, which is not there; restore it, or run: "
            f"cxr-index rollback {directory}"
        )
    return version


def read_versions(root: Path) -> Versions:
    """What ``CURRENT`` in a directory of versions says.

    Raises:
        SentenceIndexError: there is none, or it is damaged.
    """
    path = root / CURRENT
    if path.exists() and not path.is_file():  # to open a named pipe would wait forever
        raise SentenceIndexError(f"{path} is no file; remove it and run: cxr-index publish VERSION")
    try:
        with path.open("rb") as stream:
            lines = stream.read(_LIMIT + 1).decode().split("\n")
    except OSError as problem:
        raise SentenceIndexError(
            f"{path}: {problem.strerror}; name a version with: cxr-index publish VERSION"
        ) from None
    except UnicodeDecodeError:
        lines = []
    names = lines[:-1]
    if len(names) not in (1, 2) or lines[-1] or not all(map(is_version, names)):
        raise SentenceIndexError(
            f"{path} is damaged: it names no version; write it again: cxr-index publish VERSION"
        )
    return Versions(names[0], names[1] if len(names) == 2 else None)


def publish(version: Path) -> Versions:
    """Make a version the one in use; the one before is remembered for ``rollback``.

    The caller has opened the version before, so that a damaged one is not put in use. A damaged
    ``CURRENT`` is written anew: which version it named is not known any more.

    Raises:
        OutputError: its name is not portable, or ``CURRENT`` cannot be written.
    """
    version = version.absolute()
    if not is_version(version.name):
        raise OutputError(
            f"{version.name!r} is no name for a version: not every system can hold it; use letters,"
            " digits, '-', '_' and '.'"
        )
    root = version.parent
    try:
        before = read_versions(root)
    except SentenceIndexError:
        before = None
    if before is None:
        versions = Versions(version.name, None)
    elif before.current == version.name:
        versions = before
    else:
        versions = Versions(version.name, before.current)
    _write(root, versions)
    return versions


def rollback(root: Path) -> Versions:
    """Go back to the version before; once more goes forward again.

    Raises:
        SentenceIndexError: there is no version before, or it is not there any more.
        OutputError: ``CURRENT`` cannot be written.
    """
    versions = read_versions(root)
    if versions.previous is None:
        raise SentenceIndexError(f"{root} has no version before {versions.current}")
    if not (root / versions.previous).is_dir():
        raise SentenceIndexError(
            f"{root / versions.previous}, the version before, is not there; restore it, or publish "
            "another one with: cxr-index publish VERSION"
        )
    swapped = Versions(versions.previous, versions.current)
    _write(root, swapped)
    return swapped


def _write(root: Path, versions: Versions) -> None:
    lines = [versions.current, *([versions.previous] if versions.previous else [])]
    building = root / f".{CURRENT}.{os.getpid()}.tmp"
    try:
        try:
            with building.open("xb") as stream:
                stream.write("".join(f"{line}\n" for line in lines).encode())
                stream.flush()
                os.fsync(stream.fileno())
            os.replace(building, root / CURRENT)
            sync_directory(root)
        finally:
            building.unlink(missing_ok=True)
    except OSError as problem:
        raise OutputError(f"cannot write {root / CURRENT}: {problem.strerror}") from None
