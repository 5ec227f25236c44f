"""The first NVIDIA GPU through its driver's own interface (CUDA Driver API), without a package.

Only what one network needs: which GPU it is, memory, copies, one stream, captured graphs of it.
"""

import ctypes
import os
import weakref
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from cxr_edge.errors import EngineUnavailable

LIBRARY = "nvcuda.dll" if os.name == "nt" else "libcuda.so.1"

# CUdevice_attribute of the driver's header.
_MAJOR, _MINOR = 75, 76
# CUstreamCaptureMode: other threads of the process may go on allocating meanwhile.
_THREAD_LOCAL = 1


@dataclass(frozen=True)
class Gpu:
    """Which GPU and driver this is."""

    name: str
    capability: str
    """Compute capability, such as ``8.9``."""
    driver: int
    """Major version of the driver; of the CUDA it supports where the system does not tell."""


class Device:
    """The first GPU with its primary context, in which the vendor's libraries work as well.

    Raises:
        EngineUnavailable: there is no driver, no GPU, or it answers with an error.
    """

    def __init__(self) -> None:
        try:
            self._driver = ctypes.CDLL(LIBRARY)
        except OSError:
            raise EngineUnavailable(
                f"no NVIDIA driver here ({LIBRARY} does not load); install the driver"
            ) from None
        self._call("cuInit", 0)
        self._number = ctypes.c_int()
        self._call("cuDeviceGet", ctypes.byref(self._number), 0)
        self.gpu = self._describe()
        self._context = ctypes.c_void_p()
        self._call("cuDevicePrimaryCtxRetain", ctypes.byref(self._context), self._number)
        self.enter()
        stream = ctypes.c_void_p()
        self._call("cuStreamCreate", ctypes.byref(stream), 0)
        self.stream = int(stream.value or 0)
        """Handle of the stream on which everything here runs."""
        self._held: dict[str, tuple[int, int]] = {}
        self._pinned: dict[int, Any] = {}

    def _call(self, function: str, *arguments: Any) -> None:  # noqa: ANN401
        code = getattr(self._driver, function)(*arguments)
        if code:
            text = ctypes.c_char_p()
            self._driver.cuGetErrorName(code, ctypes.byref(text))
            name = (text.value or b"an unknown error").decode(errors="replace")
            raise EngineUnavailable(
                f"the NVIDIA driver answers {name} ({code}) to {function}; nvidia-smi shows what "
                "it sees"
            )

    def enter(self) -> None:
        """Make the GPU the calling thread's; each thread has to, before it uses it."""
        self._call("cuCtxSetCurrent", self._context)

    def _describe(self) -> Gpu:
        from cxr_edge.engines.libraries import nvidia_driver

        name = ctypes.create_string_buffer(256)
        self._call("cuDeviceGetName", name, len(name), self._number)
        major, minor, cuda = ctypes.c_int(), ctypes.c_int(), ctypes.c_int()
        self._call("cuDeviceGetAttribute", ctypes.byref(major), _MAJOR, self._number)
        self._call("cuDeviceGetAttribute", ctypes.byref(minor), _MINOR, self._number)
        self._call("cuDriverGetVersion", ctypes.byref(cuda))
        version = nvidia_driver()
        driver = int(version.partition(".")[0]) if version else cuda.value // 1000
        capability = f"{major.value}.{minor.value}"
        return Gpu(name.value.decode(errors="replace"), capability, driver)

    def buffer(self, name: str, size: int) -> int:
        """Address of the device memory of a name, at least ``size`` bytes, allocated once.

        It grows where that is not enough, which moves it.
        """
        address, held = self._held.get(name, (0, 0))
        if held >= max(size, 1):
            return address
        self.free(name)
        place = ctypes.c_uint64()
        self._call("cuMemAlloc_v2", ctypes.byref(place), ctypes.c_size_t(max(size, 1)))
        self._held[name] = (place.value, max(size, 1))
        return place.value

    def free(self, name: str) -> None:
        """Give back the memory of a name, if it has any."""
        if name in self._held:
            self._call("cuMemFree_v2", ctypes.c_uint64(self._held.pop(name)[0]))

    def pinned(self, shape: tuple[int, ...], dtype: DTypeLike) -> NDArray[Any]:
        """An array in page-locked memory of the processor, which copies reach at full speed.

        Its memory is given back with the array, and by ``close``, after which it is not to be used.
        """
        kind = np.dtype(dtype)
        count = int(np.prod(shape))
        size = max(count * kind.itemsize, 1)
        self.enter()
        place = ctypes.c_void_p()
        self._call("cuMemHostAlloc", ctypes.byref(place), ctypes.c_size_t(size), 0)
        address = int(place.value or 0)
        memory = (ctypes.c_char * size).from_address(address)
        finalizer = weakref.finalize(memory, self._unpin, address)
        finalizer.atexit = False  # the driver may be gone by then, and the memory with it
        self._pinned[address] = finalizer
        array: NDArray[Any] = np.frombuffer(memoryview(memory), kind, count).reshape(shape)
        return array

    def _unpin(self, address: int) -> None:
        if self._pinned.pop(address, None) is not None:
            self.enter()  # arrays may end in any thread
            self._call("cuMemFreeHost", ctypes.c_void_p(address))

    def free_memory(self) -> int:
        """Bytes of the GPU's memory that nobody holds."""
        self.enter()
        free, total = ctypes.c_size_t(), ctypes.c_size_t()
        self._call("cuMemGetInfo_v2", ctypes.byref(free), ctypes.byref(total))
        return free.value

    def upload(self, address: int, array: NDArray[Any]) -> None:
        """Begin to copy a contiguous array to the device; keep it until ``wait`` has returned."""
        self._call(
            "cuMemcpyHtoDAsync_v2",
            ctypes.c_uint64(address),
            ctypes.c_void_p(array.ctypes.data),
            ctypes.c_size_t(array.nbytes),
            ctypes.c_void_p(self.stream),
        )

    def download(self, array: NDArray[Any], address: int) -> None:
        """Begin to copy from the device into an array, which is filled when ``wait`` returns."""
        self._call(
            "cuMemcpyDtoHAsync_v2",
            ctypes.c_void_p(array.ctypes.data),
            ctypes.c_uint64(address),
            ctypes.c_size_t(array.nbytes),
            ctypes.c_void_p(self.stream),
        )

    def copy(self, to: int, source: int, size: int) -> None:
        """Begin to copy bytes from one place of the device to another."""
        self._call(
            "cuMemcpyDtoDAsync_v2",
            ctypes.c_uint64(to),
            ctypes.c_uint64(source),
            ctypes.c_size_t(size),
            ctypes.c_void_p(self.stream),
        )

    def begin_capture(self) -> None:
        """From now on work given to the stream is recorded and not done, until ``end_capture``."""
        self._call("cuStreamBeginCapture_v2", ctypes.c_void_p(self.stream), _THREAD_LOCAL)

    def end_capture(self) -> int:
        """Handle of what was recorded, ready to be launched again and again; see ``launch``."""
        recorded, ready = ctypes.c_void_p(), ctypes.c_void_p()
        self._call("cuStreamEndCapture", ctypes.c_void_p(self.stream), ctypes.byref(recorded))
        try:
            self._call(
                "cuGraphInstantiateWithFlags", ctypes.byref(ready), recorded, ctypes.c_ulonglong(0)
            )
        finally:
            self._call("cuGraphDestroy", recorded)
        return int(ready.value or 0)

    def drop_capture(self) -> None:
        """End a recording that failed; the stream takes work again."""
        recorded = ctypes.c_void_p()
        with suppress(EngineUnavailable):
            self._call("cuStreamEndCapture", ctypes.c_void_p(self.stream), ctypes.byref(recorded))
        if recorded.value:
            self._call("cuGraphDestroy", recorded)

    def launch(self, graph: int) -> None:
        """Begin what was recorded: the same work on the same addresses."""
        self._call("cuGraphLaunch", ctypes.c_void_p(graph), ctypes.c_void_p(self.stream))

    def forget(self, graph: int) -> None:
        """Give back what was recorded."""
        self._call("cuGraphExecDestroy", ctypes.c_void_p(graph))

    def wait(self) -> None:
        """Until everything begun on the stream is done."""
        self._call("cuStreamSynchronize", ctypes.c_void_p(self.stream))

    def close(self) -> None:
        """Give memory, stream and context back; a second close does nothing."""
        if not self.stream:
            return
        self.enter()
        for name in list(self._held):
            self.free(name)
        for address in list(self._pinned):
            self._unpin(address)
        self._call("cuStreamDestroy_v2", ctypes.c_void_p(self.stream))
        self.stream = 0
        self._call("cuDevicePrimaryCtxRelease_v2", self._number)
