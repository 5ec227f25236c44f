"""Directories that prove themselves: a manifest, the files it lists, and one digest over both.

Bundles and indexes are such directories. The manifest is JSON in one canonical form and carries the
SHA-256 of its own remainder, so that a changed digit anywhere is noticed; it lists every other file
with its size and SHA-256, so that a changed, missing or foreign file is noticed too. A directory is
written under a temporary name and renamed into place: it is there whole, or not at all.
"""

import hashlib
import json
import os
import re
import shutil
import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from cxr_edge.atomic import sync_directory
from cxr_edge.errors import CxrEdgeError, OutputError

SIGNATURE_SUFFIX = ".sig"
"""Ends the name of the one file that may stand beside a manifest unlisted: its signature."""

_MANIFEST_LIMIT = 16 * 2**20
_PART = 4 * 2**20


def canonical(payload: Mapping[str, Any]) -> bytes:
    """The one JSON form a manifest may have: sorted keys, two spaces, finite numbers, UTF-8."""
    text = json.dumps(payload, sort_keys=True, indent=2, ensure_ascii=False, allow_nan=False)
    return text.encode() + b"\n"


def digest_of(payload: Mapping[str, Any]) -> str:
    """SHA-256 (hex) of the manifest without its own ``digest``."""
    rest = {key: value for key, value in payload.items() if key != "digest"}
    return hashlib.sha256(canonical(rest)).hexdigest()


def read_manifest(
    directory: Path, filename: str, schema: str, error: type[CxrEdgeError]
) -> dict[str, Any]:
    """Read a directory's manifest and check it against itself and against the directory listing.

    File *contents* are checked by ``verified``, on the very bytes that are then used.

    Args:
        directory: the bundle or index.
        filename: name of the manifest in it.
        schema: value its ``schema`` must have.
        error: class of the exception to raise.

    Raises:
        CxrEdgeError: of class ``error``, when anything is missing, changed or foreign.
    """
    kind = filename.removesuffix(".json")
    path = directory / filename
    if path.is_fifo():  # to open it would wait forever
        raise error(f"no {kind} at {directory}: {filename} is no file; restore it from its source")
    try:
        with path.open("rb") as stream:
            raw = stream.read(_MANIFEST_LIMIT + 1)
    except OSError as problem:
        reason = problem.strerror or "it cannot be read"
        if not os.path.lexists(directory) and (left := _left_aside(directory.absolute(), filename)):
            raise error(
                f"no {kind} at {directory}: its replacement was cut short and the older one is at "
                f"{left[-1]}; move it back, or give the command that replaces it again"
            ) from None
        raise error(
            f"no {kind} at {directory}: {filename}: {reason}; give the directory that holds it"
        ) from None
    damaged = f"{path} is damaged; restore it from its source or build the {kind} again"
    try:
        payload = json.loads(raw)
    except (ValueError, RecursionError):
        raise error(damaged) from None
    if not isinstance(payload, dict):
        raise error(damaged)
    if payload.get("schema") != schema:
        raise error(
            f"{path} has schema {payload.get('schema')!r}, this version reads {schema!r}; "
            f"build the {kind} again"
        )
    try:
        genuine = canonical(payload) == raw and payload.get("digest") == digest_of(payload)
    except (ValueError, RecursionError):
        genuine = False
    files = payload.get("files")
    if not genuine or not isinstance(files, dict):
        raise error(damaged)
    _check_listing(directory, filename, files, error)
    return payload


def _check_listing(
    directory: Path, manifest: str, files: Mapping[str, Any], error: type[CxrEdgeError]
) -> None:
    expected = {*files, manifest}
    present = {path.name for path in directory.iterdir()}
    for name in sorted(present - expected - {f"{manifest}{SIGNATURE_SUFFIX}"}):
        raise error(
            f"{directory / name} does not belong there: {manifest} does not list it; remove it"
        )
    for name in sorted(expected - present):
        raise error(f"{directory / name} is missing; restore the directory from its source")
    for name, entry in files.items():
        path = directory / name
        if not isinstance(entry, dict) or not {"bytes", "sha256"} <= entry.keys():
            raise error(
                f"{directory / manifest} is damaged: it does not describe {name}; restore it"
            )
        if path.is_symlink() or not path.is_file() or path.stat().st_size != entry["bytes"]:
            raise error(f"{path} is damaged: its size is not the recorded one; restore it")


def verified(
    data: bytes | memoryview, entry: Mapping[str, Any], path: Path, error: type[CxrEdgeError]
) -> None:
    """Check that ``data``, the content of ``path``, is what the manifest's ``entry`` recorded."""
    if len(data) != entry["bytes"] or hashlib.sha256(data).hexdigest() != entry["sha256"]:
        raise error(f"{path} is damaged: its content is not the recorded one; restore it")


def verify_file(path: Path, entry: Mapping[str, Any], error: type[CxrEdgeError]) -> None:
    """As ``verified``, for a file that may be larger than the memory."""
    try:
        with path.open("rb") as stream:
            digest = hashlib.file_digest(stream, "sha256").hexdigest()
            size = stream.tell()
    except OSError as problem:
        raise error(f"{path}: {problem.strerror}; restore it") from None
    if (size, digest) != (entry["bytes"], entry["sha256"]):
        raise error(f"{path} is damaged: its content is not the recorded one; restore it")


def write_directory(
    out: Path,
    filename: str,
    manifest: Mapping[str, Any],
    files: Mapping[str, Iterable[bytes] | bytes | Path],
    *,
    replace: bool = False,
) -> dict[str, Any]:
    """Write files and their manifest to a new directory, whole or not at all.

    Args:
        out: directory to create; it must not exist unless ``replace``.
        filename: name of the manifest in it.
        manifest: everything but ``files`` and ``digest``, which are added here.
        files: content by file name: bytes, parts of bytes, or a file to copy.
        replace: put the new directory in the place of an older one.

    Returns:
        The manifest as written.

    Raises:
        OutputError: ``out`` exists, or the disk refuses.
    """
    out = out.absolute()
    require_place(out, filename, replace=replace)
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        building = Path(tempfile.mkdtemp(prefix=f".{out.name}.", suffix=".tmp", dir=out.parent))
    except OSError as problem:
        raise OutputError(f"cannot write {out}: {problem.strerror}") from None
    try:
        building.chmod(0o755)
        entries = {name: _write_file(building / name, files[name]) for name in sorted(files)}
        payload = {**manifest, "files": entries}
        payload["digest"] = digest_of(payload)
        _write_file(building / filename, canonical(payload))
        sync_directory(building)
        _move_into_place(building, out)
    except OSError as problem:
        raise OutputError(f"cannot write {out}: {problem.strerror}") from None
    finally:
        shutil.rmtree(building, ignore_errors=True)
    return payload


def require_place(out: Path, filename: str, *, replace: bool) -> None:
    """Check that a directory may be written, before the work whose result it is to hold.

    Args:
        out: directory to create.
        filename: name of the manifest in it.
        replace: an older one of its kind may stand there.

    Raises:
        OutputError: ``out`` exists, or is something else than what may be replaced.
    """
    out = out.absolute()
    put_back(out, filename)
    if out.exists() and not replace:
        raise OutputError(f"{out} exists; remove it or choose another name")
    if out.exists() and not (out / filename).is_file():
        raise OutputError(
            f"{out} is not replaced: it holds no {filename}, so it is something else; "
            "choose another name"
        )


def put_back(out: Path, filename: str) -> None:
    """Undo a replacement that was killed half-way: the older directory goes back to its place.

    Args:
        out: the directory that was replaced; nothing is done where it is there.
        filename: name of the manifest in it.

    Raises:
        OutputError: the disk refuses.
    """
    out = out.absolute()
    if os.path.lexists(out):
        return
    for left in _left_aside(out, filename)[-1:]:
        try:
            os.rename(left, out)
            left.parent.rmdir()
            sync_directory(out.parent)
        except OSError as problem:
            raise OutputError(f"cannot move {left} back to {out}: {problem.strerror}") from None


def _asides(out: Path) -> list[Path]:
    """Folders in which replacements of ``out`` have put an older one, the latest last."""
    form = re.compile(rf"\.{re.escape(out.name)}\.\w{{8}}\.old")
    try:
        found = [path for path in out.parent.iterdir() if form.fullmatch(path.name)]
        return sorted(found, key=lambda path: path.stat().st_mtime_ns)
    except OSError:
        return []


def _left_aside(out: Path, filename: str) -> list[Path]:
    """Whole older directories that replacements of ``out`` have put aside, the latest last."""
    olds = [aside / out.name for aside in _asides(out)]
    return [old for old in olds if (old / filename).is_file()]


def _parts(content: Iterable[bytes] | bytes | Path) -> Iterable[bytes]:
    if isinstance(content, bytes):
        yield content
    elif isinstance(content, Path):
        with content.open("rb") as stream:
            while part := stream.read(_PART):
                yield part
    else:
        yield from content


def _write_file(path: Path, content: Iterable[bytes] | bytes | Path) -> dict[str, Any]:
    hasher, size = hashlib.sha256(), 0
    with path.open("xb") as stream:
        for part in _parts(content):
            stream.write(part)
            hasher.update(part)
            size += len(part)
        stream.flush()
        os.fsync(stream.fileno())
    return {"bytes": size, "sha256": hasher.hexdigest()}


def _move_into_place(building: Path, out: Path) -> None:
    # A directory cannot be renamed over a full one, so an older one steps aside first. A crash
    # between the two renames leaves the older one whole under its temporary name; ``put_back``
    # finds it there, and whoever opens ``out`` before that is told where it is.
    if out.exists():
        aside = Path(tempfile.mkdtemp(prefix=f".{out.name}.", suffix=".old", dir=out.parent))
        os.rename(out, aside / out.name)
        try:
            os.rename(building, out)
        except OSError:
            os.rename(aside / out.name, out)
            raise
        for one in _asides(out):  # this one, and what killed replacements have left
            shutil.rmtree(one, ignore_errors=True)
    else:
        os.rename(building, out)
    sync_directory(out.parent)
