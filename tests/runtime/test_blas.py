"""The limit on BLAS threads is lifted again, also when drafts overlap."""

import numpy  # noqa: F401  (loads the library that is limited)
from threadpoolctl import threadpool_info, threadpool_limits

from cxr_edge.blas import one_blas_thread


def counts() -> set[int]:
    """Threads of numpy's BLAS; other packages may have loaded one of their own by now."""
    loaded = [entry for entry in threadpool_info() if entry["user_api"] == "blas"]
    return {entry["num_threads"] for entry in loaded if "numpy" in entry["filepath"]}


def test_overlapping_blocks_leave_the_host_its_threads() -> None:
    with threadpool_limits(limits=2, user_api="blas"):
        before = counts()
        first, second = one_blas_thread(), one_blas_thread()
        first.__enter__()
        second.__enter__()
        assert counts() == {1}
        first.__exit__(None, None, None)
        assert counts() == {1}
        second.__exit__(None, None, None)
        assert counts() == before
