"""The compiled pixel path; see ``module.c`` for the shapes."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

_Taps = tuple[NDArray[np.int32], NDArray[np.int32], NDArray[np.float32]]
_LevelTaps = tuple[NDArray[np.int32], NDArray[np.int32], NDArray[np.int16], NDArray[np.int16]]

def kernels() -> list[str]: ...
def use(name: str, /) -> None: ...
def resize(
    stored: NDArray[Any],
    low: float,
    high: float,
    table: NDArray[np.float32] | None,
    rows: _Taps,
    columns: _Taps,
    out: NDArray[np.float32],
    threads: int,
    /,
) -> None: ...
def resize_levels(
    stored: NDArray[Any],
    table: NDArray[np.uint8],
    place: tuple[int, int, int, int, int],
    rows: _LevelTaps | None,
    columns: _LevelTaps | None,
    out: NDArray[np.uint8],
    threads: int,
    /,
) -> None: ...
def sum_levels(
    stored: NDArray[Any],
    table: NDArray[np.uint8],
    place: tuple[int, int, int, int, int],
    rows: _LevelTaps,
    columns: _LevelTaps,
    out: NDArray[np.int64],
    threads: int,
    /,
) -> None: ...
def histogram(
    stored: NDArray[Any],
    region: tuple[int, int, int, int],
    counts: NDArray[np.int64],
    threads: int,
    /,
) -> None: ...
def extent(
    stored: NDArray[Any], region: tuple[int, int, int, int], threads: int, /
) -> tuple[int, int]: ...
def read(
    file: int,
    offset: int,
    stored: NDArray[Any],
    layout: tuple[int, int, int],
    threads: int,
    /,
) -> int: ...
