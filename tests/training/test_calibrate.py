"""Calibration undoes a known distortion."""

import numpy as np
from sklearn.metrics import log_loss

from cxr_edge.training.calibrate import calibration


def test_a_known_slope_and_level_come_back() -> None:
    rng = np.random.default_rng(5)
    honest = rng.normal(-1.5, 1.5, (20_000, 2))
    truth = (rng.random(honest.shape) < 1 / (1 + np.exp(-honest))).astype(np.float32)
    distorted = ((honest + np.array([1.0, -2.0])) / 2).astype(np.float32)
    half = len(honest) // 2
    slope, level = calibration(
        distorted[:half],
        truth[:half].mean(axis=0, dtype=np.float64),
        distorted[half:],
        truth[half:],
        np.ones((half, 2), np.float32),
    )
    np.testing.assert_allclose(slope, 2.0, rtol=0.06)
    np.testing.assert_allclose(level, [-1.0, 2.0], atol=0.15)
    said = 1 / (1 + np.exp(-(slope * distorted[half:] + level)))
    for column in range(2):
        before = log_loss(truth[half:, column], 1 / (1 + np.exp(-distorted[half:, column])))
        assert log_loss(truth[half:, column], said[:, column]) < before
    np.testing.assert_allclose(said.mean(axis=0), truth.mean(axis=0), atol=0.02)


def test_without_valid_the_slope_stays() -> None:
    train = np.random.default_rng(0).standard_normal((500, 3)).astype(np.float32)
    nothing = np.zeros((0, 3), np.float32)
    slope, level = calibration(train, np.array([0.1, 0.0, 1.0]), nothing, nothing, nothing)
    assert slope == 1.0
    mean = (1 / (1 + np.exp(-(train + level)))).mean(axis=0)
    np.testing.assert_allclose(mean, [0.1, 0.001, 0.999], atol=1e-6)
