"""The folder a build works in, ``OUT.building`` beside ``OUT``, and its journal.

The journal says what the folder is for and how far the build has come. It is replaced whole, after
the data that it speaks of is on the disk; so whenever a build is killed, what the journal says is
there. No file of the folder can be mistaken for an index: ``index.json`` is never among them.
"""

import hashlib
import json
import os
import shutil
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import IO, Any, Self

import numpy as np
from numpy.typing import NDArray

from cxr_edge.atomic import write_atomically
from cxr_edge.errors import OutputError

_JOURNAL = "journal.json"
_LOCK = "lock"


class Workspace:
    """The working folder of one build, as a context: kept for the next run where one is needed."""

    def __init__(self, out: Path, key: Mapping[str, Any]) -> None:
        """Create the folder, or take up what an earlier run left in it.

        Args:
            out: the directory that is being built.
            key: everything that the result depends on, as JSON takes it.

        Raises:
            OutputError: the folder is of a build with another key, is in use, is something else,
                or cannot be written.
        """
        self.folder = self.folder_of(out)
        self.key = json.loads(json.dumps(key, sort_keys=True))
        self.state: dict[str, Any] = {}
        """What the journal holds beside the key."""
        self.resumed = False
        """Whether an earlier run had got anywhere."""
        _require_ours(self.folder)
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            self._lock = _locked(self.folder / _LOCK)
        except OSError as problem:
            raise OutputError(f"cannot write {self.folder}: {problem.strerror}") from None
        if self._lock is None:
            raise OutputError(f"another build works on {out}; wait for it or choose another --out")
        try:
            self._take_up()
        except BaseException:
            self.close()
            raise

    @staticmethod
    def folder_of(out: Path) -> Path:
        """The working folder of a build of ``out``."""
        return out.absolute().with_name(f"{out.absolute().name}.building")

    def _take_up(self) -> None:
        path = self.folder / _JOURNAL
        if not path.exists():
            self.record()
            return
        try:
            journal = json.loads(path.read_bytes())
            key, self.state = dict(journal["key"]), dict(journal["state"])
        except (OSError, ValueError, KeyError, TypeError):
            raise OutputError(f"{path} is damaged; remove {self.folder} to start afresh") from None
        if not self.state:  # killed before there was anything to keep
            self.record()
            return
        other = sorted(n for n in key.keys() | self.key.keys() if key.get(n) != self.key.get(n))
        if other:
            raise OutputError(
                f"{self.folder} holds an unfinished build with another {', '.join(other)}; "
                "run that one to its end, or remove the folder to start afresh"
            )
        self.resumed = True

    @property
    def digest(self) -> str:
        """SHA-256 (hex) of the key: names what is being built."""
        return hashlib.sha256(json.dumps(self.key, sort_keys=True).encode()).hexdigest()

    def record(self, **changes: object) -> None:
        """Put changes of the state on the disk. Data they speak of must be there already."""
        self.state.update(changes)
        text = json.dumps({"key": self.key, "state": self.state}, sort_keys=True, indent=1)
        write_atomically(self.folder / _JOURNAL, text.encode())

    def path(self, name: str) -> Path:
        """The .npy file of one array."""
        return self.folder / f"{name}.npy"

    def save(self, name: str, array: NDArray[Any]) -> None:
        """Write a whole array to the disk."""
        with self.path(name).open("wb") as stream:
            np.save(stream, array)
            stream.flush()
            os.fsync(stream.fileno())

    def load(self, name: str) -> NDArray[Any]:
        """Map a written array."""
        loaded: NDArray[Any] = np.load(self.path(name), mmap_mode="r")
        return loaded

    def growing(self, name: str, dtype: str, shape: tuple[int, ...]) -> "np.memmap[Any, Any]":
        """An array on the disk that is filled part by part; the one of an earlier run goes on."""
        path = self.path(name)
        kept: np.memmap[Any, Any] | None = None
        if path.exists():
            with suppress(ValueError, OSError):
                kept = np.lib.format.open_memmap(path, mode="r+")
        if kept is None or kept.shape != shape or kept.dtype != np.dtype(dtype):
            kept = np.lib.format.open_memmap(path, mode="w+", dtype=np.dtype(dtype), shape=shape)
        if hasattr(os, "posix_fallocate"):
            # A mapped file begins with holes, and filling one on a full disk ends the process.
            with path.open("r+b") as stream:
                os.posix_fallocate(stream.fileno(), 0, path.stat().st_size)
        return kept

    def keep(
        self, part: slice, rows: int, values: Mapping[str, NDArray[Any] | None], **state: object
    ) -> None:
        """Put one block of rows on the disk, and then into the journal.

        Args:
            part: the rows of the block.
            rows: N, of the whole arrays.
            values: by name of the array, its rows ``part``; None where there is no such array.
            **state: changes of the state that say so.
        """
        for name, block in values.items():
            if block is not None:
                held = self.growing(name, block.dtype.name, (rows, *block.shape[1:]))
                held[part] = block
                held.flush()
        self.record(**state)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, problem: BaseException | None, _: object
    ) -> None:
        """Remove the folder when the build is done, or has come to nothing; else keep it.

        Raises:
            OutputError: the disk refused.
        """
        if kind is None or not self.state:
            self.remove()
        else:
            self.close()
        if isinstance(problem, OSError):
            raise OutputError(
                f"cannot write {self.folder}: {problem.strerror or problem}; make room and give "
                "the same command again"
            ) from None

    def close(self) -> None:
        """Let another run take up the folder."""
        if self._lock is not None:
            self._lock.close()
            self._lock = None

    def remove(self) -> None:
        """Nothing of the folder is needed any more."""
        shutil.rmtree(self.folder, ignore_errors=True)
        self.close()


def _require_ours(folder: Path) -> None:
    """Never work in, and then remove, a folder that something else has made.

    Raises:
        OutputError: the folder holds files and no journal.
    """
    if not folder.exists() or (folder / _JOURNAL).is_file():
        return
    names = {path.name for path in folder.iterdir()} if folder.is_dir() else {"no folder"}
    # A run that was killed before its first record leaves these at most.
    for name in sorted(names - {_LOCK}):
        if not (name.startswith(".") and name.endswith(".partial")):
            raise OutputError(f"{folder} is in the way and no build of ours; move it")


def _locked(path: Path) -> IO[bytes] | None:
    """Hold a file for this process, until it is closed or the process ends; None: it is held."""
    stream = path.open("ab")
    try:
        import fcntl
    except ImportError:  # Windows: two builds of one OUT are not noticed there
        return stream
    try:
        fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        stream.close()
        return None
    return stream
