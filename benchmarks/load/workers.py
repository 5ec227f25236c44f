"""Workers, threads or processes, that take requests from one queue in the order of arrival."""

import queue
import signal
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from multiprocessing import get_context
from multiprocessing.process import BaseProcess
from threading import Thread, current_thread, main_thread
from types import TracebackType
from typing import Any, Literal

import numpy as np

from cxr_edge.benchmarks.load.arrivals import SystemClock, offer
from cxr_edge.benchmarks.load.doors import Door, Opener
from cxr_edge.benchmarks.load.step import Step, Times
from cxr_edge.errors import CxrEdgeError

Kind = Literal["threads", "processes"]
KINDS: tuple[Kind, ...] = ("threads", "processes")
WARM_UP = 3
"""Requests each worker serves before it says that it is ready."""
_PATIENCE = 5.0
"""Seconds that a worker has to finish what it does when the load has ended."""
_KINDS_KEPT = 5
"""Kinds of error that a step names."""
_LOOK = 1.0
"""Seconds between two looks at whether the workers are still there."""


@contextmanager
def _deaf_to_interrupts() -> Iterator[None]:
    """Processes started meanwhile leave Ctrl-C to this one, which ends them in good order."""
    if current_thread() is not main_thread():
        yield
        return
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def _work(opener: Opener, requests: Any, answers: Any) -> None:  # noqa: ANN401
    """Serve until told to end; answers (number, start, end, what went wrong).

    The clock is ``SystemClock``'s, which all threads and processes of a machine share.
    """
    try:
        door = opener()
    except CxrEdgeError as problem:
        answers.put(str(problem))
        return
    try:
        for number in range(WARM_UP):
            door.serve(number)
        answers.put(door.about)
        while (number := requests.get()) is not None:
            began = time.monotonic()
            wrong = _trouble(door, number)
            answers.put((number, began, time.monotonic(), wrong))
    except CxrEdgeError as problem:
        answers.put(str(problem))
    finally:
        door.close()


def _trouble(door: Door, number: int) -> str:
    """Serve; the first line of what went wrong, empty where nothing did."""
    try:
        door.serve(number)
    except CxrEdgeError as problem:
        return str(problem).partition("\n")[0] or type(problem).__name__
    return ""


class Workers:
    """A number of workers that are ready; a context manager that ends them."""

    about: Mapping[str, object]
    """What the doors say of themselves."""

    def __init__(self, opener: Opener, count: int, kind: Kind) -> None:
        self._workers: list[Thread | BaseProcess]
        # Queues whose put never waits: the load must not slow down because they are full.
        self._requests: Any
        self._answers: Any
        if kind == "processes":
            context = get_context("spawn")
            self._requests, self._answers = context.Queue(), context.Queue()
            given = (opener, self._requests, self._answers)
            self._workers = [context.Process(target=_work, args=given) for _ in range(count)]
        else:
            self._requests, self._answers = queue.SimpleQueue(), queue.SimpleQueue()
            given = (opener, self._requests, self._answers)
            self._workers = [Thread(target=_work, args=given, daemon=True) for _ in range(count)]
        with _deaf_to_interrupts():
            for worker in self._workers:
                worker.start()
        try:
            for _ in self._workers:
                self.about = self._answer()
        except BaseException:
            self.close()
            raise

    def __len__(self) -> int:
        return len(self._workers)

    def __enter__(self) -> "Workers":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Let each finish what it does, leave the rest, and end it; one that hangs is stopped."""
        with suppress(queue.Empty):
            while True:
                self._requests.get_nowait()
        for _ in self._workers:
            self._requests.put(None)
        for worker in self._workers:
            worker.join(_PATIENCE)
            if isinstance(worker, BaseProcess) and worker.is_alive():
                worker.terminate()
                worker.join()

    def serve(self, arrivals: Times, rate: float) -> Step:
        """Offer requests at their times and wait until all are served.

        Args:
            arrivals: seconds from now (N,), rising.
            rate: of them, for the result.

        Raises:
            CxrEdgeError: a worker has died.
        """
        beginning, handed = offer(arrivals, self._requests.put, SystemClock())
        starts, ends = np.zeros(len(arrivals)), np.zeros(len(arrivals))
        failed, errors = 0, dict[str, int]()
        for _ in range(len(arrivals)):
            number, began, ended, wrong = self._answer()
            starts[number], ends[number] = began, ended
            if wrong:
                failed += 1
                if wrong in errors or len(errors) < _KINDS_KEPT:
                    errors[wrong] = errors.get(wrong, 0) + 1
        return Step(
            rate=rate,
            arrivals=arrivals,
            handed=np.array(handed),
            starts=starts - beginning,
            ends=ends - beginning,
            failed=failed,
            errors=errors,
        )

    def _answer(self) -> Any:  # noqa: ANN401
        while True:
            try:
                answer = self._answers.get(timeout=_LOOK)
            except queue.Empty:
                if all(worker.is_alive() for worker in self._workers):
                    continue
                raise CxrEdgeError(
                    "a worker of the load has died: see above; run it again with fewer --workers"
                ) from None
            if isinstance(answer, str):
                raise CxrEdgeError(answer)
            return answer
