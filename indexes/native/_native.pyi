"""The compiled reader; see ``module.c`` for the shapes."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

def kernels() -> list[str]: ...
def use(name: str, /) -> None: ...
def scores(
    vectors: NDArray[Any], query: NDArray[np.float32], scores: NDArray[np.float32], /
) -> None: ...
def scan(
    vectors: NDArray[Any],
    queries: NDArray[np.float32],
    rows: NDArray[np.uint32],
    scores: NDArray[np.float32],
    /,
) -> None: ...
def beam(
    vectors: NDArray[Any],
    links: NDArray[np.uint32],
    entry: NDArray[np.uint32],
    codes: NDArray[np.int8],
    steps: NDArray[np.float32],
    ef: int,
    queries: NDArray[np.float32],
    rows: NDArray[np.uint32],
    scores: NDArray[np.float32],
    computed: NDArray[np.uint32],
    /,
) -> None: ...
def prune(
    vectors: NDArray[np.float32],
    rows: NDArray[np.uint32],
    candidates: NDArray[np.uint32],
    alpha: float,
    links: NDArray[np.uint32],
    /,
) -> None: ...
