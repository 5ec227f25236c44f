"""Made-up sentence embeddings with the cluster structure of a real corpus of reports.

A tree of points on the sphere. Each stage places its points around the points of the stage before,
at an angle, and popular points get more of them (a weight of 1 / rank ** 0.8, as words and stock
phrases do); the last stage has one point per sentence, in random order. Angles vary by half around
the stage's own, so that cosines are spread over all thresholds. The stages were chosen so that the
number of representatives falls with the level about as CXR-RePaiR's authors count it for 331,007
sentences (2.0, 5.4, 44, 214 and 1,249 times fewer at 1, 5, 15, 25 and 40 %); what they really
give is part of every measurement.
"""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

STAGES = ((0.0002, 0.60), (0.0012, 0.46), (0.024, 0.42), (0.4, 0.25), (0.6, 0.14), (1.0, 0.085))
"""Points of each stage as a share of the sentences, and the angle to their parent in radians."""
_POPULARITY = 0.8
_BLOCK = 65_536


def write_embeddings(path: Path, rows: int, dimension: int, seed: int = 0) -> None:
    """Write float32 (rows, dimension) unit vectors as a .npy file, a block at a time."""
    rng = np.random.default_rng(seed)
    points = rng.standard_normal((1, dimension), dtype=np.float32)
    points /= np.linalg.norm(points)
    for share, angle in STAGES[:-1]:
        below = np.empty((max(1, int(rows * share)), dimension), np.float32)
        _place(rng, points, angle, below)
        points = below
    out = np.lib.format.open_memmap(path, "w+", np.float32, (rows, dimension))
    _place(rng, points, STAGES[-1][1], out)
    out.flush()


def _place(
    rng: np.random.Generator,
    parents: NDArray[np.float32],
    angle: float,
    out: NDArray[np.float32],
) -> None:
    weights = np.arange(1, len(parents) + 1) ** -_POPULARITY
    chosen = rng.choice(len(parents), len(out), p=weights / weights.sum())
    for start in range(0, len(out), _BLOCK):
        parent = parents[chosen[start : start + _BLOCK]]
        away = rng.standard_normal(parent.shape, dtype=np.float32)
        away /= np.linalg.norm(away, axis=1, keepdims=True)
        turn = (angle * rng.uniform(0.5, 1.5, (len(parent), 1))).astype(np.float32)
        points = np.cos(turn) * parent + np.sin(turn) * away
        points /= np.linalg.norm(points, axis=1, keepdims=True)
        out[start : start + _BLOCK] = points
