"""Files appear whole or not at all."""

import os
import secrets
import stat
from contextlib import suppress
from pathlib import Path

from cxr_edge.errors import OutputError


def write_atomically(path: Path, data: bytes) -> None:
    """Write ``data`` to ``path``, replacing what was there.

    The bytes go to a temporary name in the same folder (a rename is atomic only within one file
    system), are flushed to the disk and renamed; then the folder entry is flushed too.

    Raises:
        OutputError: if any step fails, or ``path`` is a device, a pipe, a folder or a link, which a
            rename would put a plain file in the place of; nothing is left behind.
    """
    if _in_the_way(path):
        raise OutputError(f"cannot write {path}: it is there and is no plain file; name a file")
    try:
        replace_file(path, data)
    except OSError as error:
        raise OutputError(
            f"cannot write {path}: {error.strerror or error}; "
            "choose a folder that exists and that you may write to"
        ) from error


def _in_the_way(path: Path) -> bool:
    """Whether something other than a plain file is there; a link counts as itself."""
    try:
        return not stat.S_ISREG(path.lstat().st_mode)
    except (OSError, ValueError):  # writing says what is wrong with the name
        return False


def replace_file(path: Path, data: bytes) -> None:
    """As ``write_atomically``, for a caller that says in its own words what went wrong.

    Raises:
        OSError: if any step fails; nothing is left behind.
    """
    temporary = path.with_name(f".{secrets.token_hex(8)}.partial")
    try:
        # Exclusive creation: a link planted under this name is never followed.
        with temporary.open("xb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except BaseException:
        with suppress(OSError):
            temporary.unlink()
        raise
    with suppress(OSError):
        sync_directory(path.parent)


def sync_directory(directory: Path) -> None:
    """Make a directory's entries durable; a no-op where directories cannot be opened (Windows)."""
    if os.name == "nt":
        return
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
