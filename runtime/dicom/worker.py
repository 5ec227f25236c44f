"""Decodes compressed pixels in a separate, limited process, so that no codec can harm this one.

On Linux the process has a limit on its address space, its processor time and the wall clock. On
other Unix systems the limits hold as far as the kernel enforces them (macOS does not enforce
RLIMIT_AS); the time-out always holds. On Windows compressed images are refused.
"""

import contextlib
import importlib.util
import json
import os
import select
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cxr_edge.dicom.limits import Limits
from cxr_edge.errors import DecoderUnavailable, StudyError

_PROGRAM = Path(__file__).with_name("decode_child.py")
_START_SECONDS = 30.0
_THREAD_VARIABLES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


class _WorkerLost(Exception):
    """The process ended, was killed, or ran out of time."""


class DecodeWorker:
    """One decode process, started when first needed and again after it was lost.

    Safe to share between threads: one decode runs at a time.
    """

    def __init__(self, limits: Limits) -> None:
        """Keep the limits; no process is started yet."""
        self._limits = limits
        self._process: subprocess.Popen[bytes] | None = None
        self._descriptor = -1
        self._ready = False
        self._lock = threading.Lock()

    def start(self) -> None:
        """Start the process without waiting for it, so that it loads while headers are read.

        Raises:
            DecoderUnavailable: No decoder is installed, or the platform cannot limit one.
        """
        if self._process is not None and self._process.poll() is None:
            return
        self._discard()
        if os.name != "posix":
            raise DecoderUnavailable(
                "compressed pixel data is decoded in a limited process, which needs Linux or "
                "macOS; store the image uncompressed (Explicit VR Little Endian)"
            )
        if importlib.util.find_spec("imagecodecs") is None:
            raise DecoderUnavailable(
                "the pixel data is compressed and no decoder is installed; "
                "install one with: pip install 'cxr-edge[codecs]'  (package imagecodecs)"
            )
        self._descriptor = _anonymous_file()
        # -P keeps the current folder, which may hold anything, off the module path.
        self._process = subprocess.Popen(
            [
                *(sys.executable, "-P", str(_PROGRAM)),
                *(str(self._descriptor), str(self._limits.worker_memory_bytes)),
            ],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            pass_fds=(self._descriptor,),
            bufsize=0,
            env={**os.environ, **dict.fromkeys(_THREAD_VARIABLES, "1")},
        )
        self._ready = False

    def decode(
        self, codec: str, data: bytes, rows: int, columns: int, *, picture: bool = False
    ) -> NDArray[np.generic]:
        """Decode one image.

        Args:
            codec: A name of ``decode_child.FUNCTIONS``.
            data: The codestream.
            rows: Rows that were agreed with the codestream's own header.
            columns: Columns, likewise.
            picture: Take the grey channel of a picture that may be stored as RGB or with alpha.

        Returns:
            (rows, columns), of the decoder's integer type.

        Raises:
            DecoderUnavailable: No decoder is installed.
            StudyError: The decoder refused the stream, crashed, or passed a limit, or the picture
                is in colour.
        """
        with self._lock:
            self.start()
            try:
                reply = self._exchange(codec, data, rows, columns, picture)
            except _WorkerLost as lost:
                self._discard()
                raise StudyError(
                    f"the decoder of the pixel data was stopped: {lost}; the image is damaged or "
                    "hostile, export it again"
                ) from None
            except BaseException:
                # Ctrl-C, or a time limit of the host: the answer that is still to come would be
                # taken for that to the next picture, which may be another patient's.
                self._discard()
                raise
            if "colour" in reply:
                raise StudyError("the picture is in colour; a grey one was expected")
            if "error" in reply:
                raise StudyError(
                    f"the compressed pixel data cannot be decoded: {reply['error']}; "
                    "export the image again"
                )
            return self._collect(reply, rows, columns)

    def close(self) -> None:
        """End the process."""
        with self._lock:
            self._discard()

    def __enter__(self) -> "DecodeWorker":
        """Return self."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """End the process."""
        self.close()

    def _exchange(
        self, codec: str, data: bytes, rows: int, columns: int, picture: bool
    ) -> dict[str, Any]:
        if not self._ready:
            self._receive(_START_SECONDS)
            self._ready = True
        os.ftruncate(self._descriptor, 0)
        _write_all(self._descriptor, data)
        request = {
            "codec": codec,
            "bytes": len(data),
            "rows": rows,
            "columns": columns,
            "picture": picture,
            "cpu_seconds": self._limits.worker_cpu_seconds,
        }
        process = self._running()
        assert process.stdin is not None
        try:
            process.stdin.write(json.dumps(request).encode() + b"\n")
        except OSError:
            raise _WorkerLost(self._ending()) from None
        return self._receive(self._limits.worker_timeout_seconds)

    def _receive(self, seconds: float) -> dict[str, Any]:
        stdout = self._running().stdout
        assert stdout is not None
        deadline = time.monotonic() + seconds
        received = b""
        waiting = select.poll()
        waiting.register(stdout, select.POLLIN)
        while not received.endswith(b"\n"):
            left = deadline - time.monotonic()
            if left <= 0 or not waiting.poll(left * 1e3):
                raise _WorkerLost(f"it took longer than {seconds:.0f} s")
            part = os.read(stdout.fileno(), 1 << 16)
            if not part:
                raise _WorkerLost(self._ending())
            received += part
        reply: dict[str, Any] = json.loads(received)
        return reply

    def _running(self) -> "subprocess.Popen[bytes]":
        assert self._process is not None
        return self._process

    def _ending(self) -> str:
        """Say how the process ended, waiting for a moment because its pipe closes first."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            code = self._running().wait(timeout=5)
            return f"it crashed (signal {-code})" if code < 0 else f"it ended (status {code})"
        return "it closed its output"

    def _collect(self, reply: dict[str, Any], rows: int, columns: int) -> NDArray[np.generic]:
        kind, shape = np.dtype(reply["dtype"]), tuple(reply["shape"])
        if kind.kind not in "iu" or kind.itemsize > 2:
            raise StudyError("the compressed pixel data is not of 8 or 16 bit integers")
        if shape != (rows, columns):
            found = f"{shape[2]} channels" if len(shape) == 3 else "another size than it states"
            raise StudyError(
                f"the compressed pixel data has {found}; a grey image with one was expected"
            )
        image: NDArray[Any] = np.empty(shape, kind)
        view = image.reshape(-1).view(np.uint8).data
        position = 0
        while position < len(view):
            got = os.preadv(self._descriptor, [view[position:]], position)
            if got == 0:
                raise StudyError("the decoder returned too few pixels; export the image again")
            position += got
        return image

    def _discard(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            for pipe in (self._process.stdin, self._process.stdout):
                if pipe is not None:
                    with contextlib.suppress(OSError):
                        pipe.close()
            self._process = None
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1


def _anonymous_file() -> int:
    if sys.platform == "linux":
        return os.memfd_create("cxr-edge-pixels")
    with tempfile.TemporaryFile() as file:
        return os.dup(file.fileno())


def _write_all(descriptor: int, data: bytes) -> None:
    view = memoryview(data)
    position = 0
    while position < len(view):
        position += os.pwrite(descriptor, view[position:], position)
