"""Program of ``probing.ask``: does ONNX Runtime compute on the GPU here, and compute right?

Never imported: whatever a driver or a library does to the process, it does to this one. The
argument is an ONNX file whose answer to ones is known: a convolution of nine ones, then a product
of 36.
"""

import ctypes
import json
import os
import sys
from typing import TYPE_CHECKING, NoReturn

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

PROVIDER = "CUDAExecutionProvider"
RIGHT = 9.0 * 36.0
_DRIVER = "nvcuda.dll" if os.name == "nt" else "libcuda.so.1"


def main(model: str) -> None:
    """Print the steps and the answer; see ``probing``."""
    say = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what the libraries print is no answer

    def step(name: str) -> None:
        print(json.dumps({"step": name}), file=say, flush=True)

    def answer(available: bool, detail: str) -> NoReturn:
        line = " ".join(detail.split())[:400]
        print(json.dumps({"available": available, "detail": line}), file=say, flush=True)
        os._exit(0)  # without the libraries' own tidying up, which may fail as well

    step("asking the NVIDIA driver")
    device, complaint = _device()
    if complaint:
        answer(False, complaint)
    step("importing onnxruntime")
    try:
        import onnxruntime as ort

        offered = ort.get_available_providers()
    except Exception as problem:
        answer(False, f"onnxruntime-gpu does not import ({problem}); install it again")
    if PROVIDER not in offered:
        answer(False, f"this onnxruntime has no {PROVIDER}, only {', '.join(offered)}")
    step("loading the CUDA libraries")
    if hasattr(ort, "preload_dlls"):
        ort.preload_dlls()
    options = ort.SessionOptions()
    options.log_severity_level = 3
    try:
        session = ort.InferenceSession(model, options, providers=[PROVIDER])
    except Exception as problem:
        answer(False, f"{PROVIDER} does not load: {problem}")
    used = session.get_providers()
    if used[0] != PROVIDER:
        # Why stands in the library's log, on standard error, from where `probing` takes it.
        answer(False, f"asked for {PROVIDER}, ONNX Runtime took {', '.join(used)}")
    step("running a convolution on the GPU")
    try:
        got = session.run(None, {"pixels": _ones()})[0]
    except Exception as problem:
        answer(False, f"{device} cannot run a convolution: {problem}")
    if not (got == RIGHT).all():
        answer(False, f"{device} computes wrong: {got.flat[0]} instead of {RIGHT}")
    answer(True, f"onnxruntime-gpu {ort.__version__}, {PROVIDER}, {device}")


def _ones() -> "NDArray[np.float32]":
    import numpy as np

    return np.ones((1, 1, 8, 8), np.float32)


def _device() -> tuple[str, str]:
    """Name of the first GPU and its driver's CUDA version, or what is wrong."""
    try:
        driver = ctypes.CDLL(_DRIVER)
    except OSError:
        return "", f"no NVIDIA driver here ({_DRIVER} does not load); install the driver"
    code = driver.cuInit(0)
    if code:
        text = ctypes.c_char_p()
        driver.cuGetErrorName(code, ctypes.byref(text))
        name = (text.value or b"an unknown error").decode(errors="replace")
        return "", f"the NVIDIA driver answers {name} ({code}); nvidia-smi shows what it sees"
    count, version = ctypes.c_int(), ctypes.c_int()
    driver.cuDeviceGetCount(ctypes.byref(count))
    driver.cuDriverGetVersion(ctypes.byref(version))
    if not count.value:
        return "", "the NVIDIA driver sees no GPU; CUDA_VISIBLE_DEVICES may hide it"
    handle, called = ctypes.c_int(), ctypes.create_string_buffer(256)
    driver.cuDeviceGet(ctypes.byref(handle), 0)
    driver.cuDeviceGetName(called, len(called), handle)
    cuda = f"{version.value // 1000}.{version.value % 1000 // 10}"
    return f"{called.value.decode(errors='replace')}, driver for CUDA {cuda}", ""


if __name__ == "__main__":
    main(sys.argv[1])
