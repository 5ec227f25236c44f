"""How many processors there are for this process."""

import os


def default_threads() -> int:
    """Processors this process may use: the container's share, not the machine's size."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
