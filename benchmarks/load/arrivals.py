"""When requests arrive, and handing them over at that time."""

import time
from collections.abc import Callable, Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray


class Clock(Protocol):
    """What tells the time and waits."""

    def now(self) -> float:
        """Seconds since some fixed moment, the same for all processes of the machine."""

    def wait_until(self, moment: float) -> None:
        """Return no earlier than that moment; at once where it has passed."""


class SystemClock:
    """The machine's own."""

    def now(self) -> float:
        """Seconds of the monotonic clock."""
        return time.monotonic()

    def wait_until(self, moment: float) -> None:
        """Sleep until a moment of that clock."""
        while (left := moment - time.monotonic()) > 0:
            time.sleep(left)


def poisson(rate: float, count: int, seed: int) -> NDArray[np.float64]:
    """Arrival times of a Poisson process, in seconds from its beginning, rising.

    They are those of a process of which it is known that ``count`` requests arrive in
    ``count / rate`` seconds: independent and uniform in that span (Ross, Stochastic Processes,
    theorem 2.3.1), so that the offered rate is the one asked for.

    Args:
        rate: arrivals a second, above zero.
        count: how many.
        seed: the same seed and count give the same pattern at every rate, faster or slower.
    """
    moments = np.random.default_rng(seed).random(count)
    moments.sort()
    return moments * (count / rate)


def offer(
    arrivals: Sequence[float] | NDArray[np.float64], put: Callable[[int], None], clock: Clock
) -> tuple[float, list[float]]:
    """Hand over request i at ``arrivals[i]``, however many still wait.

    Args:
        arrivals: seconds from the beginning, rising.
        put: takes the number of a request and returns at once.
        clock: tells the time.

    Returns:
        The beginning on the clock, and when each request was really handed over, in seconds from
        it: later than intended where the program itself was late, which latencies include.
    """
    beginning = clock.now()
    handed = []
    for number, moment in enumerate(arrivals):
        clock.wait_until(beginning + float(moment))
        handed.append(clock.now() - beginning)
        put(number)
    return beginning, handed
