"""Which kind of checkpoint file a path is, from its first bytes, and the reader for it."""

import gzip
import re
import tempfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from cxr_edge.errors import CheckpointError
from cxr_edge.export.container import Container, damaged, size_of
from cxr_edge.export.pickles import read_pickle
from cxr_edge.export.safetensors_file import open_safetensors
from cxr_edge.export.torch_files import LEGACY_START, open_legacy, open_zip

_GZIP_RATIO = 20
"""Weights hardly compress; what grows more than this is no checkpoint."""


@contextmanager
def open_container(path: Path) -> Iterator[tuple[Container, bool]]:
    """Open a checkpoint file of any kind; true beside it says that it was inside gzip.

    Raises:
        CheckpointError: missing, cut short, hostile, one of several shards, or no checkpoint.
    """
    refuse_shards(path)
    refuse_pipe(path)
    try:
        with path.open("rb") as stream:
            if stream.read(2) == b"\x1f\x8b":
                with _inflated(stream, path) as content:
                    yield _opened(content, path), True
            else:
                yield _opened(stream, path), False
    except OSError as problem:
        raise CheckpointError(
            f"{path} cannot be read ({problem.strerror or problem}); expected a checkpoint file, "
            "check the path"
        ) from None


def refuse_shards(path: Path) -> None:
    """Say how to join a checkpoint that is spread over several files.

    Raises:
        CheckpointError: the path is one of several shards, or a directory.
    """
    names = [path.name]
    if path.is_dir():
        names = sorted(entry.name for entry in path.iterdir())
    if any(re.search(r"(^|_)(mp_rank|zero_pp_rank)_\d", name) for name in names):
        raise CheckpointError(
            f"{path} is sharded by DeepSpeed, expected one whole file; run the zero_to_fp32.py "
            "that DeepSpeed left beside the shards and give its output"
        )
    if any(name.endswith((".distcp", ".index.json")) or _is_shard(name) for name in names):
        raise CheckpointError(
            f"{path} is one of several shards, expected one whole file; load every shard into one "
            "dict and write that with safetensors.torch.save_file"
        )
    if path.is_dir():
        raise CheckpointError(f"{path} is a directory, expected a checkpoint file; name the file")


def refuse_pipe(path: Path) -> None:
    """Opening a pipe would wait for a writer that never comes, and a device may have no end.

    Raises:
        CheckpointError: the path is a pipe, a device or a socket.
    """
    if path.exists() and not path.is_file() and not path.is_dir():
        raise CheckpointError(
            f"{path} is a pipe or a device, expected a file; write its content to a file first"
        )


def _is_shard(name: str) -> bool:
    found = re.search(r"-(\d{5})-of-(\d{5})\.", name)
    return found is not None and int(found[2]) > 1


def _opened(stream: BinaryIO, path: Path) -> Container:
    stream.seek(0)
    head = stream.read(16)
    stream.seek(0)
    if not head:
        raise CheckpointError(f"{path} is empty, expected a checkpoint; get it again")
    if head.startswith(b"PK\x03\x04"):
        return open_zip(stream, path)
    if head[:1] == b"\x80" and LEGACY_START.startswith(head[2 : 2 + len(LEGACY_START)]):
        return open_legacy(stream, path)
    if head[:1] == b"\x80":
        read_pickle(stream, path)  # the message then names what it would import
        raise CheckpointError(
            f"{path} is a plain pickle, expected a file of torch.save or .safetensors; "
            "open it where it was made and save its state_dict()"
        )
    if path.suffix == ".safetensors" or head[8:9] == b"{":
        return open_safetensors(stream, path)
    raise CheckpointError(
        f"{path} is no checkpoint, expected .safetensors or a file of torch.save (.pt, .pth, .bin, "
        f".ckpt); it begins with {head[:4]!r}"
    )


@contextmanager
def _inflated(stream: BinaryIO, path: Path) -> Iterator[BinaryIO]:
    limit = _GZIP_RATIO * size_of(stream) + 2**20
    stream.seek(0)
    with tempfile.TemporaryFile() as content:
        try:
            with gzip.open(stream) as inside:
                while part := inside.read(2**20):
                    content.write(part)
                    if content.tell() > limit:
                        raise CheckpointError(
                            f"{path} grows more than {_GZIP_RATIO} times when it is unpacked, "
                            "expected a checkpoint, which hardly compresses; do not trust it"
                        )
        except (EOFError, gzip.BadGzipFile, zlib.error) as problem:
            raise damaged(path, f"gzip: {problem}") from None
        yield content
