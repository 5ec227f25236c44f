"""The decode worker's own program, started by path so that it loads nothing but its codec.

It limits itself first, then answers one request a line on standard input. Compressed bytes come in
and decoded pixels go out through a shared anonymous file, whose descriptor it inherits. It imports
nothing of ``cxr_edge``: the parent has already checked sizes, and checks the result again.

    request  {"codec", "bytes", "rows", "columns", "picture", "cpu_seconds"}
    reply    {"dtype", "shape"} or {"error"} or {"colour"}
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


_COLOUR_TOLERANCE = 8
"""Largest difference between channels of a grey picture that JPEG stored in colour."""
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
    if request["codec"] == "jpeg2000":
        threads = min(len(os.sched_getaffinity(0)), _MOST_THREADS) if _CAN_COUNT else 1
        image = decode(data, numthreads=threads)
    else:
        image = decode(data)
    if image.ndim == 3 and image.shape[2] == 1:
        image = image[:, :, 0]
    return image


def _grey_channel(numpy: Any, image: Any) -> Any:  # noqa: ANN401
    """The grey channel of a picture, without alpha; None where it is in colour.

    Taken here, only one channel goes through the shared file.
    """
    if image.ndim == 2:
        return image
    channel = first = numpy.ascontiguousarray(image[:, :, 0])
    for number in (2, 1) if image.shape[2] > 2 else ():
        channel = numpy.ascontiguousarray(image[:, :, number])
        # The larger less the smaller: the difference needs no wider type.
        apart = numpy.maximum(first, channel)
        apart -= numpy.minimum(first, channel)
        if int(apart.max()) > _COLOUR_TOLERANCE * (257 if image.itemsize == 2 else 1):
            return None
    return channel


def main() -> None:
    """Serve requests until standard input closes."""
    descriptor, memory = int(sys.argv[1]), int(sys.argv[2])
    _limit_memory(memory)
    codecs = importlib.import_module("imagecodecs")
    numpy = importlib.import_module("numpy")  # which the codecs have loaded
    replies = sys.stdout
    print(json.dumps({"ready": True}), file=replies, flush=True)
    for line in sys.stdin:
        request = json.loads(line)
        _limit_time(request["cpu_seconds"])
        reply: dict[str, Any]
        try:
            data = os.pread(descriptor, request["bytes"], 0)
            image = _decode(codecs, request, data)
            if request["picture"]:
                image = _grey_channel(numpy, image)
            if image is None:
                reply = {"colour": True}
            elif list(image.shape[:2]) != [request["rows"], request["columns"]]:
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
