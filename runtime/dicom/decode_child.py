"""The decode worker's own program, started by path so that it loads nothing but its codec.

It limits itself first, then answers one request a line on standard input. Compressed bytes come in
and decoded pixels go out through a shared anonymous file, whose descriptor it inherits. It imports
nothing of ``cxr_edge``: the parent has already checked sizes, and checks the result again.

    request  {"codec", "bytes", "rows", "columns", "cpu_seconds"}   reply  {"dtype"} or {"error"}
"""

import contextlib
import importlib
import json
import os
import sys
from typing import Any

FUNCTIONS = {
    # libjpeg-turbo 3 decodes 8 and 12 bit, lossy and lossless.
    "jpeg": "jpeg8_decode",
    "jpeg-lossless": "jpeg8_decode",
    "jpeg-ls": "jpegls_decode",
    "jpeg2000": "jpeg2k_decode",
    "htj2k": "htj2k_decode",
    "png": "png_decode",
    "jpeg-file": "jpeg8_decode",
}


_MOST_THREADS = 4
_CAN_COUNT = hasattr(os, "sched_getaffinity")


def _limit_memory(limit: int) -> None:
    with contextlib.suppress(ImportError, ValueError, OSError):
        import resource

        resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def _limit_time(seconds: int) -> None:
    """Allow ``seconds`` of processor time from now on; the kernel then kills the process."""
    with contextlib.suppress(ImportError, ValueError, OSError):
        import resource

        used = resource.getrusage(resource.RUSAGE_SELF)
        soft = int(used.ru_utime + used.ru_stime) + seconds + 1
        hard = resource.getrlimit(resource.RLIMIT_CPU)[1]
        resource.setrlimit(resource.RLIMIT_CPU, (soft, hard))


def _decode(codecs: Any, request: dict[str, Any], data: bytes) -> Any:  # noqa: ANN401
    decode = getattr(codecs, FUNCTIONS[request["codec"]])
    # JPEG 2000 is by far the slowest, and its code blocks decode independently, bit for bit.
    threads = min(len(os.sched_getaffinity(0)), _MOST_THREADS) if _CAN_COUNT else 1
    image = decode(data, numthreads=threads) if request["codec"] == "jpeg2000" else decode(data)
    if image.ndim == 3 and image.shape[2] == 1:
        image = image[:, :, 0]
    return image


def main() -> None:
    """Serve requests until standard input closes."""
    descriptor, memory = int(sys.argv[1]), int(sys.argv[2])
    _limit_memory(memory)
    codecs = importlib.import_module("imagecodecs")
    replies = sys.stdout
    print(json.dumps({"ready": True}), file=replies, flush=True)
    for line in sys.stdin:
        request = json.loads(line)
        _limit_time(request["cpu_seconds"])
        reply: dict[str, Any]
        try:
            data = os.pread(descriptor, request["bytes"], 0)
            image = _decode(codecs, request, data)
            if list(image.shape[:2]) != [request["rows"], request["columns"]]:
                reply = {"error": "the decoded size is not the stated one"}
            else:
                pixels = memoryview(image if image.flags.c_contiguous else image.copy()).cast("B")
                written = 0
                while written < len(pixels):
                    written += os.pwrite(descriptor, pixels[written:], written)
                reply = {"dtype": image.dtype.str, "shape": list(image.shape)}
        except MemoryError:
            reply = {"error": "it asks for more memory than is allowed"}
        except Exception as error:
            reply = {"error": f"the decoder refuses it ({type(error).__name__})"}
        print(json.dumps(reply), file=replies, flush=True)


if __name__ == "__main__":
    main()
